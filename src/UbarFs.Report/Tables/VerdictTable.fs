namespace UbarFs.Report

open UbarFs.Engine

/// A setting with the judgements on every rule that was run there.
type VerdictSetting = { Values: string list; Judged: Judged list }

/// The answer of a study: settings, and in each the rules.
type VerdictTable =
    {
        /// What the settings' values are.
        Headings: string list
        Settings: VerdictSetting list
    }

[<RequireQualifiedAccess>]
module VerdictTable =

    let private valuesOf paths (group: Group) =
        if List.isEmpty paths then
            [ group.Attack ]
        else
            let values = Map.ofList group.Settings
            paths |> List.map (fun path -> Map.tryFind path values |> Option.defaultValue "")

    let private headingsOf paths =
        if List.isEmpty paths then
            [ "attack" ]
        else
            Summary.headings paths

    let create (judged: Judged list) : VerdictTable =
        let paths = judged |> List.map _.Group |> Summary.paths

        let setting (_, judged: Judged list) = { Values = valuesOf paths judged.Head.Group; Judged = judged }

        { Headings = headingsOf paths
          Settings = judged |> List.groupBy (fun one -> one.Group.Settings, one.Group.Attack) |> List.map setting }

    /// The judgements on each rule in the order of the settings: those under an attack, or all where there are none.
    let tally (judged: Judged list) : (string * Judged list) list =
        judged
        |> List.groupBy _.Group.Rule
        |> List.map (fun (rule, judged) ->
            match judged |> List.filter (fun one -> not one.Group.IsAttackFree) with
            | [] -> rule, judged
            | attacked -> rule, attacked)

    /// What a group ends at: mean ± standard deviation in per cent, or why there is nothing.
    let accuracy (group: Group) =
        match group.Worst, group.Problem with
        | None, Some problem -> problem
        | worst, _ -> Spread.percent worst

    /// Whether any run measures the success of a backdoor.
    let hasBackdoor (judged: Judged list) = judged |> List.exists _.Group.Success.IsSome

    let private comparisonOf judged =
        match judged.Judgement with
        | Judgement.Compared(_, comparison, _) -> Some comparison
        | _ -> None

    let private shown (text: Comparison -> string) judged =
        comparisonOf judged |> Option.map text |> Option.defaultValue "–"

    /// Headings and cells for papers: a row for each setting and rule.
    let text (judged: Judged list) : string list * string list list =
        let paths = judged |> List.map _.Group |> Summary.paths

        let row one =
            valuesOf paths one.Group
            @ [ one.Group.Rule
                VerdictText.seeds one
                accuracy one.Group
                shown VerdictText.difference one
                shown VerdictText.kept one
                VerdictText.worstSeed one.Group
                shown VerdictText.destroyed one
                if hasBackdoor judged then
                    Spread.percent one.Group.Success
                VerdictText.shortOf one ]

        headingsOf paths
        @ [ "rule"
            "seeds n"
            "worst accuracy, %, mean ± s.d."
            "difference, points, median [interval]"
            "share kept, %, median [interval]"
            "lowest seed, %"
            "destroyed seeds"
            if hasBackdoor judged then
                "success rate, %, mean ± s.d."
            "verdict" ],
        List.map row judged

    let private number (value: float option) = value |> Option.map Csv.number |> Option.defaultValue ""

    let private intervalCells (interval: Interval option) =
        [ number (interval |> Option.map _.Middle)
          number (interval |> Option.map _.Low)
          number (interval |> Option.map _.High) ]

    let private intervalHeadings name = [ name; $"{name}_low"; $"{name}_high" ]

    /// The figures of every group in full, for programs. Accuracies, differences and shares are fractions.
    let csv (judged: Judged list) : string list * string list list =
        let paths = judged |> List.map _.Group |> Summary.paths

        let row one =
            let group, comparison = one.Group, comparisonOf one
            let worst = Judgement.worstSeed group

            List.map Csv.setting (valuesOf paths group)
            @ [ group.Rule
                number (group.Worst |> Option.map _.Mean)
                number (group.Worst |> Option.bind _.Deviation)
                number (group.Mean |> Option.map _.Mean)
                number (group.Best |> Option.map _.Mean)
                string group.Runs.Length
                string group.Complete
                comparison |> Option.map (_.Seeds >> string) |> Option.defaultValue "" ]
            @ intervalCells (comparison |> Option.map _.Difference)
            @ intervalCells (comparison |> Option.map _.Kept)
            @ [ number (comparison |> Option.bind _.SamplingError)
                number (comparison |> Option.map (_.Seeds >> Interval.confidence))
                worst |> Option.map (fst >> string) |> Option.defaultValue ""
                number (worst |> Option.map snd)
                comparison |> Option.map (_.Destroyed >> string) |> Option.defaultValue ""
                VerdictText.word one.Judgement
                VerdictText.possible one.Judgement |> String.concat "; "
                if hasBackdoor judged then
                    number (group.Success |> Option.map _.Mean)
                    number (group.Success |> Option.bind _.Deviation)
                    Csv.truth one.IsBackdoored ]

        (if paths.IsEmpty then [ "attack" ] else paths)
        @ [ "rule"
            "worst_accuracy"
            "deviation"
            "mean_accuracy"
            "best_accuracy"
            "runs"
            "complete"
            "paired_seeds" ]
        @ intervalHeadings "difference"
        @ intervalHeadings "share_kept"
        @ [ "sampling_error"
            "confidence"
            "worst_seed"
            "worst_seed_accuracy"
            "destroyed_seeds"
            "verdict"
            "possible"
            if hasBackdoor judged then
                "success_rate"
                "success_rate_deviation"
                "backdoored" ],
        List.map row judged
