/// `ubarfs data import`: good archives come in whole, hostile ones change nothing.
module UbarFs.Tests.ImportTests

open System
open System.Formats.Tar
open System.IO
open System.Threading
open Expecto
open FsCheck.FSharp
open UbarFs.Core
open UbarFs.Engine.Data
open UbarFs.Pictures
open UbarFs.Testing.Generators
open UbarFs.Tests.TinyDataset
open UbarFs.Tests.TinyImages

let private limits = { Entries = 100; EntryBytes = 1_000_000L; TotalBytes = 2_000_000L }

let private importWith cancellation dataset root source =
    Import.run limits (fun _ _ -> ()) cancellation (onlyIn (Path.Combine(root, "data"))) dataset source

let private import root source = importWith CancellationToken.None dataset root source

/// Imports an archive with this content.
let private importing (content: byte[]) test () =
    inFolder (fun root ->
        let archive = Path.Combine(root, "archive")
        File.WriteAllBytes(archive, content)
        test root (import root archive))

let private load root = Store.loadAmong [] (onlyIn (Path.Combine(root, "data"))) dataset

let private expectImported root outcome =
    match outcome, load root with
    | Ok [ path ], Ok loaded ->
        Expect.equal path (Path.Combine(root, "data", "tiny", "tiny.images")) "the file"
        Expect.equal loaded.Training training "training images"
        Expect.equal loaded.Test test "test images"
    | Error problem, _ -> failtest (ImportProblem.describe problem)
    | outcome, loaded -> failtest $"{outcome} {loaded}"

let private good =
    testList
        "good sources"
        [ for extension, archive in formats do
              for name, files in [ "records", recordFiles; "a tree", treeFiles ] do
                  testCase $"{name} in {extension}"
                  <| importing (archive files) (fun root outcome -> expectImported root outcome)

          testCase "a folder around everything, './' and files that do not matter"
          <| importing
              (tar (
                  ("./photos/README", "x"B)
                  :: (treeFiles |> List.map (fun (path, content) -> "./photos/" + path, content))
              ))
              expectImported

          testCase "a folder"
          <| fun () ->
              inFolder (fun root ->
                  saveAll (Path.Combine(root, "source")) treeFiles
                  expectImported root (import root (Path.Combine(root, "source"))))

          testCase "the order of an archive does not matter"
          <| importing (tar (List.rev treeFiles)) expectImported

          testCase "published files come in compressed, verified"
          <| fun () ->
              let tiny = create "tiny" 1 []

              inFolder (fun root ->
                  let archive = Path.Combine(root, "archive.zip")
                  let files = Map.toList tiny.Files |> List.map (fun (name, raw) -> $"deep/{name}.gz", gzip raw)
                  File.WriteAllBytes(archive, zip files)

                  match importWith CancellationToken.None tiny.Dataset root archive with
                  | Ok files -> Expect.hasLength files 4 "files"
                  | Error problem -> failtest (ImportProblem.describe problem)

                  let places = onlyIn (Path.Combine(root, "data"))
                  Expect.isOk (Store.loadAmong [ tiny.Dataset ] places tiny.Dataset) "the dataset") ]

/// An import of this content fails for this reason and changes nothing.
let private refused name (content: unit -> byte[]) (expected: string) =
    testCase $"{name} is refused, and nothing is changed"
    <| fun () ->
        importing
            (content ())
            (fun root outcome ->
                match outcome with
                | Ok _ -> failtest "imported"
                | Error problem ->
                    Expect.stringContains (ImportProblem.describe problem) expected "the reason"
                    Expect.isFalse (Directory.Exists(Path.Combine(root, "data"))) "nothing in the data folder"
                    Expect.hasLength (Directory.GetFileSystemEntries root) 1 "nothing beside the archive")
            ()

let private special (entryType: TarEntryType) () =
    tarWith (fun writer ->
        let entry = PaxTarEntry(entryType, "train/ant/link.png")

        if entryType = TarEntryType.SymbolicLink || entryType = TarEntryType.HardLink then
            entry.LinkName <- "/etc/passwd"

        writer.WriteEntry entry)

/// An archive whose header at this place has another field for the size, and the checksum that goes with it.
let private sized start (field: byte[]) (archive: byte[]) =
    let header = Array.copy archive
    field.CopyTo(header, start + 124)
    // The checksum counts its own field as blanks.
    Array.fill header (start + 148) 8 (byte ' ')
    let sum = header[start .. start + 511] |> Array.sumBy int
    Text.Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0') + "\000 ").CopyTo(header, start + 148)
    header

/// A tar header that declares a size, without the content.
let private declaring (size: int64) () =
    let content = tar [ "train/ant/1.png", [| 1uy |] ]
    let header = content |> Array.truncate 1024
    // The plain header stands where the pax header and its records end.
    let start = [ 0..512 .. content.Length - 512 ] |> List.find (fun at -> content[at + 156] = byte '0')

    let header =
        Array.append (Array.truncate start content) content[start .. start + 511]
        |> fun bytes -> Array.append bytes header

    sized start (Text.Encoding.ASCII.GetBytes(Convert.ToString(size, 8).PadLeft(11, '0'))) header

let private link () =
    zipWith (fun archive ->
        let entry = archive.CreateEntry "train/ant/1.png"
        entry.ExternalAttributes <- 0xA1FF <<< 16
        use content = entry.Open()
        content.Write("/etc/passwd"B, 0, 11))

let private hostile =
    testList
        "hostile archives"
        [ for extension, archive in formats do
              for name, expected in
                  [ "../../evil.png", "a path that leads out of it"
                    "train/../../evil.png", "a path that leads out of it"
                    "/etc/evil.png", "an absolute path"
                    "C:/evil.png", "an absolute path"
                    "train\\..\\evil.png", "a backslash" ] do
                  refused $"'{name}' in {extension}" (fun () -> archive ((name, "x"B) :: treeFiles)) expected

          for entryType in
              [ TarEntryType.SymbolicLink
                TarEntryType.HardLink
                TarEntryType.Fifo
                TarEntryType.CharacterDevice
                TarEntryType.BlockDevice ] do
              refused $"a {entryType}" (special entryType) "which is neither a file nor a folder"

          refused "a link in a zip archive" link "which is neither a file nor a folder"
          refused "a file that comes twice" (fun () -> tar (treeFiles @ [ List.last treeFiles ])) "twice"
          refused
              "a file of records in two folders"
              (fun () -> tar (recordFiles @ [ "again/test.bin", snd recordFiles[2] ]))
              "in two folders"
          refused "a huge declared size" (declaring 8_000_000_000L) "of 8000000000 bytes; 1000000 are the most"
          refused "a size that the content has not" (declaring 900_000L) "another length than the 900000 bytes"
          refused
              "more entries than allowed"
              (fun () -> tar [ for number in 1..101 -> $"x{number}", [||] ])
              "more than 100 entries"
          refused
              "more entries than allowed in a zip archive"
              (fun () -> zip [ for number in 1..101 -> $"x{number}", [||] ])
              "more than 100 entries"

          for extension, archive in formats do
              refused
                  $"one bomb in {extension}"
                  (fun () -> archive [ "x.png", Array.zeroCreate 1_000_001 ])
                  "are the most"

              refused
                  $"many small bombs in {extension}"
                  (fun () -> archive [ for number in 1..4 -> $"{number}.txt", Array.zeroCreate 900_000 ])
                  "more than 2000000 bytes"

              refused
                  $"{extension} cut short"
                  (fun () ->
                      let content = archive treeFiles
                      Array.truncate (content.Length * 2 / 3) content)
                  ""

          refused "what is no archive" (fun () -> Array.create 1000 7uy) "is not an archive"
          refused "an empty file" (fun () -> [||]) "is not an archive"
          refused "an archive without the images" (fun () -> tar [ "x.txt", "x"B ]) "has no images"
          refused "an archive with too few images" (fun () -> tar (List.tail treeFiles)) "has 9 training"
          refused
              "an archive with a broken image"
              (fun () -> tar (("train/ant/x.png", "x"B) :: treeFiles))
              "which is not a PNG" ]

/// What becomes of an archive, with the names of its files and the bytes that were allocated for it.
let private visited (content: byte[]) =
    inFolder (fun folder ->
        let file = Path.Combine(folder, "archive")
        File.WriteAllBytes(file, content)
        let names = ResizeArray<string>()

        let visit =
            { Limits = limits
              Cancellation = CancellationToken.None
              Progress = fun _ _ -> ()
              Wanted = names.Add >> fun () -> true
              Take = fun _ _ -> Ok() }

        let before = GC.GetAllocatedBytesForCurrentThread()
        let outcome = Archive.visit visit file
        outcome, List.ofSeq names, GC.GetAllocatedBytesForCurrentThread() - before)

/// Tar archives begin with a file, then comes an extended header of this type and size, as octal or binary number.
let private extended (entryType: char) (size: int64) isBinary =
    let archive = Array.append (Array.truncate 1024 (gnuTar "first" "x"B)) (gnuTar "second" "x"B)
    archive[1024 + 156] <- byte entryType

    let field =
        if isBinary then
            let bytes = Array.zeroCreate<byte> 12
            Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(Span(bytes, 4, 8), size)
            bytes[0] <- 0x80uy
            bytes
        else
            Text.Encoding.ASCII.GetBytes(Convert.ToString(size, 8).PadLeft(11, '0'))

    sized 1024 field archive

let private extendedHeaders =
    let size = Gen.choose (20, 62) |> Gen.map (fun power -> (1L <<< power) + 1L)
    let coin = Gen.elements [ false; true ]
    let entryType = Gen.elements [ 'x'; 'g'; 'L'; 'K' ]
    let format = Gen.elements [ "tar", id; "gzip", gzip; "zstd", zstd ]

    testList
        "extended headers"
        [ testProperty "one that claims much is refused before memory is taken"
          <| forAll (Gen.zip (Gen.zip entryType size) (Gen.zip coin format)) (fun ((entry, size), (binary, format)) ->
              let isBinary = binary || size >= (1L <<< 33)
              let outcome, names, allocated = visited (snd format (extended entry size isBinary))

              names = [ "first" ]
              && outcome = Error "is damaged: it has an extended header of more than 1048576 bytes"
              && allocated < (1L <<< 20))

          testProperty "names of up to 1024 letters are read, longer ones refused"
          <| forAll (Gen.zip (Gen.choose (90, 1200)) coin) (fun (length, isGnu) ->
              let name = String('n', length)
              let archive = if isGnu then gnuTar name "x"B else tar [ name, "x"B ]
              let outcome, names, _ = visited archive

              if length <= 1024 then
                  (outcome, names) = (Ok(), [ name ])
              else
                  outcome = Error $"holds a name of {length} letters; 1024 are the most") ]

let private interrupted =
    testList
        "an import that does not end well"
        [ testCase "is stopped, and what was there stays"
          <| fun () ->
              inFolder (fun root ->
                  let archive = Path.Combine(root, "archive.tar")
                  File.WriteAllBytes(archive, tar treeFiles)
                  expectImported root (import root archive)
                  use source = new CancellationTokenSource()
                  source.Cancel()
                  Expect.equal (importWith source.Token dataset root archive) (Error ImportProblem.Cancelled) "stopped"
                  Expect.isOk (load root) "what was there"
                  Expect.hasLength (Directory.GetFiles(Path.Combine(root, "data", "tiny"))) 1 "no part is left")

          testCase "has no source, or is not needed"
          <| fun () ->
              inFolder (fun root ->
                  let path = Path.Combine(root, "nowhere")
                  Expect.equal (import root path) (Error(ImportProblem.NoSource path)) "no source"
                  let digits = Store.known |> List.find (fun dataset -> dataset.Name = "digits")

                  Expect.equal
                      (importWith CancellationToken.None digits root path)
                      (Error(ImportProblem.NotNeeded "digits"))
                      "in the program") ]

/// CIFAR-10 on this machine, as an archive of images: in a place for data, or beside the repository.
let private archiveOfImages =
    let name = Path.Combine("cifar10", "cifar10-images.tar.zst")

    let rec above (folder: DirectoryInfo) =
        [ if not (isNull folder) then
              Path.Combine(folder.FullName, "shared", "data", name)
              yield! above folder.Parent ]

    (Places.current None |> List.map (fun place -> Path.Combine(place.Root, name)))
    @ above (DirectoryInfo AppContext.BaseDirectory)
    |> List.tryFind File.Exists

let private real =
    testList
        "the archive of CIFAR-10's images"
        [ testCase "its first images decode, and its classes are those of the catalogue"
          <| fun () ->
              match archiveOfImages with
              | None -> skiptest "it is not on this machine"
              | Some archive ->
                  let dataset = Store.known |> List.find (fun dataset -> dataset.Name = "cifar10")
                  let decoded = ref 0
                  use source = new CancellationTokenSource()

                  let visit =
                      { Limits = Archive.limits
                        Cancellation = source.Token
                        Progress = fun _ _ -> ()
                        Wanted = ImageTree.isImage
                        Take =
                          fun _ content ->
                              decoded.Value <- decoded.Value + 1

                              if decoded.Value = 2000 then
                                  source.Cancel()

                              Picture.decode dataset.Value.Shape content |> Result.map ignore }

                  Expect.throwsT<OperationCanceledException>
                      (fun () -> Archive.visit visit archive |> ignore)
                      "stopped after some"

                  Expect.equal decoded.Value 2000 "images" ]

[<Tests>]
let tests = testList "import" [ good; hostile; extendedHeaders; interrupted; real ]
