module UbarFs.Tests.DataTests

open System
open System.IO
open System.Text.RegularExpressions
open Expecto
open FsCheck
open FsCheck.FSharp
open UbarFs.Core
open UbarFs.Engine.Data
open UbarFs.Tests.TinyDataset

/// Dimensions and elements that fit together.
type Content = { Dimensions: int list; Elements: byte[] }

type Generators =
    static member Content() =
        let content =
            gen {
                let! rank = Gen.choose (1, 3)
                let! dimensions = Gen.listOfLength rank (Gen.choose (0, 6))
                let! elements = Gen.arrayOfLength (List.fold (*) 1 dimensions) (Gen.choose (0, 255) |> Gen.map byte)
                return { Dimensions = dimensions; Elements = elements }
            }

        Arb.fromGen content

let private config =
    { FsCheckConfig.defaultConfig with
        maxTest = 200
        arbitrary = [ typeof<Generators> ] }

let private property name law = testPropertyWithConfig config name law

let private read dimensions (content: byte[]) =
    use stream = new MemoryStream(content)
    Idx.read dimensions stream

let private rawOf content = Idx.write content.Dimensions content.Elements

let private replaced index value (bytes: byte[]) = bytes |> Array.mapi (fun at old -> if at = index then value else old)

let private allocated action =
    let before = GC.GetAllocatedBytesForCurrentThread()
    let result = action ()
    result, GC.GetAllocatedBytesForCurrentThread() - before

let private rejection (name, dimensions, content: byte[], expected) =
    testCase $"an IDX content that {name} is refused in these words"
    <| fun () -> Expect.equal (read dimensions content) (Error expected) "the message"

let private idx =
    testList
        "IDX"
        [ property "reading what was written gives it back, compressed or not" (fun content ->
              let raw = rawOf content

              read content.Dimensions raw = Ok content.Elements
              && read content.Dimensions (gzip raw) = Ok content.Elements)

          property "a content cut short anywhere is refused" (fun content (PositiveInt cut) ->
              let raw = rawOf content
              let short = Array.truncate (raw.Length - 1 - cut % raw.Length) raw

              Result.isError (read content.Dimensions short)
              && Result.isError (read content.Dimensions (gzip short)))

          property "a content with bytes after its end is refused" (fun content (NonEmptyArray(extra: byte[])) ->
              let long = Array.append (rawOf content) extra

              Result.isError (read content.Dimensions long)
              && Result.isError (read content.Dimensions (gzip long)))

          property "a header with any byte changed is refused" (fun content (NonNegativeInt place) (value: byte) ->
              let raw = rawOf content
              let index = place % (4 + 4 * content.Dimensions.Length)
              let changed = replaced index value raw

              raw[index] = value || Result.isError (read content.Dimensions changed))

          property "damaged gzip data never throws and never gives a wrong number of elements"
          <| fun content (NonNegativeInt place) (value: byte) (NonNegativeInt cut) ->
              let compressed = gzip (rawOf content)
              let damaged = compressed |> replaced (place % compressed.Length) value
              let short = Array.truncate (cut % compressed.Length) compressed

              [ damaged; short ]
              |> List.forall (fun content' ->
                  match read content.Dimensions content' with
                  | Ok elements -> elements.Length = content.Elements.Length
                  | Error _ -> true)

          testCase "a gzip bomb is not inflated beyond the expected length"
          <| fun () ->
              let bomb = gzip (Array.append (Idx.header [ 10 ]) (Array.zeroCreate 50_000_000))
              use stream = new MemoryStream(bomb)
              let result, bytes = allocated (fun () -> Idx.read [ 10 ] stream)
              Expect.equal result (Error "it goes on after the 18 bytes that it should have") "the message"
              Expect.isLessThan bytes 1_000_000L "allocated bytes"
              Expect.isLessThan stream.Position (stream.Length / 2L) "compressed bytes that were read"

          testCase "an absurd size in the header is refused before it is allocated"
          <| fun () ->
              let absurd = [| 0uy; 0uy; 8uy; 1uy; 0xffuy; 0xffuy; 0xffuy; 0xffuy |]
              let result, bytes = allocated (fun () -> read [ 10 ] absurd)
              Expect.equal result (Error "its dimensions are 4294967295; expected 10") "the message"
              Expect.isLessThan bytes 100_000L "allocated bytes"

          yield!
              [ "is empty", [ 3 ], [||], "it ends after 0 of 11 bytes"
                "lacks its last byte",
                [ 3 ],
                Array.truncate 10 (Idx.write [ 3 ] [| 1uy; 2uy; 3uy |]),
                "it ends after 10 of 11 bytes"
                "is a web page",
                [ 3 ],
                "<!doctype html>"B,
                "it is not an IDX file: it starts with the bytes 3c 21 64 6f instead of 00 00 08 01"
                "has real elements",
                [ 1 ],
                [| 0uy; 0uy; 0x0duy; 1uy; 0uy; 0uy; 0uy; 1uy |],
                "its elements have the IDX type 0x0d; expected 0x08, unsigned bytes"
                "has labels for images",
                [ 2; 1; 1 ],
                Idx.write [ 2 ] [| 1uy; 2uy |],
                "its number of dimensions is 1; expected 3"
                "has other dimensions",
                [ 1; 2; 3 ],
                Idx.write [ 1; 3; 2 ] (Array.zeroCreate 6),
                "its dimensions are 1×3×2; expected 1×2×3" ]
              |> List.map rejection ]

let private moments (maxPixel: int) (pixels: byte[]) =
    let counts = Array.zeroCreate<int64> 256

    for pixel in pixels do
        counts[int pixel] <- counts[int pixel] + 1L

    let mean power =
        counts
        |> Array.mapi (fun pixel count -> float count * (float pixel / float maxPixel) ** power)
        |> Array.sum
        |> fun sum -> sum / float pixels.Length

    mean 1.0, sqrt (mean 2.0 - mean 1.0 * mean 1.0)

let private expectCatalogued (loaded: LoadedDataset) =
    let dataset = loaded.Dataset
    let mean, deviation = moments dataset.MaxPixel loaded.Training.Pixels
    Expect.equal loaded.Training.Count dataset.TrainingSize "training images"
    Expect.equal loaded.Test.Count dataset.TestSize "test images"
    Expect.equal loaded.Training.Pixels.Length (dataset.TrainingSize * dataset.Shape.Pixels) "training pixels"
    Expect.equal loaded.Test.Pixels.Length (dataset.TestSize * dataset.Shape.Pixels) "test pixels"
    Expect.floatClose { absolute = 5e-5; relative = 0.0 } mean dataset.Mean.Head "mean"
    Expect.floatClose { absolute = 5e-5; relative = 0.0 } deviation dataset.Deviation.Head "deviation"

let private catalogued name = Store.known |> List.find (fun dataset -> dataset.Name = name)

let private expectOk result =
    match result with
    | Ok value -> value
    | Error problem -> failtest (DataProblem.describe problem)

let private digits =
    testList
        "digits"
        [ testCase "the embedded digits are as the catalogue says"
          <| fun () ->
              let loaded = Store.load [] (catalogued "digits") |> expectOk
              expectCatalogued loaded
              Expect.equal loaded.Folder None "the folder"
              Expect.equal (Array.truncate 4 loaded.Training.Labels) [| 0uy; 1uy; 2uy; 3uy |] "first training labels"
              Expect.equal (Array.truncate 3 loaded.Test.Labels) [| 4uy; 9uy; 4uy |] "labels of every fifth image"
              Expect.equal loaded.Test.Pixels[63] 0uy "the last pixel of the first test image"

              Expect.equal
                  loaded.Checksum
                  "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8"
                  "the checksum"

          testCase "a line that is not 64 pixels and a label is refused by its number"
          <| fun () ->
              let good = String.Join(',', Array.replicate 65 "1")

              for bad in
                  [ good + ",1"
                    "256" + good.Substring 1
                    good.Substring 2
                    good.Replace(",1,", ",,") ] do
                  Expect.equal (Digits.parse $"{good}\n{bad}\n") (Error "line 2 is not 64 pixels and a label") bad

          testCase "normalised pixels have mean 0 and deviation 1"
          <| fun () ->
              let loaded = Store.load [] (catalogued "digits") |> expectOk
              let normalised = Pixels.normalised loaded.Dataset loaded.Training |> Array.map float
              let mean = Array.average normalised
              let deviation = sqrt (Array.averageBy (fun value -> (value - mean) ** 2.0) normalised)
              Expect.floatClose { absolute = 1e-3; relative = 0.0 } mean 0.0 "mean"
              Expect.floatClose { absolute = 1e-3; relative = 0.0 } deviation 1.0 "deviation"

          property "each channel is normalised by its own mean and deviation" (fun (pixels: byte[]) ->
              let dataset =
                  { (catalogued "digits").Value with
                      Shape = { Channels = 3; Height = 1; Width = 2 }
                      MaxPixel = 255
                      Mean = [ 0.1; 0.5; 0.9 ]
                      Deviation = [ 1.0; 0.5; 0.25 ] }

              let pixels = Array.truncate (pixels.Length / 6 * 6) pixels
              let normalised = Pixels.normalised dataset { Pixels = pixels; Labels = [||] }

              let expected index (pixel: byte) =
                  let channel = index / 2 % 3
                  float32 ((float pixel / 255.0 - dataset.Mean[channel]) / dataset.Deviation[channel])

              normalised = Array.mapi expected pixels) ]

let private catalogue =
    testList
        "the catalogue of datasets"
        [ for dataset in Store.known do
              testCase $"{dataset.Name} has lengths, checksums, mirrors and moments that fit together"
              <| fun () ->
                  for file in Published.files dataset.Value do
                      let length = 4 + 4 * file.Dimensions.Length + List.fold (*) 1 file.Dimensions
                      Expect.equal file.File.Length (int64 length) $"length of {file.File.Name}"
                      Expect.isRegexMatch file.File.Sha256 (Regex "^[0-9a-f]{64}$") "checksum"
                      Expect.isNonEmpty file.File.Mirrors "mirrors"

                      for mirror in file.File.Mirrors do
                          Expect.stringEnds mirror $"/{file.File.Name}.gz" "the mirror's file"

                  Expect.equal dataset.Value.Mean.Length dataset.Value.Shape.Channels "means"
                  Expect.equal dataset.Value.Deviation.Length dataset.Value.Shape.Channels "deviations" ]

let private variables pairs name = Map.tryFind name (Map.ofList pairs)

let private places =
    testList
        "places"
        [ testCase "they are looked at in the order: argument, variable, cache, system"
          <| fun () ->
              let environment =
                  variables [ "UBARFS_DATA", "/variable"; "HOME", "/home/me"; "XDG_CACHE_HOME", "/cache" ]

              Expect.equal
                  (Places.find false environment (Some "/argument") |> List.map _.Root)
                  [ "/argument"; "/variable"; "/cache/ubarfs/data"; "/usr/share/datasets" ]
                  "roots"

          testCase "the cache is in the home folder unless XDG_CACHE_HOME is an absolute path"
          <| fun () ->
              for cache in [ ""; "relative/path" ] do
                  let environment = variables [ "HOME", "/home/me"; "XDG_CACHE_HOME", cache; "UBARFS_DATA", " " ]

                  Expect.equal
                      (Places.find false environment None |> List.map _.Root)
                      [ "/home/me/.cache/ubarfs/data"; "/usr/share/datasets" ]
                      "roots"

          testCase "downloads go to the dataset's own folder in the first writable place"
          <| fun () ->
              let places = Places.find false (variables [ "HOME", "/home/me" ]) None
              Expect.equal (Places.destination "mnist" places) (Some "/home/me/.cache/ubarfs/data/mnist") "with a home"
              let places = Places.find false (variables []) None
              Expect.equal (Places.destination "mnist" places) None "without" ]

let private loadTiny (tiny: Tiny) places = Store.loadAmong [ tiny.Dataset ] places tiny.Dataset
let private tiny = create "tiny" 1 []
let private sibling = create "sibling" 2 []

let private path parts = Path.Combine(Array.ofList parts)

let private damage folder name (change: byte[] -> byte[]) =
    let file = path [ folder; name ]
    File.WriteAllBytes(file, change (File.ReadAllBytes file))

let private store =
    testList
        "the store"
        [ for layout, subfolder in [ "its own folder", [ "tiny" ]; "the place itself", [] ] do
              for form, write in [ "compressed", compressed; "raw", raw ] do
                  testCase $"a dataset is read from {layout}, {form}"
                  <| fun () ->
                      inFolder (fun root ->
                          let folder = path (root :: subfolder)
                          save write folder tiny
                          let loaded = loadTiny tiny (onlyIn root) |> expectOk
                          let elements name = tiny.Files[name] |> Array.skip (if name.EndsWith "images" then 16 else 8)
                          Expect.equal loaded.Folder (Some folder) "folder"
                          Expect.equal loaded.Training.Pixels (elements "train-images") "training images"
                          Expect.equal loaded.Training.Labels (elements "train-labels") "training labels"
                          Expect.equal loaded.Test.Pixels (elements "t10k-images") "test images"
                          Expect.equal loaded.Test.Labels (elements "t10k-labels") "test labels")

          testCase "the checksum depends on the content and not on its compression"
          <| fun () ->
              inFolder (fun root ->
                  let load (tiny: Tiny) write =
                      let place = path [ root; string (Guid.NewGuid()) ]
                      save write (path [ place; tiny.Dataset.Name ]) tiny
                      (loadTiny tiny (onlyIn place) |> expectOk).Checksum

                  Expect.equal (load tiny raw) (load tiny compressed) "the same content"
                  Expect.notEqual (load tiny raw) (load sibling raw) "another content")

          testCase "the first place that has all of the files wins"
          <| fun () ->
              inFolder (fun root ->
                  let folder place = path [ root; place; "tiny" ]
                  [ "partial"; "first"; "second" ] |> List.iter (fun place -> save raw (folder place) tiny)
                  File.Delete(path [ folder "partial"; "t10k-labels" ])

                  let places =
                      [ "absent"; "partial"; "first"; "second" ]
                      |> List.collect (fun place -> onlyIn (path [ root; place ]))

                  Expect.equal (loadTiny tiny places |> expectOk).Folder (Some(folder "first")) "folder")

          testCase "a missing dataset is reported with its files, every place and the command that gets it"
          <| fun () ->
              inFolder (fun root ->
                  save compressed (path [ root; "partial"; "tiny" ]) tiny
                  File.Delete(path [ root; "partial"; "tiny"; "t10k-labels.gz" ])
                  let places = [ "absent"; "partial" ] |> List.collect (fun place -> onlyIn (path [ root; place ]))

                  match loadTiny tiny places with
                  | Error(DataProblem.Missing _ as problem) ->
                      let text = DataProblem.describe problem

                      for expected in
                          [ $"""{path [ root; "absent"; "tiny" ]} (--data): there is no such folder"""
                            $"""{path [ root; "partial"; "tiny" ]} (--data): it lacks t10k-labels"""
                            $"""{path [ root; "partial" ]} (--data): it has none of the files"""
                            "train-images, train-labels, t10k-images, t10k-labels"
                            "ubarfs data get tiny" ] do
                          Expect.stringContains text expected "the message"
                  | other -> failtest $"{other}")

          testCase "a place that holds another dataset under the same file names is passed over"
          <| fun () ->
              inFolder (fun root ->
                  save compressed (path [ root; "sibling-files" ]) sibling
                  save compressed (path [ root; "own"; "tiny" ]) tiny
                  let known = [ tiny.Dataset; sibling.Dataset ]
                  let others = onlyIn (path [ root; "sibling-files" ])
                  let both = others @ onlyIn (path [ root; "own" ])
                  let found = Store.loadAmong known both tiny.Dataset |> expectOk
                  Expect.equal found.Folder (Some(path [ root; "own"; "tiny" ])) "the folder"

                  match Store.loadAmong known others tiny.Dataset with
                  | Error(DataProblem.Missing(_, _, looked)) ->
                      Expect.contains
                          (looked |> List.map (fun (_, _, finding) -> finding))
                          (Finding.Holds "sibling")
                          "the finding"
                  | other -> failtest $"{other}"

                  Expect.isOk (Store.loadAmong known others sibling.Dataset) "the dataset that is there")

          testCase "another dataset's files in a dataset's own folder are damage, and the other is named"
          <| fun () ->
              inFolder (fun root ->
                  save compressed (path [ root; "tiny" ]) sibling

                  match Store.loadAmong [ tiny.Dataset; sibling.Dataset ] (onlyIn root) tiny.Dataset with
                  | Error(DataProblem.Damaged(_, file, reason)) ->
                      Expect.stringStarts file (path [ root; "tiny" ]) "the path"
                      Expect.equal reason "it is a file of another dataset, sibling" "the reason"
                  | other -> failtest $"{other}")

          testCase "one changed byte in any file is found, and the file is named"
          <| fun () ->
              for name in Map.keys tiny.Files do
                  inFolder (fun root ->
                      let folder = path [ root; "tiny" ]
                      save raw folder tiny

                      damage folder name (fun content ->
                          replaced (content.Length - 1) (content[content.Length - 1] ^^^ 1uy) content)

                      match loadTiny tiny (onlyIn root) with
                      | Error(DataProblem.Damaged(_, file, reason)) ->
                          Expect.equal file (path [ folder; name ]) "the path"
                          Expect.stringContains reason "not what was published" "the reason"
                      | other -> failtest $"{other}")

          testCase "a file that is cut short is reported with its length"
          <| fun () ->
              inFolder (fun root ->
                  save raw (path [ root; "tiny" ]) tiny
                  damage (path [ root; "tiny" ]) "train-images" (Array.truncate 1000)
                  let file = path [ root; "tiny"; "train-images" ]
                  let expected = DataProblem.Damaged("tiny", file, "it ends after 1000 of 30016 bytes")
                  Expect.equal (loadTiny tiny (onlyIn root)) (Error expected) "the problem")

          testCase "a label that is not one of the classes is damage"
          <| fun () ->
              let wild = createWith 200 "wild" 3 []

              inFolder (fun root ->
                  save raw (path [ root; "wild" ]) wild

                  match loadTiny wild (onlyIn root) with
                  | Error(DataProblem.Damaged(_, _, reason)) -> Expect.stringEnds reason "expected 0 to 9" "the reason"
                  | other -> failtest $"{other}") ]

let private inventory =
    testList
        "the inventory"
        [ testCase "every dataset of the catalogue has its line, and the embedded one is always there"
          <| fun () ->
              let entries = Inventory.list []
              Expect.equal (entries |> List.map _.Name) (Store.known |> List.map _.Name) "names"
              let availability name = (entries |> List.find (fun entry -> entry.Name = name)).Availability
              Expect.equal (availability "digits") Availability.Embedded "digits"
              Expect.equal (availability "mnist") Availability.Missing "mnist"

          testCase "a line says where the dataset was found, or what is damaged"
          <| fun () ->
              inFolder (fun root ->
                  let folder = path [ root; "tiny" ]
                  let availability () = (Inventory.entry tiny.Dataset (loadTiny tiny (onlyIn root))).Availability
                  save raw folder tiny
                  Expect.equal (availability ()) (Availability.Found folder) "whole"
                  damage folder "t10k-labels" (Array.truncate 10)
                  let reason = "it ends after 10 of 38 bytes"

                  Expect.equal
                      (availability ())
                      (Availability.Damaged(path [ folder; "t10k-labels" ], reason))
                      "cut short") ]

/// The folder of shared data next to the repository, if there is one.
let private besideRepository =
    let rec repository (folder: DirectoryInfo) =
        if isNull folder then
            None
        elif File.Exists(path [ folder.FullName; "UbarFs.sln" ]) then
            Some folder
        else
            repository folder.Parent

    repository (DirectoryInfo AppContext.BaseDirectory)
    |> Option.bind (fun folder -> Option.ofObj folder.Parent)
    |> Option.map (fun parent -> path [ parent.FullName; "shared"; "data" ])

let private published =
    testList
        "published data"
        [ for name, firstLabels in
              [ "mnist", [| 5uy; 0uy; 4uy; 1uy; 9uy |]
                "fashion-mnist", [| 9uy; 0uy; 0uy; 3uy; 0uy |] ] do
              testCase $"{name} is as the catalogue says, if this machine has it"
              <| fun () ->
                  match Store.load (Places.current besideRepository) (catalogued name) with
                  | Ok loaded ->
                      expectCatalogued loaded
                      Expect.equal (Array.truncate 5 loaded.Training.Labels) firstLabels "first labels"
                  | Error(DataProblem.Missing _) -> skiptest $"{name} is not on this machine"
                  | Error problem -> failtest (DataProblem.describe problem) ]

[<Tests>]
let tests = testList "data" [ idx; digits; catalogue; places; store; inventory; published ]
