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

    let private line name cls dash choose group : Line =
        { Rule = None
          Class = cls
          Dash = dash
          Points =
            averaged choose group
            |> Panel.thinned 120
            |> List.map (fun (point, value) -> across name point, value)
          Band = [] }

    let private size stage (point: Point) = point.Stages |> Array.tryItem stage |> Option.bind fst
    let private share stage (point: Point) = point.Stages |> Array.tryItem stage |> Option.bind snd

    let private isLying (group: Group) =
        group.Runs |> List.exists (fun run -> run.Points |> List.exists (share 0 >> Option.isSome))

    let private tally (value: float) = $"%g{value}"
    let private percent (value: float) = $"%.0f{100.0 * value} %%"

    let private panels choose unit up lines (groups: Group list) : Multiples =
        let paths = Summary.paths groups
        let name, furthest, _ = Curves.axis groups

        { Columns = Curves.columns paths groups
          Panels =
            [ for group in groups ->
                  { Title = Summary.title paths group
                    Lines = [ for cls, dash, number in lines -> line name cls dash (choose number) group ]
                    Across = furthest
                    Up = up
                    Unit = unit
                    Level = None } ]
          Across = name
          Up = "" }

    let private ofRule rule (groups: Group list) = groups |> List.filter (fun group -> group.Rule = rule)

    // A stage has the same colour in both kinds of panels.
    let stageClass index = $"c%d{[| 5; 0; 3; 2 |][index % 4]}"

    /// How many estimates a node received and each stage kept, for one rule; received is number −1.
    let sizes (groups: Group list) (rule: string) (stages: string[]) : Multiples =
        let own = ofRule rule groups
        let choose number (point: Point) = if number < 0 then point.Received else size number point

        let largest =
            own |> List.collect _.Runs |> List.collect _.Points |> List.choose _.Received |> List.fold max 1.0

        let lines =
            ("received", "4 3", -1) :: [ for index in 0 .. stages.Length - 1 -> stageClass index, "", index ]

        { panels choose tally (ceil largest) lines own with
            Up = "estimates kept by a node" }

    /// The share of the Byzantine estimates received that each stage kept, where anybody lies.
    let shares (groups: Group list) (rule: string) (stages: string[]) : Multiples =
        let lines = [ for index in 0 .. stages.Length - 1 -> stageClass index, "", index ]
        let lying = ofRule rule groups |> List.filter isLying

        { panels share percent 1.0 lines lying with
            Up = "share of Byzantine estimates kept" }
