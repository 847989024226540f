namespace UbarFs.Report

open UbarFs.Engine

/// The network of one rule's run at one setting.
type ShownNetwork =
    {
        Rule: string
        Run: StudyRun
        Drawn: DrawnNetwork
        Positions: Map<int, float * float>
        /// Networks with the same edges have the same key.
        EdgeKey: string
        /// Why its nodes' accuracies are not those of the end.
        Problem: string option
    }

/// Chooses which of a study's networks are worth showing.
[<RequireQualifiedAccess>]
module ShownNetwork =

    // So many settings keep the page small.
    let private mostSettings = 12

    /// How far the best rule of a setting is above the others, of those that have a figure.
    let private tells (groups: Group list) =
        match groups |> List.choose (_.Worst >> Option.map _.Mean) with
        | [] -> 0.0
        | means -> List.max means - List.average means

    // The first complete seed, or the one that got furthest.
    let private run (group: Group) =
        group.Runs |> List.maxBy (fun run -> run.Outcome.Status = Status.Complete, run.Points.Length)

    let private problem (run: StudyRun) =
        match run.Outcome.Status, run.Points with
        | Status.Complete, _ -> None
        | Status.Failed, [] -> Some "failed"
        | Status.Failed, points -> Some $"failed after epoch {Axis.plain (List.last points).Epoch}"
        | _, [] -> Some "not evaluated yet"
        | _, points -> Some $"so far, epoch {Axis.plain (List.last points).Epoch}"

    let private edgeKey (drawn: DrawnNetwork) =
        let edges = drawn.Network.Edges |> Array.map (fun edge -> $"{edge[0]}-{edge[1]}") |> String.concat " "
        let liars = drawn.Network.Byzantine |> Array.map string |> String.concat " "
        $"{drawn.Network.Benign.Length}|{liars}|{edges}"

    let private title (groups: Group list) : Group -> string = Summary.title (Summary.paths groups)

    /// The networks by setting, in the order of the runs; of many settings those in which the rules differ most.
    let bySetting (groups: Group list) : (string * ShownNetwork list) list =
        let settings = groups |> List.groupBy (fun group -> group.Settings, group.Attack) |> List.map snd
        let title = title groups

        let isWorthy =
            settings
            |> List.sortByDescending tells
            |> List.truncate mostSettings
            |> List.map (fun shown -> shown.Head)
            |> Curves.isAmong

        let positions = System.Collections.Generic.Dictionary<string, Map<int, float * float>>()

        let shown (group: Group) =
            let run = run group

            Networks.tryLoad run
            |> Option.map (fun drawn ->
                let key = edgeKey drawn
                let hasFailed = run.Outcome.Status = Status.Failed

                if not (positions.ContainsKey key) then
                    positions[key] <- Networks.positions drawn.Network

                { Rule = group.Rule
                  Run = run
                  // What nodes achieved before their run failed is no result.
                  Drawn =
                    if hasFailed then
                        { drawn with Accuracies = Map.empty }
                    else
                        drawn
                  Positions = positions[key]
                  EdgeKey = key
                  Problem = problem run })

        settings
        |> List.filter (fun shown -> isWorthy shown.Head)
        |> List.map (fun alike -> title alike.Head, List.choose shown alike)
        |> List.filter (fun (_, networks) -> not networks.IsEmpty)

    /// The place, among these settings, of the one in which the nodes of the rules' networks differ most.
    let mostTelling (groups: Group list) (settings: (string * ShownNetwork list) list) =
        let lying = groups |> List.filter (fun group -> not group.IsAttackFree)

        let best =
            lying
            |> List.groupBy (title groups)
            |> List.filter (fun (title, _) -> settings |> List.exists (fst >> (=) title))
            |> List.sortByDescending (snd >> tells)

        match best with
        | (title, _) :: _ -> settings |> List.findIndex (fst >> (=) title)
        | [] -> 0

    /// The lowest and the highest accuracy of its benign nodes, and what else there is to know.
    let caption (shown: ShownNetwork) =
        match shown.Drawn.Accuracies |> Map.toList |> List.map snd, shown.Problem with
        | [], Some problem -> problem
        | [], None -> "not evaluated"
        | accuracies, problem ->
            let range = $"%.1f{100.0 * List.min accuracies} – %.1f{100.0 * List.max accuracies} %%"
            problem |> Option.map (fun problem -> $"{range} ({problem})") |> Option.defaultValue range
