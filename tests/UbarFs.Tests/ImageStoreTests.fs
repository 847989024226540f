/// Datasets that are decoded before they are used, and the folders of images that scenarios name.
module UbarFs.Tests.ImageStoreTests

open System
open System.IO
open System.Security.Cryptography
open Expecto
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Engine.Data
open UbarFs.Scenario
open UbarFs.Tests.TinyDataset
open UbarFs.Tests.TinyImages

let private load root = Store.loadAmong [] (onlyIn root) dataset

let private expectOk result =
    match result with
    | Ok value -> value
    | Error problem -> failtest (DataProblem.describe problem)

let private expectSet (loaded: LoadedDataset) =
    Expect.equal loaded.Training training "training images"
    Expect.equal loaded.Test test "test images"

/// The tiny dataset in a folder of its own, in the given files.
let private having files test () =
    inFolder (fun root ->
        let folder = Path.Combine(root, "tiny")
        saveAll folder files
        test root folder)

let private notices (loaded: LoadedDataset) = String.concat "\n" loaded.Notices
let private keptIn folder = Path.Combine(folder, "tiny.images")

let private sources =
    testList
        "sources"
        [ for name, files in
              [ "files of records", recordFiles
                "files of records in the archive's folder",
                recordFiles |> List.map (fun (name, content) -> "batches/" + name, content)
                "a tree of images", treeFiles ] do
              testCase $"a dataset is read from {name}, and then from the decoded images"
              <| having files (fun root folder ->
                  let first = load root |> expectOk
                  expectSet first
                  Expect.stringContains (notices first) $"decoded 14 images and kept them in {keptIn folder}" "notice"
                  let second = load root |> expectOk
                  expectSet second
                  Expect.equal second.Notices [] "nothing to say"
                  Expect.equal second.Checksum first.Checksum "the same checksum")

          testCase "a dataset is read from the archive that was published, and from no other"
          <| fun () ->
              let content = gzip (tar recordFiles)
              let md5 = Convert.ToHexStringLower(MD5.HashData content)

              let archive = { records.Archive with Length = int64 content.Length; Md5 = md5 }

              let dataset = datasetOf { records with Archive = archive }

              having
                  [ archive.Name, content ]
                  (fun root folder ->
                      let load () = Store.loadAmong [] (onlyIn root) dataset
                      load () |> expectOk |> expectSet
                      let changed = content |> Array.mapi (fun at byte -> if at = 40 then byte ^^^ 1uy else byte)
                      saveAll folder [ archive.Name, changed ]

                      match load () with
                      | Error(DataProblem.Damaged(_, path, reason)) ->
                          Expect.stringEnds path archive.Name "the path"
                          Expect.stringContains reason "is not what was published (MD5" "the reason"
                      | other -> failtest $"{other}")
                  ()

          testCase "a dataset that is nowhere is reported with all the ways to have it"
          <| having [ "batch_1.bin", snd recordFiles[0] ] (fun root _ ->
              match load root with
              | Error(DataProblem.Missing _ as problem) ->
                  let text = DataProblem.describe problem

                  for expected in
                      [ "it lacks batch_2.bin, test.bin"
                        "tiny-binary.tar.gz"
                        "train|test/<class>/*"
                        "ubarfs data get tiny"
                        "ubarfs data import tiny FILE" ] do
                      Expect.stringContains text expected "the message"
              | other -> failtest $"{other}")

          for name, changes, expected in
              [ "a file of records that is cut short",
                [ "test.bin", Array.truncate 100 (snd recordFiles[2]) ],
                "test.bin: has 100 bytes; expected 244, 4 records of 61"
                "a label that is no class",
                [ "test.bin", Array.append [| 9uy |] (Array.tail (snd recordFiles[2])) ],
                "test.bin: has the label 9 in record 0; expected 0 to 2" ] do
              testCase $"{name} is damage"
              <| having (recordFiles @ changes) (fun root _ ->
                  match load root with
                  | Error problem -> Expect.stringContains (DataProblem.describe problem) expected "the message"
                  | Ok _ -> failtest "accepted")

          for name, files, expected in
              [ "an image of another size",
                ("train/bee/x.png", png { shape with Height = 2 } (pixels { shape with Height = 2 } 1)) :: treeFiles,
                "holds 'train/bee/x.png', which is 3×2×5; expected 3×4×5"
                "an image that is none", ("test/cat/0003.png", "x"B) :: List.tail treeFiles, "has 9 training"
                "too few images", List.tail treeFiles, "has 9 training and 4 test images; expected 10 and 4"
                "another class",
                treeFiles |> List.map (fun (path, content) -> path.Replace("bee", "wasp"), content),
                "has the classes ant, cat, wasp; expected ant, bee, cat" ] do
              testCase $"a tree with {name} is damage"
              <| having files (fun root _ ->
                  match load root with
                  | Error problem -> Expect.stringContains (DataProblem.describe problem) expected "the message"
                  | Ok _ -> failtest "accepted") ]

let private cache =
    testList
        "decoded images beside their source"
        [ testCase "they are made again when a file has changed, and it is said"
          <| having treeFiles (fun root folder ->
              load root |> expectOk |> ignore
              let other = pixels shape 999
              saveAll folder [ fst treeFiles[0], png shape other ]
              let loaded = load root |> expectOk
              Expect.stringContains (notices loaded) "is out of date" "the notice"
              Expect.equal loaded.Training.Pixels[.. shape.Pixels - 1] other "the new pixels"
              Expect.equal (load root |> expectOk).Notices [] "only once")

          testCase "they are made again when they are damaged, and it is said"
          <| having treeFiles (fun root folder ->
              load root |> expectOk |> ignore
              let content = File.ReadAllBytes(keptIn folder)
              content[content.Length - 1] <- content[content.Length - 1] ^^^ 1uy
              File.WriteAllBytes(keptIn folder, content)
              let loaded = load root |> expectOk
              expectSet loaded
              Expect.stringContains (notices loaded) "is damaged and is made again" "the notice"
              Expect.equal (load root |> expectOk).Notices [] "only once")

          testCase "without their source they are enough, unless they are damaged"
          <| having recordFiles (fun root folder ->
              load root |> expectOk |> ignore

              for name, _ in recordFiles do
                  File.Delete(Path.Combine(folder, name))

              load root |> expectOk |> expectSet
              File.WriteAllBytes(keptIn folder, Array.truncate 500 (File.ReadAllBytes(keptIn folder)))

              match load root with
              | Error(DataProblem.Damaged(_, path, _)) -> Expect.equal path (keptIn folder) "the path"
              | other -> failtest $"{other}")

          testCase "those of another dataset are refused"
          <| having [] (fun root folder ->
              let other = set 9 300
              Decoded.write (keptIn folder) (String('0', 64)) { Shape = shape; Training = other; Test = test }

              match load root with
              | Error(DataProblem.Damaged(_, _, reason)) -> Expect.equal reason "it holds other images" "the reason"
              | other -> failtest $"{other}") ]

let private scenario path =
    $"""data: {{ dataset: {{ folder: {{ path: {path} }} }} }}
model: [{{ conv: {{ channels: 2, kernel: 3 }} }}, relu, dense]
network: {{ benign: 4 }}
training: {{ epochs: 1 }}
"""

/// A scenario beside a folder `photos` with the tiny images.
let private besidePhotos files (text: string) test () =
    inFolder (fun root ->
        saveAll (Path.Combine(root, "photos")) files
        let file = Path.Combine(root, "photos.yaml")
        File.WriteAllText(file, text)
        test root (Scenario.load file []))

let private expectError (expected: string) result =
    match result with
    | Ok _ -> failtest "accepted"
    | Error diagnostics ->
        let text = diagnostics |> List.map Rendering.plain |> String.concat ""
        Expect.stringContains text expected "the message"

let private folders =
    testList
        "folders"
        [ testCase "a scenario knows the shape, the classes and the sizes of its folder"
          <| besidePhotos treeFiles (scenario "photos/") (fun root loaded ->
              match loaded with
              | Error diagnostics -> failtest (diagnostics |> List.map Rendering.plain |> String.concat "")
              | Ok(scenario, _) ->
                  let dataset = scenario.Runs.Head.Dataset
                  Expect.equal dataset.Value.Shape shape "shape"
                  Expect.equal dataset.Value.Classes 3 "classes"
                  Expect.equal (dataset.Value.TrainingSize, dataset.Value.TestSize) (10, 4) "sizes"

                  Expect.equal
                      (Chosen.canonical dataset)
                      "{ folder: { path: photos/, channels: first, size: first } }"
                      "what is written"

                  let places = onlyIn (Path.Combine(root, "data"))
                  let loaded = Store.load places dataset |> expectOk
                  expectSet loaded
                  let normalised = Pixels.normalised loaded.Dataset loaded.Training |> Array.map float
                  Expect.floatClose { absolute = 1e-3; relative = 0.0 } (Array.average normalised) 0.0 "the mean"
                  Expect.hasLength (Directory.GetFiles(Path.Combine(root, "data", "folders"))) 1 "kept elsewhere"
                  let again = Store.load places dataset |> expectOk
                  Expect.equal (again.Checksum, again.Notices) (loaded.Checksum, []) "the second time")

          testCase "a folder that is not there is an error at its place"
          <| besidePhotos treeFiles (scenario "fotos") (fun _ loaded ->
              expectError "photos.yaml:1:18: error: there is no folder 'fotos'" loaded)

          testCase "a folder without classes is an error at its place"
          <| besidePhotos [ "train/1.png", snd treeFiles[0] ] (scenario "photos") (fun _ loaded ->
              expectError "the folder 'photos' 'train/1.png' is in no class" loaded)

          testCase "a model that does not fit a folder's images is an error"
          <| besidePhotos treeFiles ((scenario "photos").Replace("kernel: 3", "kernel: 7")) (fun _ loaded ->
              expectError "layer 1 (convolution with a 7×7 kernel) does not fit" loaded)

          testCase "more nodes than a folder has images are an error"
          <| besidePhotos treeFiles ((scenario "photos").Replace("benign: 4", "benign: 11")) (fun _ loaded ->
              expectError "'folder' has only 10 training images" loaded)

          testCase "images of other colours are brought to the form of the first, with one notice"
          <| besidePhotos
              ([ "train/bee/x.png", png { shape with Channels = 1 } (pixels { shape with Channels = 1 } 1)
                 "train/bee/y.png", transparentPng shape (pixels shape 2) 100uy
                 "test/bee/z.png", png { shape with Channels = 1 } (pixels { shape with Channels = 1 } 3) ]
               @ treeFiles)
              (scenario "photos")
              (fun root loaded ->
                  match loaded with
                  | Error diagnostics -> failtest (diagnostics |> List.map Rendering.plain |> String.concat "")
                  | Ok(scenario, _) ->
                      let places = onlyIn (Path.Combine(root, "data"))
                      let loaded = Store.load places scenario.Runs.Head.Dataset |> expectOk
                      Expect.equal (loaded.Training.Count, loaded.Test.Count) (12, 5) "all of them"

                      Expect.hasLength
                          (loaded.Notices |> List.filter (fun notice -> notice.Contains "converted"))
                          1
                          "one notice"

                      Expect.stringContains
                          (String.concat "\n" loaded.Notices)
                          "converted to 3×4×5 (channels×height×width): 2 grey to colour, 1 transparent"
                          "what was done")

          testCase "a form that the scenario gives holds for all images"
          <| besidePhotos
              treeFiles
              ((scenario "photos, channels: 1, size: 6").Replace("kernel: 3", "kernel: 2"))
              (fun root loaded ->
                  match loaded with
                  | Error diagnostics -> failtest (diagnostics |> List.map Rendering.plain |> String.concat "")
                  | Ok(scenario, _) ->
                      let dataset = scenario.Runs.Head.Dataset
                      Expect.equal dataset.Value.Shape { Channels = 1; Height = 6; Width = 6 } "the shape"
                      let loaded = Store.load (onlyIn (Path.Combine(root, "data"))) dataset |> expectOk
                      Expect.equal loaded.Training.Pixels.Length (10 * 36) "the pixels"
                      Expect.stringContains (String.concat "\n" loaded.Notices) "14 of another size" "the notice")

          testCase "classes without test images and folders without images are warned of"
          <| fun () ->
              inFolder (fun root ->
                  let photos = Path.Combine(root, "photos")
                  saveAll photos (treeFiles |> List.filter (fun (path, _) -> not (path.StartsWith "test/cat")))
                  Directory.CreateDirectory(Path.Combine(photos, "train", "dog")) |> ignore
                  let file = Path.Combine(root, "photos.yaml")
                  File.WriteAllText(file, scenario "photos")

                  match Scenario.load file [] with
                  | Error diagnostics -> failtest (diagnostics |> List.map Rendering.plain |> String.concat "")
                  | Ok(_, warnings) ->
                      let said = warnings |> List.map Rendering.plain |> String.concat ""

                      Expect.stringContains
                          said
                          "photos.yaml:1:18: warning: the folder 'photos' has no test images of 'cat'"
                          "test"

                      Expect.stringContains said "has no images in 'train/dog'" "empty")

          testCase "an image that differs is an error that names it"
          <| besidePhotos
              (("train/bee/x.png", png { shape with Height = 2 } (pixels { shape with Height = 2 } 1)) :: treeFiles)
              (scenario "photos")
              (fun root loaded ->
                  match loaded with
                  | Error _ -> failtest "only the first image is looked at"
                  | Ok(scenario, _) ->
                      match Store.load (onlyIn root) scenario.Runs.Head.Dataset with
                      | Ok _ -> failtest "accepted"
                      | Error problem ->
                          Expect.stringContains
                              (DataProblem.describe problem)
                              "holds 'train/bee/x.png', which is 2×5 pixels; expected 4×5"
                              "the message") ]

let private reuse =
    testCase "a complete run is run again when its data have changed, and only then"
    <| fun () ->
        inFolder (fun root ->
            let scenario =
                { Name = "reuse"
                  Description = ""
                  File = "reuse.yaml"
                  Baseline = "average"
                  Runs = [ Runs.settled { Runs.digits with Training.Length = Duration.Iterations 1 } ]
                  Places = []
                  Definition = Node.scalar (Span.at (Source.create Origin.CommandLine "") 0) "" }

            let reused checksum =
                let reused = ref false

                let session =
                    { SessionDefaults.create TorchSharp.torch.CPU (fun _ ->
                          Supply.Available(Runs.samples.Value, checksum)) with
                        Notify =
                            function
                            | Event.Reused _ -> reused.Value <- true
                            | _ -> () }

                match RunStore.opened root scenario.Name with
                | Ok store -> Session.run session store (Campaign.ofScenario scenario) |> ignore
                | Error reason -> failtest reason

                reused.Value

            Expect.equal ([ "one"; "one"; "other"; "other" ] |> List.map reused) [ false; true; false; true ] "reused")

[<Tests>]
let tests = testList "image store" [ sources; cache; folders; reuse ]
