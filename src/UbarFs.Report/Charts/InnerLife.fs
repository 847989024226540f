namespace UbarFs.Report

/// What the stages of a selecting rule do over time: how many estimates they keep, and which share of the Byzantine ones.
[<RequireQualifiedAccess>]
module InnerLife =

    /// The selecting rules of a study with their stages.
    let rules (groups: Group list) : (string * string[]) list =
        groups
        |> List.map (fun group -> group.Rule, group.Runs.Head.Identity.Stages)
        |> List.filter (fun (_, stages) -> stages.Length > 0)
        |> List.distinctBy fst

    /// The mean over the seeds of something that was measured, by iteration.
    let private averaged (choose: Point -> float option) (group: Group) =
        group.Runs
        |> List.collect _.Points
        |> List.choose (fun point -> choose point |> Option.map (fun value -> point, value))
        |> List.groupBy (fun (point, _) -> point.Iteration)
        |> List.sortBy fst
        |> List.map (fun (_, measured) -> fst measured.Head, measured |> List.averageBy snd)

    let private across name (point: Point) =
        if name = "epoch" then
            point.Epoch
        else
            float point.Iteration

    // A stage looks the same in both kinds of panels.
    let private strokes =
        [| 5, "", Marker.Circle
           0, "7 3", Marker.Square
           3, "2 2.5", Marker.Triangle
           2, "9 3 2 3", Marker.Diamond |]

    let private stageKey index stage : Key =
        let colour, dash, marker = strokes[index % strokes.Length]

        { Label = stage
          Class = $"c{colour}"
          Dash = dash
          Marker = Some marker
          Rule = None }

    /// What the legend says of the lines, in their order: the stages of a rule, perhaps behind what was received.
    let keys (withReceived: bool) (stages: string[]) : Key list =
        [ if withReceived then
              { Label = "received"
                Class = "received"
                Dash = "1 3"
                Marker = None
                Rule = None }

          yield! Array.mapi stageKey stages ]

    let private line name (key: Key) choose group : Line =
        { Rule = None
          Label = key.Label
          Class = key.Class
          Dash = key.Dash
          Marker = key.Marker
          MarksAll = false
          Points =
            averaged choose group
            |> Panel.thinned 120
            |> List.map (fun (point, value) -> across name point, value)
          Band = []
          Fails = false
          Seeds = [] }

    let private size stage (point: Point) = point.Stages |> Array.tryItem stage |> Option.bind fst
    let private share stage (point: Point) = point.Stages |> Array.tryItem stage |> Option.bind snd

    let private isLying (group: Group) =
        group.Runs |> List.exists (fun run -> run.Points |> List.exists (share 0 >> Option.isSome))

    let private panels choose up keys (groups: Group list) : Multiples =
        let paths = Summary.paths groups
        let name, furthest, _ = Curves.axis groups

        { Columns = Curves.columns paths groups
          Panels =
            [ for group in groups ->
                  { Title = Summary.title paths group
                    Lines = keys |> List.mapi (fun number key -> line name key (choose number) group)
                    X = Axis.upTo Axis.plain furthest
                    Y = up
                    Level = None } ]
          Across = name
          Up = "" }

    /// The groups in which a node received Byzantine estimates.
    let lying (groups: Group list) : Group list = List.filter isLying groups

    let private ofRule rule (groups: Group list) = groups |> List.filter (fun group -> group.Rule = rule)

    /// How many estimates a node received and each stage kept, for one rule.
    let sizes (groups: Group list) (rule: string) (stages: string[]) : Multiples =
        let own = ofRule rule groups

        let choose number (point: Point) =
            if number = 0 then
                point.Received
            else
                size (number - 1) point

        let largest =
            own |> List.collect _.Runs |> List.collect _.Points |> List.choose _.Received |> List.fold max 1.0

        { panels choose (Axis.upTo Axis.plain (ceil largest)) (keys true stages) own with
            Up = "estimates kept by a node" }

    /// The share of the Byzantine estimates received that each stage kept, where anybody lies.
    let shares (groups: Group list) (rule: string) (stages: string[]) : Multiples =
        let lying = ofRule rule groups |> lying

        { panels share (Axis.upTo Axis.percent 1.0) (keys false stages) lying with
            Up = "share of Byzantine estimates kept" }
