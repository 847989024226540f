module UbarFs.Tests.LibTorchTests

open System
open System.IO
open System.Security.Cryptography
open System.Threading.Tasks
open Expecto
open FsCheck
open FsCheck.FSharp
open TorchSharp
open UbarFs.LibTorch

let private onLinux test () =
    if
        OperatingSystem.IsLinux()
        && Runtime.InteropServices.RuntimeInformation.ProcessArchitecture = Runtime.InteropServices.Architecture.X64
    then
        test ()
    else
        skiptest "only Linux on x86-64 has these libraries"

let private shippedLibrary = lazy (NativeFiles.Find "LibTorchSharp" |> File.ReadAllBytes)

let private parse (library: byte[]) = new ElfFile(new MemoryStream(library, false))

let private versionNeeds library =
    use file = parse library
    ElfVersionNeeds.Read file |> List.ofSeq

let private standardLibrary, tooNew = "libstdc++.so.6", "GLIBCXX_3.4.32"

let private withTemporaryFolder test =
    let folder = Directory.CreateTempSubdirectory("ubarfs-tests-").FullName

    try
        test folder
    finally
        Directory.Delete(folder, true)

let private messageOf action =
    try
        action ()
        failtest "a LibTorchException was expected"
    with :? LibTorchException as error ->
        error.Message

let private patching =
    testList
        "patching"
        [ testCase "the version that GCC 13 asks for is found and is not weak"
          <| onLinux (fun () ->
              let need = versionNeeds shippedLibrary.Value |> List.find (fun need -> need.Version = tooNew)

              Expect.equal (need.Library, need.IsWeak) (standardLibrary, false) "the need")

          testCase "marking a version weak changes that entry's flags and nothing else"
          <| onLinux (fun () ->
              let original = shippedLibrary.Value
              let patched = ElfVersionNeeds.MarkWeak(original, standardLibrary, tooNew)

              let changed =
                  Seq.zip original patched
                  |> Seq.indexed
                  |> Seq.filter (fun (_, (before, after)) -> before <> after)
                  |> Seq.map fst
                  |> List.ofSeq

              let need = versionNeeds original |> List.find (fun need -> need.Version = tooNew)
              Expect.equal changed [ int need.FlagsOffset ] "the place of the change"

              let expected =
                  versionNeeds original
                  |> List.map (fun other ->
                      if other = need then
                          ElfVersionNeed(
                              need.Library,
                              need.Version,
                              need.Index,
                              ElfVersionNeed.Weak,
                              need.FlagsOffset
                          )
                      else
                          other)

              Expect.equal (versionNeeds patched) expected "the needs afterwards")

          testCase "marking a weak version weak changes nothing"
          <| onLinux (fun () ->
              let once = ElfVersionNeeds.MarkWeak(shippedLibrary.Value, standardLibrary, tooNew)
              let twice = ElfVersionNeeds.MarkWeak(once, standardLibrary, tooNew)
              Expect.isTrue (once.AsSpan().SequenceEqual twice) "the second patch")

          testCase "every version that the library uses is refused, and only the unused one is taken back"
          <| onLinux (fun () ->
              let canBeTakenBack (need: ElfVersionNeed) =
                  try
                      ElfVersionNeeds.MarkWeak(shippedLibrary.Value, need.Library, need.Version) |> ignore

                      true
                  with :? ElfException ->
                      false

              let unused = versionNeeds shippedLibrary.Value |> List.filter canBeTakenBack |> List.map _.Version

              Expect.equal unused [ tooNew ] "the unused versions")

          testCase "an unmet version that is used is reported as a system too old"
          <| onLinux (fun () ->
              let unmet = versionNeeds shippedLibrary.Value |> List.filter (fun need -> need.Version = "GLIBC_2.34")

              let message = messageOf (fun () -> VersionGap.Close(shippedLibrary.Value, ResizeArray unmet) |> ignore)

              Expect.stringContains message "too old" "what is wrong"
              Expect.stringContains message "GLIBC_2.34 (libc.so.6)" "what is missing")

          testCase "a system that defines all versions needs no patch, and one without the newest needs that one"
          <| onLinux (fun () ->
              let needs = versionNeeds shippedLibrary.Value

              let unmetWithout version =
                  let offered = needs |> List.map _.Version |> List.filter ((<>) version) |> Set.ofList

                  VersionGap.Unmet(needs, fun _ -> Collections.Generic.HashSet offered)
                  |> Seq.map _.Version
                  |> List.ofSeq

              Expect.equal (unmetWithout "none of them") [] "a newer system"
              Expect.equal (unmetWithout tooNew) [ tooNew ] "an older system")

          testCase "the loaded C++ library defines the versions that its name promises"
          <| onLinux (fun () ->
              let path = DynamicLinker.PathOf(DynamicLinker.Load(standardLibrary, DynamicLinker.Binding.Lazy))

              use file = ElfFile.Open path
              let versions = ElfVersionDefinitions.Read file
              Expect.containsAll versions [ standardLibrary; "GLIBCXX_3.4"; "CXXABI_1.3" ] "the definitions") ]

/// What the loader does to a library before trusting it, on any bytes.
let private examine (library: byte[]) =
    use file = parse library

    for need in ElfVersionNeeds.Read file do
        ElfSymbols.FirstRelocated(file, need.Index) |> ignore

    ElfVersionDefinitions.Read file |> ignore
    ElfSymbols.Read file |> Seq.length |> ignore
    file.NeededLibraries |> ignore

/// Changes bytes mostly where the tables are: a flip in the middle of the code changes nothing.
let private corruptions (library: byte[]) =
    let headers = int (BitConverter.ToUInt64(library, 32))
    let headerCount = int (BitConverter.ToUInt16(library, 56))

    let dynamicSection =
        [ for i in 0 .. headerCount - 1 -> headers + 56 * i ]
        |> List.find (fun at -> BitConverter.ToUInt32(library, at) = 2u)
        |> fun at -> int (BitConverter.ToUInt64(library, at + 8))

    // The tables that the dynamic section points at; where they are read, addresses are file offsets.
    let tables =
        [ for i in 0..29 -> BitConverter.ToUInt64(library, dynamicSection + 16 * i + 8) ]
        |> List.filter (fun address -> address > 64UL && address < uint64 library.Length)
        |> List.map int

    let within start length = Gen.choose (start, min (start + length) library.Length - 1)

    let place =
        Gen.oneof
            [ within 0 library.Length
              within 0 (headers + 56 * headerCount)
              within dynamicSection (16 * 30)
              Gen.elements tables |> Gen.bind (fun table -> within table 0x200) ]

    let flip = Gen.zip place (Gen.elements [ 0uy; 1uy; 0x10uy; 0x7fuy; 0x80uy; 0xffuy ])

    gen {
        let! flips = Gen.nonEmptyListOf flip
        let! length = Gen.frequency [ 3, Gen.constant library.Length; 1, Gen.choose (0, library.Length) ]
        return flips, length
    }

let private survivesCorruption name (library: Lazy<byte[]>) =
    let damagedIsHandled (flips, length) =
        let damaged = Array.copy library.Value

        for at, value in flips do
            damaged[at] <- value

        let watch = Diagnostics.Stopwatch.StartNew()

        try
            examine damaged[.. length - 1]
        with :? ElfException ->
            ()

        watch.Elapsed < TimeSpan.FromMinutes 1.0

    let test =
        if OperatingSystem.IsLinux() then
            testPropertyWithConfig
        else
            ptestPropertyWithConfig

    test
        { FsCheckConfig.defaultConfig with maxTest = 300 }
        $"however {name} is damaged, reading it ends soon, in success or an ElfException"
        (fun () -> Prop.forAll (Arb.fromGen (corruptions library.Value)) damagedIsHandled)

let private smallLibrary =
    lazy
        (DynamicLinker.PathOf(DynamicLinker.Load("libdl.so.2", DynamicLinker.Binding.Lazy))
         |> File.ReadAllBytes)

let private damage =
    testList
        "damage"
        [ survivesCorruption "a small system library" smallLibrary
          survivesCorruption "TorchSharp's library" shippedLibrary

          testCase "no beginning of a library passes for the whole"
          <| onLinux (fun () ->
              for length in 0..64 .. smallLibrary.Value.Length / 2 do
                  Expect.throwsT<ElfException>
                      (fun () -> examine smallLibrary.Value[.. length - 1])
                      $"{length} bytes of the library")

          testCase "32-bit, big-endian and other files are refused by what they are"
          <| onLinux (fun () ->
              let refusal at (value: byte) =
                  let other = Array.copy smallLibrary.Value
                  other[at] <- value

                  try
                      examine other
                      ""
                  with :? ElfException as error ->
                      error.Message

              Expect.stringContains (refusal 0 0uy) "not an ELF file" "a wrong magic number"
              Expect.stringContains (refusal 4 1uy) "64-bit little-endian" "a 32-bit library"
              Expect.stringContains (refusal 5 2uy) "64-bit little-endian" "a big-endian library"
              Expect.stringContains (refusal 16 2uy) "not a shared library" "a program")

          testCase "version entries that point at themselves are refused"
          <| onLinux (fun () ->
              let looped = Array.copy shippedLibrary.Value

              let first =
                  versionNeeds looped
                  |> List.find (fun need -> need.Library = standardLibrary)
                  |> fun need -> int need.FlagsOffset - 4

              // vna_next = 1: the chain creeps forward byte by byte.
              BitConverter.TryWriteBytes(looped.AsSpan(first + 12), 1) |> ignore
              Expect.throwsT<ElfException> (fun () -> versionNeeds looped |> ignore) "overlapping entries"
              BitConverter.TryWriteBytes(looped.AsSpan(first + 12), 0) |> ignore
              Expect.throwsT<ElfException> (fun () -> versionNeeds looped |> ignore) "a chain without its end") ]

let private content = RandomNumberGenerator.GetBytes 200_000

let private filesUnder folder = Directory.GetFiles(folder, "*", SearchOption.AllDirectories) |> List.ofArray

let private privateCopy =
    testList
        "private copy"
        [ testCase "many preparing the same copy at once all succeed and leave one whole file"
          <| fun () ->
              withTemporaryFolder (fun folder ->
                  let paths =
                      Array.init 16 (fun _ -> Task.Run(fun () -> PrivateCopy.Prepare(folder, "x.so", content).Path))
                      |> Task.WhenAll
                      |> _.Result

                  Expect.equal (filesUnder folder) (List.ofArray (Array.distinct paths)) "the files left"
                  Expect.isTrue (File.ReadAllBytes(paths[0]).AsSpan().SequenceEqual content) "the content")

          testCase "a damaged copy is replaced, whether changed or cut short"
          <| fun () ->
              withTemporaryFolder (fun folder ->
                  let prepare () = PrivateCopy.Prepare(folder, "x.so", content).Path

                  let path = prepare ()

                  for damaged in [ Array.rev content; content[..1000]; [||] ] do
                      File.WriteAllBytes(path, damaged)
                      Expect.equal (prepare ()) path "the same place"
                      Expect.isTrue (File.ReadAllBytes(path).AsSpan().SequenceEqual content) "the content")

          testCase "what a killed process left of a copy is removed, and what another is writing is not"
          <| fun () ->
              withTemporaryFolder (fun folder ->
                  let path = PrivateCopy.Prepare(folder, "x.so", content).Path
                  let drafts = [ "dead"; "open"; "fresh" ] |> List.map (fun name -> $"{path}.{name}.tmp")

                  for draft in drafts do
                      File.WriteAllText(draft, "")

                  for old in List.truncate 2 drafts do
                      File.SetLastWriteTimeUtc(old, DateTime.UtcNow.AddMinutes -2.0)

                  use _ = new FileStream(drafts[1], FileMode.Open, FileAccess.Write)
                  PrivateCopy.Prepare(folder, "x.so", content) |> ignore
                  Expect.equal (List.map File.Exists drafts) [ false; true; true ] "dead, open, fresh")

          testCase "a good copy is used as it is"
          <| fun () ->
              withTemporaryFolder (fun folder ->
                  let path = PrivateCopy.Prepare(folder, "x.so", content).Path
                  let longAgo = DateTime(2001, 1, 1)
                  File.SetLastWriteTime(path, longAgo)
                  PrivateCopy.Prepare(folder, "x.so", content) |> ignore
                  Expect.equal (File.GetLastWriteTime path) longAgo "the file's time")

          testCase "where the cache cannot be a folder, the copy goes to a private temporary one and can be deleted"
          <| onLinux (fun () ->
              withTemporaryFolder (fun folder ->
                  let inTheWay = Path.Combine(folder, "file")
                  File.WriteAllText(inTheWay, "")
                  let copy = PrivateCopy.Prepare(inTheWay, "x.so", content)
                  let place = Path.GetDirectoryName copy.Path
                  Expect.isTrue copy.IsTemporary "a temporary copy"

                  Expect.equal
                      (File.GetUnixFileMode place)
                      (UnixFileMode.UserRead ||| UnixFileMode.UserWrite ||| UnixFileMode.UserExecute)
                      "who can enter the folder"

                  copy.DeleteIfTemporary()
                  Expect.isFalse (Directory.Exists place) "the folder afterwards"))

          testCase "a cache folder that others can write is not trusted"
          <| onLinux (fun () ->
              withTemporaryFolder (fun folder ->
                  let trusted = PrivateCopy.Prepare(folder, "x.so", content)
                  let place = Path.GetDirectoryName trusted.Path
                  File.SetUnixFileMode(place, File.GetUnixFileMode place ||| UnixFileMode.OtherWrite)
                  let copy = PrivateCopy.Prepare(folder, "x.so", content)
                  copy.DeleteIfTemporary()
                  Expect.equal (trusted.IsTemporary, copy.IsTemporary) (false, true) "before and after")) ]

let private place =
    testList
        "place"
        [ testCase "a folder that does not exist is named in the error"
          <| fun () ->
              withTemporaryFolder (fun folder ->
                  let absent = Path.Combine(folder, "absent")
                  let message = messageOf (fun () -> LibTorchLoader.Load absent |> ignore)
                  Expect.stringContains message absent "the folder"
                  Expect.stringContains message "UBARFS_LIBTORCH" "what to change")

          testCase "a folder without libtorch is named with what it holds instead"
          <| fun () ->
              withTemporaryFolder (fun folder ->
                  File.WriteAllText(Path.Combine(folder, "notes.txt"), "")
                  let message = messageOf (fun () -> LibTorchLoader.Load folder |> ignore)
                  Expect.stringContains message folder "the folder"
                  Expect.stringContains message "torch_cpu" "what is missing"
                  Expect.stringContains message "notes.txt" "what is there")

          testCase "libtorch is found in the folder itself, in its lib and in its torch/lib"
          <| fun () ->
              for below in [ ""; "lib"; "torch/lib" ] do
                  withTemporaryFolder (fun folder ->
                      let holder = Directory.CreateDirectory(Path.Combine(folder, below)).FullName
                      File.WriteAllText(Path.Combine(holder, NativeFiles.Name "torch_cpu"), "")
                      Expect.equal (LibTorchFolder.At folder).Path holder "the folder of libtorch")

          testCase "libraries are loaded after those that they need"
          <| onLinux (fun () ->
              let order =
                  LibTorchFolder.FirstOf(NativeFiles.SearchFolders).InLoadOrder()
                  |> Seq.map Path.GetFileName
                  |> List.ofSeq

              let at name = List.findIndex ((=) name) order

              Expect.isTrue
                  (at "libc10.so" < at "libtorch_cpu.so" && at "libtorch_cpu.so" < at "libtorch.so")
                  $"%A{order}"

              Expect.exists order (fun name -> name.StartsWith "libgomp") "what libtorch needs besides itself")

          testCase "the shipped libtorch lacks nothing, and without libtorch_cpu much is missing"
          <| onLinux (fun () ->
              let folder = LibTorchFolder.FirstOf NativeFiles.SearchFolders
              let library = NativeFiles.Find "LibTorchSharp"
              let missingFrom libraries = MissingSymbols.Of(library, libraries)
              Expect.isEmpty (missingFrom (folder.InLoadOrder())) "the whole libtorch"
              let missing = missingFrom [ folder.PathOf "c10" ]
              Expect.isGreaterThan missing.Count 1000 "libc10 alone"
              let message = MissingSymbols.Describe missing
              Expect.stringContains message $"{missing.Count} symbols" "the count"
              Expect.hasLength (message.Split('\n') |> Array.filter _.StartsWith("  _Z")) 20 "the names listed") ]

let private loading =
    testList
        "loading"
        [ testCase "a library that cannot be loaded is explained in the linker's words"
          <| onLinux (fun () ->
              let words =
                  try
                      DynamicLinker.Load("/absent.so", DynamicLinker.Binding.Now) |> ignore
                      ""
                  with :? DllNotFoundException as error ->
                      error.Message

              Expect.stringContains words "No such file" "the message")

          testCase "TorchSharp computes after loading"
          <| fun () ->
              LibTorchLoader.Load() |> ignore
              use ones = torch.ones [| 3L |]
              use sum = ones.sum ()
              Expect.equal (sum.item<float32>()) 3.0f "the sum of three ones"

          testCase "loading again, from any thread, gives the same report"
          <| fun () ->
              let reports =
                  Array.init 8 (fun _ -> Task.Run(fun () -> LibTorchLoader.Load())) |> Task.WhenAll |> _.Result

              Expect.hasLength (Array.distinct reports) 1 "the reports"

          testCase "the report says which libtorch and which native library are in use"
          <| onLinux (fun () ->
              let report = LibTorchLoader.Load()
              Expect.isTrue (File.Exists(Path.Combine(report.Folder, "libtorch_cpu.so"))) "libtorch's folder"
              Expect.isTrue (File.Exists report.NativeLibrary) "the native library"
              Expect.equal report.Version TorchSharpBinding.ExpectedVersion "the version"

              Expect.equal
                  report.IsPatched
                  (VersionGap.OfThisSystem(shippedLibrary.Value).Count > 0)
                  "patched exactly where this system lacks a version")

          testCase "another libtorch is refused once one is loaded"
          <| onLinux (fun () ->
              LibTorchLoader.Load() |> ignore

              withTemporaryFolder (fun folder ->
                  File.WriteAllText(Path.Combine(folder, "libtorch_cpu.so"), "")
                  let message = messageOf (fun () -> LibTorchLoader.Load folder |> ignore)
                  Expect.stringContains message "new process" "what to do")) ]

[<Tests>]
let tests = testList "libtorch" [ patching; damage; privateCopy; place; loading ]
