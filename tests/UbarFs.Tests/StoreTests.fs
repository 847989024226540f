/// Laws of what keeps runs: checkpoints, locks, shards, guards, and every reader of files.
module UbarFs.Tests.StoreTests

open System
open System.IO
open System.Threading
open Expecto
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Scenario
open UbarFs.Testing.Generators

let private values (tensor: torch.Tensor) = tensor.data<float32>().ToArray()

/// A run whose rule and attack remember much.
let private remembering: Run =
    { Runs.digits with
        Rule = Runs.choose "afa" Catalogue.rules
        Attacks = [ Runs.chooseWith [ "age", Value.Whole 4 ] "stale" Catalogue.attacks ]
        Training.Length = Duration.Iterations 12
        Every = Duration.Iterations 5 }

/// The last estimates of a run that goes on from a checkpoint, or begins, and what `reached` makes of each iteration.
let private trained reached from (experiment: Experiment) =
    let mutable last = [||]

    let observer =
        { Iterated = ignore
          Evaluated = ignore
          Reached =
            fun _ (midway: Midway) ->
                last <- values midway.State.Estimates
                reached midway }

    Training.resume observer CancellationToken.None from experiment |> ignore
    last

let private savedAt iterations folder experiment =
    experiment
    |> trained
        (fun midway ->
            if List.contains midway.State.Iteration iterations then
                Checkpoint.save folder "id" { Midway = midway; CpuSeconds = 1.0 })
        None

let private restored folder experiment =
    let told = ResizeArray<string>()
    let checkpoint = Checkpoint.latest told.Add folder "id" experiment
    checkpoint, List.ofSeq told

let private checkpointFiles folder = Directory.GetFiles(Path.Combine(folder, "checkpoint")) |> Array.sort

let private iterationOf (checkpoint: Checkpoint option) = checkpoint |> Option.map _.Midway.State.Iteration

let private checkpoints =
    [ testCase "a run that goes on from a checkpoint ends with the same bits"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              use _ = torch.NewDisposeScope()
              let experiment = Runs.experiment remembering
              let whole = savedAt [ 7 ] folder experiment
              let checkpoint, told = restored folder experiment
              Expect.equal (iterationOf checkpoint, told) (Some 7, []) "it is found"
              let state = checkpoint.Value.Midway.State
              Expect.exists state.RuleMemories (Map.isEmpty >> not) "the rule remembers"
              Expect.exists state.AttackMemories (Map.isEmpty >> not) "the attack remembers"
              let parts = trained ignore (checkpoint |> Option.map _.Midway) experiment
              Expect.equal parts whole "bit for bit")

      testCase "two generations are kept, and a damaged one gives way to the one before, aloud"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              use _ = torch.NewDisposeScope()
              let experiment = Runs.experiment remembering
              savedAt [ 3; 6; 9 ] folder experiment |> ignore
              let files = checkpointFiles folder
              Expect.hasLength files 2 "the two newest"
              let bytes = File.ReadAllBytes files[1]
              bytes[bytes.Length - 5] <- bytes[bytes.Length - 5] ^^^ 1uy
              File.WriteAllBytes(files[1], bytes)
              let checkpoint, told = restored folder experiment
              Expect.equal (iterationOf checkpoint) (Some 6) "the one before"
              Expect.hasLength told 1 "it is said"
              Expect.stringContains told.Head "its checksum is wrong" "why"
              File.WriteAllBytes(files[0], Array.truncate 100 (File.ReadAllBytes files[0]))
              let checkpoint, told = restored folder experiment
              Expect.equal (iterationOf checkpoint) None "none is left"
              Expect.stringContains told.Head "the run starts anew" "that is said")

      testCase "a checkpoint brings back the files that grew with the run, and those alone"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              use _ = torch.NewDisposeScope()
              let experiment = Runs.experiment remembering
              let metrics = Path.Combine(folder, "metrics.csv")
              File.WriteAllText(metrics, "as it was\n")
              savedAt [ 4 ] folder experiment |> ignore
              File.WriteAllText(metrics, "as it was\nand more")
              restored folder experiment |> ignore
              Expect.equal (File.ReadAllText metrics) "as it was\n" "cut back")

      testCase "a checkpoint of another run is not used"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              use _ = torch.NewDisposeScope()
              let experiment = Runs.experiment remembering
              savedAt [ 4 ] folder experiment |> ignore
              Expect.isNone (Checkpoint.latest ignore folder "other" experiment) "another id") ]

let private locks =
    [ testCase "nobody else gets a lock until it is given back"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let run = Path.Combine(folder, "run")
              let one, other = Locks.ofStore folder, Locks.ofStore folder

              match Locks.claim one run with
              | Claim.Held _ -> failtest "nobody has it"
              | Claim.Granted(held, abandoned) ->
                  Expect.isNone abandoned "nobody had it"

                  match Locks.claim other run with
                  | Claim.Held(Some holder) -> Expect.equal holder.Process Environment.ProcessId "who"
                  | _ -> failtest "it is held"

                  (held :> IDisposable).Dispose()

              match Locks.claim other run with
              | Claim.Granted(held, None) -> (held :> IDisposable).Dispose()
              | _ -> failtest "it is free")

      testCase "a holder on another machine is not pushed aside while it may live"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let holder = """{"Host":"far","Process":1,"Kernel":"other","Token":"token","Beat":3}"""
              File.WriteAllText(Path.Combine(folder, "holder.json"), holder)

              match Locks.claim (Locks.ofStore folder) folder with
              | Claim.Held(Some holder) -> Expect.equal (string holder) "process 1 on far" "who"
              | _ -> failtest "it has to be watched first")

      testCase "what a dead process of this machine held is free, and it is said who that was"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let kernel = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim()
              let holder = $"""{{"Host":"here","Process":1,"Kernel":"{kernel}","Token":"token","Beat":3}}"""
              File.WriteAllText(Path.Combine(folder, "holder.json"), holder)

              match Locks.claim (Locks.ofStore folder) folder with
              | Claim.Granted(held, Some dead) ->
                  (held :> IDisposable).Dispose()
                  Expect.equal dead.Process 1 "who"
              | _ -> failtest "its lock ended with it") ]

let private shards =
    let runs = [ for seed in 1L .. 11L -> { Runs.digits with Seed = seed } ]

    [ testProperty "shards are disjoint, alike in size, and together everything"
      <| forAll (Gen.choose (1, 12)) (fun count ->
          let parts =
              [ for index in 1..count ->
                    match Shard.parse $"{index}/{count}" with
                    | Ok shard -> Shard.ids shard runs
                    | Error reason -> failtest reason ]

          let sizes = parts |> List.map Set.count

          List.sum sizes = runs.Length
          && Set.unionMany parts = Set.ofList (List.map RunStore.id runs)
          && List.max sizes - List.min sizes <= 1)

      testCase "what is no shard or interval is refused"
      <| fun () ->
          for text in [ "0/4"; "5/4"; "1"; "1/0"; "a/b"; "1/2/3"; "-1/2"; "" ] do
              Expect.isError (Shard.parse text) text

          for text in [ "0"; "-1"; "x"; "2 weeks"; "min"; "" ] do
              Expect.isError (Cadence.parse text) text

          let cadences = [ "50"; "2min"; "30s"; "1.5h"; "never" ] |> List.map Cadence.parse

          Expect.equal
              cadences
              [ Ok(Cadence.Iterations 50)
                Ok(Cadence.Seconds 120.0)
                Ok(Cadence.Seconds 30.0)
                Ok(Cadence.Seconds 5400.0)
                Ok Cadence.Never ]
              "intervals" ]

/// What comes of a network whose rule does this in iteration 3, from 0.
let private outcomeOf (misbehave: View -> torch.Tensor) =
    let rule =
        Rule.aggregating 0.5 (fun view ->
            Aggregate.ofEstimate (
                if view.Iteration = 3L then
                    misbehave view
                else
                    view.Received.mean [| 0L |]
            ))

    let run =
        { Runs.digits with
            Rule = { Runs.digits.Rule with Name = "mine"; Value = rule } }

    try
        Training.run
            { Iterated = ignore; Evaluated = ignore; Reached = fun _ _ -> () }
            CancellationToken.None
            (Runs.experiment run)
        |> ignore

        None
    with :? BreachException as breach ->
        Some breach

let private guards =
    let expectBreach title (reason: string) misbehave =
        testCase title
        <| fun () ->
            match outcomeOf misbehave with
            | None -> failtest "nobody noticed"
            | Some breach ->
                Expect.stringContains breach.Message "rule 'mine' at node 0, iteration 4" "who, where and when"
                Expect.stringContains breach.Message reason "what"
                Expect.equal (breach.Node, breach.Iteration) (Some 0, 4L) "for programs"

    [ expectBreach "a rule that throws" "the wheels came off" (fun _ -> failwith "the wheels came off")
      expectBreach "a rule with the wrong shape" "gave [3] of Float32 instead of [650] of Float32" (fun _ ->
          torch.zeros 3L)
      expectBreach "a rule with the wrong type" "of Float64 instead of" (fun view -> view.Own.to_type torch.float64)
      expectBreach "a rule that makes NaN" "not finite from finite ones" (fun view -> Native.scaled nan view.Own)

      testCase "a network that diverges is a result"
      <| fun () ->
          let run =
              { Runs.digits with
                  Model = Runs.choose "mlp" Catalogue.models
                  Rule = Runs.choose "average" Catalogue.rules
                  Training.Rate = { Initial = 1e38; Decay = Decay.None } }

          match
              Training.run
                  { Iterated = ignore; Evaluated = ignore; Reached = fun _ _ -> () }
                  CancellationToken.None
                  (Runs.experiment run)
          with
          | Ending.Finished evaluation -> Expect.isTrue evaluation.Diverged "and known for one"
          | Ending.Interrupted -> failtest "nobody interrupted it" ]

// The same mistakes in every run, among them some that once went further; `bench --fuzz` looks for others.
let private readers =
    let mutations, seed = 1500, 42735257

    [ for name in Fuzzing.names ->
          testCase $"{name}: no mistake in a file goes beyond a message"
          <| fun () ->
              TinyDataset.inFolder (fun folder ->
                  let target = Fuzzing.targets folder |> List.find (fun target -> target.Name = name)
                  target.Read target.Example
                  let wrong = Fuzzing.attack target (Random seed) (fun count -> count < mutations)
                  Expect.equal wrong None name) ]

let private exports =
    testCase "an exported model has the values of the node's row, under the names of PyTorch"
    <| fun () ->
        TinyDataset.inFolder (fun folder ->
            use _ = torch.NewDisposeScope()
            let experiment = Runs.experiment Runs.digits
            let estimates = torch.rand (8L, int64 experiment.Architecture.Dimension)
            ModelFile.write folder experiment estimates
            let file = Path.Combine(folder, "out.safetensors")

            let export node = ModelFile.export folder (fun _ _ -> node) (fun _ -> file)

            match export (Ok [ 5 ]) with
            | Error reason -> failtest reason
            | Ok models ->
                let notes = (List.exactlyOne models).Notes
                Expect.equal notes.Module "nn.Sequential(nn.Flatten(), nn.Linear(64, 10))" "node 5"

            match Safetensors.read file with
            | Error reason -> failtest reason
            | Ok saved ->
                Expect.equal (List.ofSeq saved.Tensors.Keys) [ "1.bias"; "1.weight" ] "after Flatten"
                Expect.equal saved.Tensors["1.weight"].shape [| 10L; 64L |] "outputs × inputs"
                let row = values estimates[5L]
                Expect.equal (values (saved.Tensors["1.weight"].flatten())) row[..639] "the weights"
                Expect.equal (values saved.Tensors["1.bias"]) row[640..] "the biases"
                let dataset = experiment.Run.Dataset.Value
                Expect.equal saved.Metadata["input"] "[1,8,8]" "what the images are"
                Expect.equal saved.Metadata["mean"] $"[{Csv.number dataset.Mean.Head}]" "as they are normalised"
                Expect.equal saved.Metadata["deviation"] $"[{Csv.number dataset.Deviation.Head}]" "likewise"

            Expect.equal (export (Error "no such node")) (Error "no such node") "who chooses may refuse")

[<Tests>]
let tests =
    testList
        "store"
        [ testSequenced (testList "checkpoints" checkpoints)
          testList "locks" locks
          testList "shards" shards
          testList "guards" guards
          testSequenced (testList "readers" readers)
          exports ]
