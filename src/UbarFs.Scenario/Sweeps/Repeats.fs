/// Values of a sweep that give runs which other values gave before.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.Repeats

open System.Collections.Generic
open UbarFs.Core

/// Everything that determines a run's numbers but its seed. A Byzantine ratio counts as the number of nodes that it is
/// rounded to.
let private essence (draft: Draft) =
    Run.canonical { draft.Run with Seed = 0L }
    |> List.map (fun (path, value) ->
        if path = "network.byzantine" then
            string draft.Run.Network.Byzantine
        else
            value)
    |> String.concat "\n"

let private networkText (draft: Draft) =
    let network = draft.Run.Network
    $"{network.Nodes} nodes, {network.Byzantine} of them Byzantine"

/// The first level of a run that differs from that of an earlier run with the same numbers.
let private warn (levels: Level list, draft: Draft) (earlierLevels: Level list, earlier: Draft) =
    let isSame = draft.Run.Network.ByzantineRatio = earlier.Run.Network.ByzantineRatio

    List.zip levels earlierLevels
    |> List.tryPick (fun (level, other) ->
        let (place, text), (otherPlace, otherText) = Level.place level, Level.place other

        let message =
            if isSame then
                $"{text} repeats runs of {otherText}"
            else
                $"{text} gives the same network as {otherText}: {networkText draft}"

        if place = otherPlace then
            None
        else
            Diagnostic.warning place message
            |> Diagnostic.noting
                otherPlace
                (if level.Name.IsSome then
                     "the other variant"
                 else
                     "the other value")
            |> Some)

/// Warnings at the values of combinations whose runs another combination has, given the seeds of each.
let warnings (seeds: Draft -> int64 list) (combinations: (Level list * Draft) list) : Diagnostic list =
    let known = Dictionary<struct (int64 * string), Level list * Draft>()

    [ for levels, draft in combinations do
          let text = essence draft

          for seed in seeds draft do
              match known.TryGetValue(struct (seed, text)) with
              | true, earlier -> yield! warn (levels, draft) earlier |> Option.toList
              | false, _ -> known[struct (seed, text)] <- (levels, draft) ]
    |> List.distinctBy _.Place
    |> Suspicions.few
