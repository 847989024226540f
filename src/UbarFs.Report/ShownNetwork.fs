namespace UbarFs.Report

/// The network of one rule's run at one setting.
type ShownNetwork =
    {
        Rule: string
        Run: StudyRun
        Drawn: DrawnNetwork
        Positions: Map<int, float * float>
        /// Networks with the same edges have the same key.
        EdgeKey: string
    }

/// Chooses which of a study's networks are worth showing.
[<RequireQualifiedAccess>]
module ShownNetwork =

    // So many settings keep the page small.
    let private mostSettings = 12

    let private mean (group: Group) = group.Worst |> Option.map _.Mean |> Option.defaultValue 0.0

    /// How far the best rule of a setting is above the others.
    let private tells (groups: Group list) =
        let means = groups |> List.map mean
        List.max means - List.average means

    // The first seed that got furthest.
    let private run (group: Group) = group.Runs |> List.maxBy (fun run -> run.Points.Length)

    let private edgeKey (drawn: DrawnNetwork) =
        let edges = drawn.Network.Edges |> Array.map (fun edge -> $"{edge[0]}-{edge[1]}") |> String.concat " "
        let liars = drawn.Network.Byzantine |> Array.map string |> String.concat " "
        $"{drawn.Network.Benign.Length}|{liars}|{edges}"

    let private title (groups: Group list) (group: Group) = Summary.title (Summary.paths groups) group

    /// The networks by setting, in the order of the runs; of many settings those in which the rules differ most.
    let bySetting (groups: Group list) : (string * ShownNetwork list) list =
        let settings = groups |> List.groupBy (fun group -> group.Settings, group.Attack) |> List.map snd

        let worthy =
            settings
            |> List.sortByDescending tells
            |> List.truncate mostSettings
            |> List.map (fun shown -> shown.Head)

        let positions = System.Collections.Generic.Dictionary<string, Map<int, float * float>>()

        let shown (group: Group) =
            let run = run group

            Networks.tryLoad run
            |> Option.map (fun drawn ->
                let key = edgeKey drawn

                if not (positions.ContainsKey key) then
                    positions[key] <- Networks.positions drawn.Network

                { Rule = group.Rule
                  Run = run
                  Drawn = drawn
                  Positions = positions[key]
                  EdgeKey = key })

        settings
        |> List.filter (fun shown -> List.contains shown.Head worthy)
        |> List.map (fun alike -> title groups alike.Head, List.choose shown alike)
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

    /// The lowest and the highest accuracy of its benign nodes.
    let caption (shown: ShownNetwork) =
        match shown.Drawn.Accuracies |> Map.toList |> List.map snd with
        | [] -> "not evaluated yet"
        | accuracies -> $"%.1f{100.0 * List.min accuracies} – %.1f{100.0 * List.max accuracies} %%"
