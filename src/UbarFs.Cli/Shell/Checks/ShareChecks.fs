/// What nodes would have of the training images: where the data is on this machine, it can be told before a run.
module UbarFs.Cli.ShareChecks

open System.Collections.Generic
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Engine.Data
open UbarFs.Report
open UbarFs.Scenario

// Further shares are not looked at: few kinds say it of a large sweep, and what is left is told by the run itself.
let private mostWork = 100_000_000L

// Every dataset is read once; what is not here, or damaged, has no labels, and its runs say so.
let private labels = Dictionary<Dataset, int[] option>()

let private labelsOf (dataset: Chosen<Dataset>) : int[] option =
    match labels.TryGetValue dataset.Value with
    | true, known -> known
    | false, _ ->
        labels[dataset.Value] <-
            match Store.load (Places.current None) dataset with
            | Ok loaded -> Some(Array.map int loaded.Training.Labels)
            | Error _ -> None

        labels[dataset.Value]

/// What shares depend on beside the seed.
let private key (run: Run) =
    (Chosen.canonical run.Dataset, Chosen.canonical run.Partition, run.Holders),
    (run.LeastShare, run.Training.Batch, Run.networkSettings run)

/// Whether all nodes get equal shares of everything, of which there is nothing to tell.
let private isPlain (run: Run) = run.Partition.Name = "iid" && run.LeastShare.IsNone

/// What shares a run would have, with the labels and the network; none where nobody can tell.
let private shares (run: Run) =
    match labelsOf run.Dataset with
    | None -> None
    | Some labels ->
        match Experiment.drawNetwork run with
        | Error _ -> None
        | Ok network -> Some(labels, network, Experiment.shares labels run network)

/// Why a run's shares cannot be had, for all runs that have reason to be asked: by what they depend on and their seed.
let obstacles () : Run -> string option =
    let known, work = Dictionary<_, string option>(HashIdentity.Structural), ref 0L

    fun run ->
        let key = run.Seed, key run

        match known.TryGetValue key with
        | true, found -> found
        | false, _ when isPlain run || work.Value > mostWork -> None
        | false, _ ->
            known[key] <-
                match shares run with
                | Some(labels, _, result) ->
                    work.Value <- work.Value + int64 labels.Length + int64 run.Network.Nodes

                    match result with
                    | Ok _ -> None
                    | Error reason -> Some reason
                | None -> None

            known[key]

let private mostKinds = 12

/// The shares of each kind of run of a scenario, in lines for a terminal: those of the first seed.
let lines (columns: int) (scenario: Scenario) : string list =
    let kinds = scenario.Runs |> List.filter (isPlain >> not) |> List.distinctBy key

    let ofKind (run: Run) =
        match shares run with
        | Some(labels, network, Ok shares) ->
            let isSized = (List.distinctBy (fun (run: Run) -> Run.networkSettings run) kinds).Length > 1
            let network' = if isSized then $", {run.Network.Nodes} nodes" else ""

            [ ""
              $"  shares of {Chosen.label run.Partition} in {Chosen.label run.Dataset}{network'}, seed {run.Seed}"
              yield! ShareLines.create columns run.Dataset.Value.Classes network.Byzantine labels shares
              for remark in Option.toList (ShareLines.remark labels shares) do
                  $"  {remark}" ]
        | Some(_, _, Error _)
        | None -> [ $"  shares of {Chosen.label run.Partition} in {Chosen.label run.Dataset}: the data is not here" ]

    [ yield! kinds |> List.truncate mostKinds |> List.collect ofKind
      if kinds.Length > mostKinds then
          $"  … shares of {kinds.Length - mostKinds} more kinds" ]
