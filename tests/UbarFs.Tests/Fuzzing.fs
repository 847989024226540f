/// Files with mistakes in them, for everything that reads files. The tests try thousands; the benchmarks go on for minutes.
module UbarFs.Tests.Fuzzing

open System
open System.IO
open System.Text
open System.Threading
open TorchSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Engine.Data
open UbarFs.Pictures
open UbarFs.Report
open UbarFs.Scenario

/// Something that reads a whole file, from a good example on. It must end without an exception, whatever the bytes.
type Target = { Name: string; Example: byte[]; Read: byte[] -> unit }

/// The most that reading a small file may allocate, in bytes.
let private mostAllocated = 64L <<< 20

let private shape = { Channels = 3; Height = 2; Width = 2 }

let private yaml =
    """name: fuzzed
data: &data { dataset: digits, partition: { dirichlet: 0.3 } }
model: [ { dense: 8 }, relu, dense ]
network: { topology: { random: 0.4 }, benign: 5, byzantine: 30% }
training: { batch: 16, epochs: 3, rate: 0.05 }
sweep:
  rule: [average, { ubar: { rho: 0.3 } }]
  zip: { network.benign: [5, 6], seed: [1, 2] }
repeat: 2
"""

let private record =
    RunRecord.write
        SettingsJson.ofCanonical
        { Id = "0123456789ab"
          Identity = "0123456789abcdef"
          Scenario = "fuzzed"
          Status = "complete"
          Reason = Some "none"
          Breach = Some { Node = Some 3; Iteration = 7L }
          Canonical = Map [ "seed", "1"; "rule", "ubar" ]
          Facts =
            Some
                { Dataset = "digits"
                  Model = "mlp"
                  Rule = "Ours"
                  Attack = "none"
                  RuleName = "ubar"
                  AttackName = "none"
                  AttackFree = true
                  Chance = 0.1
                  TestImages = 100
                  TestSize = 360
                  Stages = [ "stage 1" ] }
          WorstAccuracy = Some 0.5
          MeanAccuracy = Some 0.25
          BestAccuracy = None
          SuccessRate = Some 0.75
          ValidationAccuracy = None
          AveragedAccuracy = None
          TestLoss = Some nan
          ConsensusError = Some 0.125
          Diverged = Some false
          Seconds = Some 1.5
          CpuSeconds = Some 1.25
          PeakMemory = Some 1L
          Started = DateTimeOffset.UnixEpoch
          Finished = None
          Device = "cpu"
          Threads = 2
          Jobs = 1
          DataChecksum = "00"
          Versions = Map [ "ubarfs", "0.1.0" ]
          Sittings =
            [ { Started = DateTimeOffset.UnixEpoch
                FromIteration = 0
                FromSeconds = 0.0
                Host = "host"
                Device = "cpu"
                Threads = 2 } ]
          Files = Map [ "metrics.csv", { Bytes = 12L; Sha256 = String('0', 64) } ] }
    |> Encoding.UTF8.GetBytes

let private safetensors () =
    use scope = torch.NewDisposeScope()
    use stream = new MemoryStream()

    Safetensors.write
        stream
        [ "format", "test" ]
        [ "estimates", torch.zeros (3L, 4L)
          "rule/0/state", torch.tensor [| 1L; 2L |]
          "empty", torch.zeros 0L ]

    stream.ToArray()

/// A reader of paths, as one of bytes.
let private ofFile (folder: string) name (read: string -> unit) (bytes: byte[]) =
    let file = Path.Combine(folder, name)
    File.WriteAllBytes(file, bytes)
    read file

let private tar =
    use stream = new MemoryStream()

    using (new Formats.Tar.TarWriter(stream, true)) (fun writer ->
        for name in [ "train/cat/1.jpg"; "test/dog/" + String('n', 120) + ".jpg" ] do
            use content = new MemoryStream "image"B

            writer.WriteEntry(
                Formats.Tar.PaxTarEntry(Formats.Tar.TarEntryType.RegularFile, name, DataStream = content)
            ))

    stream.ToArray()

let private zip =
    use stream = new MemoryStream()

    using (new Compression.ZipArchive(stream, Compression.ZipArchiveMode.Create, true)) (fun archive ->
        for name in [ "train/cat/1.jpg"; "test/dog/2.jpg" ] do
            use content = archive.CreateEntry(name).Open()
            content.Write(Array.create 100 7uy, 0, 100))

    stream.ToArray()

let private visit =
    { Limits = { Entries = 100; EntryBytes = 1L <<< 20; TotalBytes = 1L <<< 22 }
      Cancellation = CancellationToken.None
      Progress = fun _ _ -> ()
      Wanted = fun _ -> true
      Take = fun _ _ -> Ok() }

let private decoded folder images =
    let file = Path.Combine(folder, "example.images")
    Decoded.write file (String('0', 64)) { Shape = shape; Training = images; Test = images }
    File.ReadAllBytes file

let private cases =
    """[ { "rule": { "ubar": { "rho": 0.3 } }, "own": [0, 1.5], "neighbours": [[2, 3], ["NaN", 4e3], [-1, 0]],
  "rho": 0.5, "weights": [0.25, 0.25, 0.25, 0.25], "byzantine": 1, "ownLoss": 1, "losses": [0.5, 0.1, "Infinity"] },
  { "rule": "byrdie", "own": [1e-3], "neighbours": [[0], [1], [2]] },
  { "rule": ["nnm", "dmedian"], "own": [1], "neighbours": [[0], [1], [2]] } ]"""

/// What a rule needs that a case does not give is a refusal of the command's.
let private applied (bytes: byte[]) =
    let apply case =
        try
            if (Case.objection case).IsNone then
                Case.apply case |> ignore
        with :? UnknownLossException ->
            ()

    match Case.parse (RuleText.read CodeAccess.none) bytes with
    | Ok(One case) -> apply case
    | Ok(Many cases) -> List.iter apply cases
    | Error _ -> ()

let private graph =
    """<?xml version="1.0"?>
<graphml><key id="d" for="edge" attr.name="weight"/><graph edgedefault="undirected">
<node id="0"/><node id="1"/><node id="2"/>
<edge source="0" target="1"><data key="d">1</data></edge><edge source="1" target="2" directed="false"/>
</graph></graphml>
"""

let private sweep =
    """{ "name": "study", "description": "", "scenario": "rule: ubar\n", "baseline": "average", "code": "0123",
  "settings": { "data.dataset": "digits" }, "varied": [{ "path": "attack", "values": ["none", "absent"] }],
  "runs": [{ "id": "0123456789ab", "seed": 1, "dataset": "digits", "model": "mlp", "rule": "ubar", "attack": "none",
    "swept": [["attack", "none"]], "varied": [0], "chance": 0.1, "test_images": 10, "test_size": 20,
    "stages": ["stage 1"] }] }"""

let private metrics =
    let row iteration =
        MetricsFile.header [ "stage 1" ] |> List.map (fun _ -> string iteration) |> String.concat ","

    let headings = MetricsFile.header [ "stage 1" ] |> String.concat ","
    $"{headings}\n{row 0}\n{row 1}\n"

let private parquet folder =
    let lines = [ for node in 0..9 -> $"1,10,{node},0.5,1.25,0.75" ]
    File.WriteAllLines(Path.Combine(folder, NodesFile.name), "epoch,iteration,node,accuracy,test_loss,loss" :: lines)
    NodesFile.finish folder
    let content = File.ReadAllBytes(Path.Combine(folder, NodesFile.complete))
    File.Delete(Path.Combine(folder, NodesFile.complete))
    content

/// The names of the targets.
let names =
    [ "IDX"
      "records of CIFAR"
      "decoded images"
      "safetensors"
      "run.json"
      "sweep.json"
      "network.json"
      "holder.json"
      "metrics.csv"
      "nodes.parquet"
      "tar archive"
      "zip archive"
      "cases of apply"
      "NumPy's arrays"
      "NumPy's archives"
      "tables"
      "graphs"
      "shares.csv"
      "lists of shares"
      "YAML" ]

let private npz =
    let array shape values = Npy.write { Shape = shape; Values = values; IsSingle = true }
    let labels = array [ 4 ] [| 0.0; 1.0; 1.0; 0.0 |]

    let entries =
        [ "x_train", array [ 4; 2 ] (Array.init 8 float)
          "y_train", labels
          "x_test", array [ 4; 2 ] (Array.init 8 float)
          "y_test", labels ]

    use stream = new MemoryStream()

    using (new Compression.ZipArchive(stream, Compression.ZipArchiveMode.Create, true)) (fun archive ->
        for name, bytes in entries do
            use entry = (archive.CreateEntry $"{name}.npy").Open()
            entry.Write(bytes, 0, bytes.Length))

    stream.ToArray()

/// Every reader of files, with a folder for those that read paths.
let targets (folder: string) : Target list =
    let readTensors (file: string) =
        use scope = torch.NewDisposeScope()
        Safetensors.read file |> ignore

    let locks = lazy Locks.ofStore folder
    let images: ImageSet = { Pixels = Array.init 24 byte; Labels = [| 1uy; 2uy |] }

    [ { Name = "IDX"
        Example = Idx.write [ 2; 3; 4 ] (Array.init 24 byte)
        Read = fun bytes -> Idx.read [ 2; 3; 4 ] (new MemoryStream(bytes)) |> ignore }
      { Name = "records of CIFAR"
        Example = Records.write images
        Read = fun bytes -> Records.parse shape 1 10 2 bytes |> ignore }
      { Name = "decoded images"
        Example = decoded folder images
        Read = ofFile folder "fuzzed.images" (Decoded.read >> ignore) }
      { Name = "safetensors"
        Example = safetensors ()
        Read = ofFile folder "fuzzed.safetensors" readTensors }
      { Name = "run.json"
        Example = record
        Read = fun bytes -> RunRecord.parse bytes |> ignore }
      { Name = "sweep.json"
        Example = Encoding.UTF8.GetBytes sweep
        Read = ofFile folder "sweep.json" (fun _ -> Study.load folder |> ignore) }
      { Name = "network.json"
        Example = """{"benign":[0,1,2],"byzantine":[3],"edges":[[0,1],[1,2],[2,3]]}"""B
        Read = ofFile folder "network.json" (fun _ -> NetworkFile.read folder |> ignore) }
      { Name = "shares.csv"
        Example = "node,class,images\n0,1,17\n1,0,3\n"B
        Read = ofFile folder "shares.csv" (fun _ -> SharesFile.read folder |> ignore) }
      { Name = "lists of shares"
        Example = "[[0, 1, 5],\n [2, 3], []]"B
        Read = fun bytes -> ShareFile.parse 20 (Some 100) bytes |> ignore }
      { Name = "holder.json"
        Example = """{"Host":"here","Process":1,"Kernel":"k","Token":"t","Beat":3}"""B
        Read = ofFile folder "holder.json" (fun _ -> Locks.tryHolder locks.Value folder |> ignore) }
      { Name = "metrics.csv"
        Example = Encoding.UTF8.GetBytes metrics
        Read = ofFile folder "metrics.csv" (fun _ -> MetricsFile.read [ "stage 1" ] folder |> ignore) }
      { Name = "nodes.parquet"
        Example = parquet folder
        Read = ofFile folder "nodes.parquet" (fun _ -> NodesFile.read folder |> ignore) }
      { Name = "tar archive"
        Example = tar
        Read = ofFile folder "fuzzed.tar" (fun file -> Archive.visit visit file |> ignore) }
      { Name = "zip archive"
        Example = zip
        Read = ofFile folder "fuzzed.zip" (fun file -> Archive.visit visit file |> ignore) }
      { Name = "cases of apply"
        Example = Encoding.UTF8.GetBytes cases
        Read = applied }
      { Name = "NumPy's arrays"
        Example = Npy.write { Shape = [ 2; 3 ]; Values = Array.init 6 float; IsSingle = false }
        Read = fun bytes -> Npy.read bytes |> ignore }
      { Name = "NumPy's archives"
        Example = npz
        Read = fun bytes -> NpzFile.read false bytes |> ignore }
      { Name = "tables"
        Example = "a,b,c\n1,2,x\n3,\"4\",y\n5,6,x\n7,8,y\n"B
        Read = fun bytes -> CsvTable.read "last" 0.5 bytes |> ignore }
      { Name = "graphs"
        Example = Encoding.UTF8.GetBytes graph
        Read = ofFile folder "fuzzed.graphml" (GraphSource.read >> ignore) }
      { Name = "YAML"
        Example = Encoding.UTF8.GetBytes yaml
        Read =
          fun bytes ->
              match ScenarioFile.decode "fuzzed.yaml" bytes with
              | Ok text -> Scenario.parse "fuzzed.yaml" text [] |> ignore
              | Error _ -> () } ]

// Bytes that formats give a meaning to.
let private interesting =
    [| 0uy
       1uy
       0x7fuy
       0x80uy
       0xffuy
       byte '{'
       byte '['
       byte ','
       byte '"'
       byte '*'
       byte '9' |]

let private mutateOnce (random: Random) (bytes: byte[]) =
    let position = random.Next(max 1 bytes.Length)
    let length = min (random.Next 16) (bytes.Length - position)

    match random.Next 6 with
    | _ when bytes.Length = 0 -> [| byte (random.Next 256) |]
    | 0 -> Array.updateAt position (byte (random.Next 256)) bytes
    | 1 -> Array.updateAt position interesting[random.Next interesting.Length] bytes
    | 2 -> Array.truncate position bytes
    | 3 -> Array.removeManyAt position length bytes
    | 4 -> Array.insertManyAt position (Array.sub bytes position length) bytes
    | _ ->
        Array.insertManyAt position (Array.create (1 + random.Next 8) interesting[random.Next interesting.Length]) bytes

/// A few mistakes at once.
let mutate (random: Random) (bytes: byte[]) =
    Seq.fold (fun bytes _ -> mutateOnce random bytes) bytes (seq { 0 .. random.Next 4 })

/// Reads mutations of the example until `goOn` says no; what is wrong with the first that does not end well.
let attack (target: Target) (random: Random) (goOn: int -> bool) : string option =
    let mutable count = 0
    let mutable wrong = None

    while wrong.IsNone && goOn count do
        let bytes = mutate random target.Example
        let before = GC.GetAllocatedBytesForCurrentThread()

        try
            target.Read bytes
            let allocated = GC.GetAllocatedBytesForCurrentThread() - before

            if allocated > mostAllocated then
                wrong <- Some $"{target.Name}: {allocated} bytes for {Convert.ToBase64String bytes}"
        with error ->
            wrong <- Some $"{target.Name}: {error.GetType().Name}: {error.Message} for {Convert.ToBase64String bytes}"

        count <- count + 1

    wrong
