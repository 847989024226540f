/// Assemblies that the user names, and what lies beside them.
[<RequireQualifiedAccess>]
module internal UbarFs.Scripting.AssemblyFile

open UbarFs.Core

/// The most bytes of one: with all of libtorch linked into it, it would not be .NET's.
let longest = 256 <<< 20

/// Its bytes, if it is a file and no longer than that; anything else is an IOException.
let read (path: string) : byte[] = InputFile.read longest path
