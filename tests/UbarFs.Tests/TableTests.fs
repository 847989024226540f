/// Datasets that are files of numbers: NumPy's archives and lines of values.
module UbarFs.Tests.TableTests

open System
open System.IO
open System.IO.Compression
open System.Text
open Expecto
open TorchSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Engine.Data
open UbarFs.Pictures
open UbarFs.Scenario
open UbarFs.Tests.TinyDataset

/// The bytes of an .npy file, with a header as NumPy writes it.
let private npy (descr: string) isFortran (shape: int list) (numbers: byte[]) : byte[] =
    let sizes = shape |> List.map (fun size -> $"{size},") |> String.concat " "
    let order = if isFortran then "True" else "False"
    let header = $"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({sizes}), }}"
    let header = header.PadRight(117) + "\n"

    Array.concat
        [ [| 0x93uy; yield! "NUMPY"B; 1uy; 0uy; byte header.Length; 0uy |]
          Encoding.Latin1.GetBytes header
          numbers ]

let private singles (values: float list) = values |> List.map (float32 >> BitConverter.GetBytes) |> Array.concat

let private doubles (values: float list) =
    values |> List.map (fun (v: float) -> BitConverter.GetBytes v) |> Array.concat

let private longs (values: int64 list) = values |> List.map (fun (v: int64) -> BitConverter.GetBytes v) |> Array.concat
let private labels (values: int64 list) = npy "<i8" false [ values.Length ] (longs values)

let private archive (entries: (string * byte[]) list) : byte[] =
    use stream = new MemoryStream()

    using (new ZipArchive(stream, ZipArchiveMode.Create, true)) (fun archive ->
        for name, bytes in entries do
            use entry = (archive.CreateEntry $"{name}.npy").Open()
            entry.Write(bytes, 0, bytes.Length))

    stream.ToArray()

/// Four training examples of two numbers, and two for testing.
let private plain =
    [ "x_train", npy "<f4" false [ 4; 2 ] (singles [ 1.0; 5.0; 3.0; 5.0; 1.0; 5.0; 3.0; 5.0 ])
      "y_train", labels [ 0L; 1L; 2L; 1L ]
      "x_test", npy "<f4" false [ 2; 2 ] (singles [ 2.0; 6.0; 7.0; 4.0 ])
      "y_test", labels [ 1L; 1L ] ]

let private without name = plain |> List.filter (fun (other, _) -> other <> name)
let private changed name bytes = (name, bytes) :: without name

let private ofNpz entries =
    match NpzFile.read false (archive entries) with
    | Ok table -> table
    | Error reason -> failtest reason

let private refusedNpz name entries (expected: string) =
    testCase $"an archive is refused: {name}"
    <| fun () ->
        match NpzFile.read false (archive entries) with
        | Ok _ -> failtest "accepted"
        | Error reason -> Expect.stringContains reason expected "the reason"

let private shapes =
    [ [ 4 ], { Channels = 1; Height = 1; Width = 1 }
      [ 4; 6 ], { Channels = 6; Height = 1; Width = 1 }
      [ 4; 2; 3 ], { Channels = 1; Height = 2; Width = 3 }
      [ 4; 3; 2; 1 ], { Channels = 3; Height = 2; Width = 1 }
      [ 4; 1; 2; 3; 1 ], { Channels = 6; Height = 1; Width = 1 } ]

let private numpy =
    [ testCase "an archive is its rows, labels and moments"
      <| fun () ->
          let table = ofNpz plain
          Expect.equal table.Shape { Channels = 2; Height = 1; Width = 1 } "shape"
          Expect.equal table.Classes 3 "classes"
          Expect.equal table.Training.Values [| 1.0f; 5.0f; 3.0f; 5.0f; 1.0f; 5.0f; 3.0f; 5.0f |] "training"
          Expect.equal table.Training.Labels [| 0uy; 1uy; 2uy; 1uy |] "labels"
          Expect.equal table.Test.Values [| 2.0f; 6.0f; 7.0f; 4.0f |] "test"
          Expect.equal table.Moments [ 2.0, 1.0; 5.0, 1.0 ] "a constant channel has deviation 1"

      for shape, expected in shapes do
          testCase $"examples of {shape.Tail} are {expected}"
          <| fun () ->
              let values = List.init (List.fold (*) 1 shape) float
              let x = npy "<f4" false shape (singles values)
              let tested = npy "<f4" false (2 :: shape.Tail) (singles (List.take (values.Length / 2) values))
              let table = ofNpz [ "x_train", x; plain[1]; "x_test", tested; plain[3] ]
              Expect.equal table.Shape expected "shape"
              Expect.equal table.Training.Values (values |> List.map float32 |> Array.ofList) "in their order"

      testCase "numbers of every type are read"
      <| fun () ->
          let wide = [ 1.0; 2.0; 3.0; 0.0; 1.0; 5.0; 3.0; 100.0 ]

          for descr, bytes in
              [ "|u1", wide |> List.map byte |> Array.ofList
                "|i1", wide |> List.map byte |> Array.ofList
                "<u2", wide |> List.map (uint16 >> BitConverter.GetBytes) |> Array.concat
                "<i2", wide |> List.map (int16 >> BitConverter.GetBytes) |> Array.concat
                "<f2", wide |> List.map (fun v -> BitConverter.GetBytes(Half.op_Explicit v: Half)) |> Array.concat
                "<u4", wide |> List.map (uint32 >> BitConverter.GetBytes) |> Array.concat
                "<i4", wide |> List.map (int >> BitConverter.GetBytes) |> Array.concat
                "<f4", singles wide
                "<u8", wide |> List.map (uint64 >> BitConverter.GetBytes) |> Array.concat
                "<i8", longs (List.map int64 wide)
                "<f8", doubles wide ] do
              let table = ofNpz (changed "x_train" (npy descr false [ 4; 2 ] bytes))
              Expect.equal table.Training.Values (wide |> List.map float32 |> Array.ofList) descr

      testCase "Fortran's order is undone"
      <| fun () ->
          let table =
              ofNpz (changed "x_train" (npy "<f4" true [ 4; 2 ] (singles [ 1.0; 2.0; 3.0; 4.0; 5.0; 6.0; 7.0; 8.0 ])))

          Expect.equal table.Training.Values [| 1.0f; 5.0f; 2.0f; 6.0f; 3.0f; 7.0f; 4.0f; 8.0f |] "rows"

      testCase "channels that come last are put first"
      <| fun () ->
          let values = List.init 24 float
          let x = npy "<f4" false [ 4; 1; 2; 3 ] (singles values)

          let entries =
              [ "x_train", x
                "y_train", labels [ 0L; 1L; 2L; 1L ]
                "x_test", x
                "y_test", labels [ 0L; 1L; 2L; 1L ] ]

          match NpzFile.read true (archive entries) with
          | Error reason -> failtest reason
          | Ok table ->
              Expect.equal table.Shape { Channels = 3; Height = 1; Width = 2 } "shape"
              Expect.equal table.Training.Values[..5] [| 0.0f; 3.0f; 1.0f; 4.0f; 2.0f; 5.0f |] "the first example"

      refusedNpz
          "an array is missing"
          (without "y_test")
          "has no array 'y_test': expected x_train, y_train, x_test, y_test, and there is"
      refusedNpz
          "labels that are no numbers from 0 on"
          (changed "y_train" (labels [ 0L; -1L; 2L; 1L ]))
          "has the label -1 at y_train[1]"
      refusedNpz
          "labels in halves"
          (changed "y_test" (npy "<f8" false [ 2 ] (doubles [ 0.0; 1.5 ])))
          "has the label 1.5 at y_test[1]"
      refusedNpz "too few labels" (changed "y_train" (labels [ 0L; 1L ])) "has 4 examples beside 'y_train', which is 2"
      refusedNpz
          "labels one-hot"
          (changed "y_test" (npy "<f4" false [ 2; 2 ] (singles [ 0.0; 1.0; 1.0; 0.0 ])))
          "'y_test', which is 2×2"
      refusedNpz
          "a class without training"
          (changed "y_train" (labels [ 0L; 1L; 4L; 1L ]))
          "has no training examples of the class 2"
      refusedNpz
          "a class of tests alone"
          (changed "y_test" (labels [ 0L; 3L ]))
          "has no training examples of the class 3"
      refusedNpz
          "too many classes"
          (changed "y_train" (labels [ 0L; 1L; 2L; 256L ]))
          "has the label 256: 256 classes are the most"
      refusedNpz
          "one class"
          [ plain[0]
            "y_train", labels [ 0L; 0L; 0L; 0L ]
            plain[2]
            "y_test", labels [ 0L; 0L ] ]
          "has only the class 0"
      refusedNpz
          "examples of two shapes"
          (changed "x_test" (npy "<f4" false [ 2; 3 ] (singles [ 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 ])))
          "has training examples of 2×1×1 and test examples of 3×1×1"
      refusedNpz
          "what is not finite"
          (changed "x_test" (npy "<f4" false [ 2; 2 ] (singles [ 1.0; 2.0; nan; 4.0 ])))
          "has a number in x_test[1] that is not finite"
      refusedNpz
          "what float32 does not hold"
          (changed "x_test" (npy "<f8" false [ 2; 2 ] (doubles [ 1.0; 2.0; 3.0; 1e300 ])))
          "has a number in x_test[1] that is not finite as float32: 1E+300"
      refusedNpz "texts" (changed "x_train" (npy "<U1" false [ 1 ] (longs []))) "'<U1', and are no real numbers"
      refusedNpz
          "big-endian numbers"
          (changed "x_train" (npy ">f4" false [ 1 ] (singles [ 1.0 ])))
          "has an array 'x_train' that cannot be read: its numbers are big-endian"
      refusedNpz
          "an array that is cut short"
          (changed "x_train" (npy "<f4" false [ 4; 2 ] (singles [ 1.0 ])))
          "its shape asks for 32 bytes of numbers, and there are 4"
      refusedNpz "an empty array" (changed "x_train" (npy "<f4" false [ 0; 2 ] [||])) "has an empty array 'x_train'"

      testCase "what is no archive is refused"
      <| fun () ->
          Expect.equal
              (NpzFile.read false "nonsense"B |> Result.map ignore)
              (Error "is no archive of numpy.savez, or is damaged")
              "nonsense"

          let whole = archive plain

          for length in [ 0; 10; whole.Length / 2; whole.Length - 1 ] do
              Expect.isError (NpzFile.read false whole[.. length - 1]) $"{length} bytes" ]

let private lines (text: string) = Encoding.UTF8.GetBytes(text.Replace("|", "\n"))

let private ofCsv label test text =
    match CsvTable.read label test (lines text) with
    | Ok table -> table
    | Error reason -> failtest reason

let private refusedCsv name label text (expected: string) =
    testCase $"a table is refused: {name}"
    <| fun () ->
        match CsvTable.read label 0.5 (lines text) with
        | Ok _ -> failtest "accepted"
        | Error reason -> Expect.stringContains reason expected "the reason"

let private tables =
    [ testCase "lines are numbers and a label, some of them for testing"
      <| fun () ->
          let table = ofCsv "last" 0.4 "1,2,x|3,4,y|5,6,x|7,8,y|9,10,x|"
          Expect.equal table.Shape { Channels = 2; Height = 1; Width = 1 } "shape"
          Expect.equal table.Training.Values [| 1.0f; 2.0f; 3.0f; 4.0f; 7.0f; 8.0f |] "training"
          Expect.equal table.Training.Labels [| 0uy; 1uy; 1uy |] "labels"
          Expect.equal table.Test.Values [| 5.0f; 6.0f; 9.0f; 10.0f |] "test"
          Expect.equal table.Test.Labels [| 0uy; 0uy |] "labels for testing"

      testCase "the label is a column by its name, its number or at the end"
      <| fun () ->
          let text = "\"kind, of\",a,b\r|10,1,2\r|10,3,4\r||9,5,6\r|9,7,8\r|"
          let expected = ofCsv "1" 0.5 text
          Expect.equal (ofCsv "kind, of" 0.5 text) expected "by name"
          Expect.equal (ofCsv "last" 0.5 "a,b,k|1,2,10|3,4,10|5,6,9|7,8,9") expected "at the end"
          Expect.equal expected.Training.Labels [| 1uy; 0uy |] "whole numbers are in their order: 9 before 10"

      testCase "a byte-order mark and quotes are no part of values"
      <| fun () ->
          Expect.equal
              (ofCsv "last" 0.5 "\uFEFF1,\"2\",\"say \"\"x\"\"\"|3,4,\"say \"\"x\"\"\"|1,2,\"a,b\"|1,2,\"a,b\"")
                  .Training.Values
              [| 1.0f; 2.0f; 1.0f; 2.0f |]
              "values"

      refusedCsv
          "a word among the numbers"
          "last"
          "a,b,k|1,2,x|3,?,y|5,6,x|7,8,y"
          "has '?' in line 3, column 'b': expected a finite number"
      refusedCsv "an infinite number" "last" "1,2,x|3,4,y|5,inf,x|7,8,y" "has 'inf' in line 3, column 2"
      refusedCsv "a line that is too short" "last" "1,2,x|3,y|5,6,x" "has 2 columns in line 2, and 3 before"
      refusedCsv
          "no such column"
          "kind"
          "a,b|1,x|2,y|3,x"
          "has no column 'kind' for the labels: the columns are 'a', 'b'"
      refusedCsv "no such number" "3" "1,x|2,y|3,x" "its 2 columns have no names"
      refusedCsv "a label that is missing" "last" "1,x|2,|3,x|4,y" "has no label in line 2"
      refusedCsv "an open quote" "last" "1,x|2,\"y|3,x" "has a quote in line 2 that is never closed"
      refusedCsv "a single class" "last" "1,x|2,x|3,x|4,x" "has only the class 'x'"
      refusedCsv "a class of tests alone" "last" "1,x|2,y|3,x|4,y" "has no training examples of the class 'y'"
      refusedCsv "a single column" "last" "1|2|3|4" "has a single column"
      refusedCsv "no lines" "last" "1,x" "has too few lines"

      testCase "a table that is no text is refused"
      <| fun () ->
          Expect.equal
              (CsvTable.read "last" 0.5 [| 0xffuy; 0xfeuy; 0x31uy |] |> Result.map ignore)
              (Error "is no text in UTF-8")
              "bytes" ]

/// Two classes far apart, so that a few steps tell them from each other.
let private separable =
    [ for index in 0..59 ->
          let side = if index % 2 = 0 then "left" else "right"
          $"{100 + index % 2 * 10 + index % 3},{index % 5},{side}" ]
    |> String.concat "\n"

let private scenario dataset =
    $"data: {{ dataset: {dataset} }}\nmodel: softmax\nnetwork: {{ benign: 4, byzantine: 0 }}\n"
    + "training: { epochs: 20, batch: 4, rate: 0.5 }\n"

let private beside name (content: byte[]) dataset test () =
    inFolder (fun root ->
        File.WriteAllBytes(Path.Combine(root, name), content)
        let file = Path.Combine(root, "table.yaml")
        File.WriteAllText(file, scenario dataset)
        test root (Scenario.load file []))

let private whole =
    [ testCase "a scenario knows a table's shape and sizes, and nodes learn it"
      <| beside "t.csv" (Encoding.UTF8.GetBytes separable) "{ csv: { path: t.csv, test: 25% } }" (fun root loaded ->
          use _ = torch.NewDisposeScope()

          match loaded with
          | Error diagnostics -> failtest (diagnostics |> List.map Rendering.plain |> String.concat "")
          | Ok(scenario, _) ->
              let run = scenario.Runs.Head
              Expect.equal (run.Dataset.Value.TrainingSize, run.Dataset.Value.TestSize) (45, 15) "sizes"

              match Store.load [] run.Dataset with
              | Error problem -> failtest (DataProblem.describe problem)
              | Ok loaded ->
                  let samples = Samples.create torch.CPU loaded
                  let means = (samples.Images.flatten 1L).mean([| 0L |]).data<float32>().ToArray()
                  let deviations = (samples.Images.flatten 1L).std(0L, unbiased = false).data<float32>().ToArray()
                  Expect.all means (fun mean -> abs mean < 1e-5f) $"means {means}"
                  Expect.all deviations (fun deviation -> abs (deviation - 1.0f) < 1e-5f) $"deviations {deviations}"

                  match Experiment.create samples run with
                  | Error reason -> failtest reason
                  | Ok experiment ->
                      let mutable state = Simulation.start experiment

                      for _ in 1..20 do
                          state <- (Simulation.iterate experiment state).State

                      let tested = Simulation.evaluate experiment state.Estimates
                      Expect.allEqual (tested |> Array.map _.Accuracy) 1.0 "accuracy"

                  File.AppendAllText(Path.Combine(root, "t.csv"), "\n1,2,left")

                  match Store.load [] run.Dataset with
                  | Error problem ->
                      Expect.stringContains (DataProblem.describe problem) "has changed since" "another file"
                  | Ok _ -> failtest "the file is another")

      testCase "a scenario tells what is odd about an archive"
      <| beside "a.npz" (archive plain) "{ npz: a.npz }" (fun _ loaded ->
          match loaded with
          | Error diagnostics -> failtest (diagnostics |> List.map Rendering.plain |> String.concat "")
          | Ok(_, warnings) ->
              let text = warnings |> List.map Rendering.plain |> String.concat ""
              Expect.stringContains text "the file 'a.npz' has no test examples of class 0, 2" "the warning")

      for name, content, dataset, expected in
          [ "t.csv",
            "1,x\n2,y\n3,x\n4,y\n"B,
            "{ csv: { path: t.csv, test: 50% } }",
            "has no training examples of the class"
            "t.csv", "1,x\n"B, "{ csv: { path: u.csv } }", "there is no file 'u.csv' beside the scenario"
            "t.npz", "x"B, "{ npz: { path: t.npz } }", "the file 't.npz' is no archive of numpy.savez"
            "t.npz", "x"B, "{ npz: { path: . } }", "is a folder, not a file" ] do
          testCase $"a table that cannot be used is told at its place: {expected}"
          <| beside name content dataset (fun _ loaded ->
              match loaded with
              | Ok _ -> failtest "accepted"
              | Error diagnostics ->
                  let text = diagnostics |> List.map Rendering.plain |> String.concat ""
                  Expect.stringContains text expected "the message"
                  Expect.stringContains text "table.yaml:1:18" "its place") ]

let private merging =
    let ofTwo = TinyImages.records

    [ testCase "the label of a record is the last byte before its pixels"
      <| fun () ->
          let set: ImageSet = { Pixels = Array.init 12 byte; Labels = [| 2uy; 0uy |] }
          let shape = { Channels = 3; Height = 2; Width = 1 }
          let bytes = Array.concat [ [| 9uy; 2uy |]; set.Pixels[..5]; [| 7uy; 0uy |]; set.Pixels[6..] ]
          Expect.equal (Records.parse shape 2 3 2 bytes) (Ok set) "the images"
          Expect.isError (Records.parse shape 1 3 2 bytes) "with one byte there are too many"

      testCase "classes can be put together"
      <| fun () ->
          inFolder (fun root ->
              TinyImages.saveAll (Path.Combine(root, "tiny")) TinyImages.recordFiles
              let merged = TinyImages.datasetOf { ofTwo with Merged = [ 1; 0; 1 ] }
              let merged = { merged with Value = { merged.Value with Classes = 2 } }

              let load dataset =
                  match Store.loadAmong [] (onlyIn root) dataset with
                  | Ok loaded -> loaded.Training.Labels
                  | Error problem -> failtest (DataProblem.describe problem)

              let apart = load TinyImages.dataset
              Expect.equal (load merged) (apart |> Array.map (fun label -> if label = 1uy then 0uy else 1uy)) "labels"
              Expect.equal (load TinyImages.dataset) apart "what is kept of the images is whole")

      testCase "the coarse classes of CIFAR-100 are twenty of five each"
      <| fun () ->
          let chosen arguments =
              match (Runs.chooseWith arguments "cifar100" Catalogue.datasets).Value with
              | { Storage = Storage.Records records; Classes = classes } -> records, classes
              | _ -> failtest "records"

          let coarse, count = chosen [ "labels", Value.Word "coarse" ]
          Expect.equal count 20 "classes"
          Expect.equal (coarse.Merged |> List.countBy id |> List.sort) [ for label in 0..19 -> label, 5 ] "members"
          let labelOf name = List.item (List.findIndex ((=) name) coarse.ClassNames) coarse.Merged
          Expect.equal (List.map labelOf [ "apple"; "beaver"; "tractor"; "worm"; "bus" ]) [ 4; 0; 19; 13; 18 ] "some"
          let fine, count = chosen []
          Expect.equal (count, fine.Merged, fine.ClassNames.Length) (100, [], 100) "fine" ]

[<Tests>]
let tests =
    testList
        "tables of numbers"
        [ testList "NumPy" numpy
          testList "lines" tables
          testList "scenarios" whole
          testList "classes" merging ]
