namespace UbarFs.Report

open UbarFs.Engine

/// A group with the verdict on it.
type Judged = { Group: Group; Verdict: Standing }

/// One setting under every rule.
type VerdictRow =
    {
        /// The values of the swept paths.
        Settings: string list
        /// In the order of the rules; none where a rule was not run.
        Cells: Judged option list
    }

/// The answer of a study: a row for each setting, a column for each rule.
type VerdictTable = { Headings: string list; Rules: string list; Rows: VerdictRow list }

[<RequireQualifiedAccess>]
module VerdictTable =

    let create (groups: Group list) : VerdictTable =
        let paths = Summary.paths groups
        let rules = Curves.rules groups
        let judged group = { Group = group; Verdict = Standing.ofGroup groups group }

        let row ((settings: (string * string) list, attack), shown: Group list) =
            let values = Map.ofList settings

            { Settings =
                if paths.IsEmpty then
                    [ attack ]
                else
                    paths |> List.map (fun path -> Map.tryFind path values |> Option.defaultValue "")
              Cells =
                rules
                |> List.map (fun rule -> shown |> List.tryFind (fun group -> group.Rule = rule) |> Option.map judged) }

        { Headings =
            if paths.IsEmpty then
                [ "attack" ]
            else
                Summary.headings paths
          Rules = rules
          Rows = groups |> List.groupBy (fun group -> group.Settings, group.Attack) |> List.map row }

    /// What a cell says: mean ± standard deviation in per cent, or why there is none.
    let cellText (cell: Judged option) =
        match cell with
        | None -> ""
        | Some { Group = { Worst = None; Problem = Some problem } } -> problem
        | Some { Group = group } when group.Complete < group.Runs.Length ->
            $"{Spread.percent group.Worst} ({group.Complete}/{group.Runs.Length})"
        | Some { Group = group } -> Spread.percent group.Worst

    /// How often each rule got each verdict under an attack; without attacks, at all.
    let tally (table: VerdictTable) : (string * Standing list) list =
        let judged index = table.Rows |> List.choose (fun row -> row.Cells[index])

        table.Rules
        |> List.mapi (fun index rule ->
            let cells = judged index

            let counted =
                match cells |> List.filter (fun cell -> not cell.Group.IsAttackFree) with
                | [] -> cells
                | attacked -> attacked

            rule, List.map _.Verdict counted)

    /// Headings and cells as text, a mark behind every figure.
    let text (table: VerdictTable) : string list * string list list =
        let marked (cell: Judged option) =
            match cell with
            | Some { Verdict = Standing.Unknown }
            | None -> cellText cell
            | Some judged -> $"{cellText cell} {judged.Verdict.Mark}"

        table.Headings @ table.Rules, table.Rows |> List.map (fun row -> row.Settings @ List.map marked row.Cells)

    /// The figures of every group in long form, for programs.
    let csv (groups: Group list) : string list * string list list =
        let paths = Summary.paths groups

        let row (group: Group) =
            let values = Map.ofList group.Settings
            let number (spread: Spread option) = spread |> Option.map (_.Mean >> Csv.number) |> Option.defaultValue ""

            let deviation =
                group.Worst |> Option.bind _.Deviation |> Option.map Csv.number |> Option.defaultValue ""

            (paths |> List.map (fun path -> Map.tryFind path values |> Option.defaultValue ""))
            @ [ group.Rule
                number group.Worst
                deviation
                number group.Mean
                number group.Best
                string group.Complete
                string (Standing.ofGroup groups group) ]

        paths
        @ [ "rule"
            "worst_accuracy"
            "deviation"
            "mean_accuracy"
            "best_accuracy"
            "seeds"
            "verdict" ],
        List.map row groups
