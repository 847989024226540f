namespace UbarFs.LibTorch;

/// <summary>The tags of an ELF dynamic section that are read here (elf.h's DT_ constants).</summary>
internal static class ElfTag
{
    public const long Null = 0;
    public const long Needed = 1;
    public const long PltRelocationsSize = 2;
    public const long HashTable = 4;
    public const long StringTable = 5;
    public const long SymbolTable = 6;
    public const long Relocations = 7;
    public const long RelocationsSize = 8;
    public const long StringTableSize = 10;
    public const long ShortRelocations = 17;
    public const long PltRelocationsKind = 20;
    public const long PltRelocations = 23;
    public const long GnuHashTable = 0x6ffffef5;
    public const long SymbolVersions = 0x6ffffff0;
    public const long VersionDefinitions = 0x6ffffffc;
    public const long VersionDefinitionCount = 0x6ffffffd;
    public const long VersionNeeds = 0x6ffffffe;
    public const long VersionNeedCount = 0x6fffffff;
}
