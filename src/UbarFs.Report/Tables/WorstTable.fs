namespace UbarFs.Report

/// The worst over the attacks in words and as a table for papers.
[<RequireQualifiedAccess>]
module WorstTable =

    let private plural count word = if count = 1 then $"1 {word}" else $"{count} {word}s"

    /// What stands behind whatever is not whole.
    let mark = "*"

    /// The accuracy in per cent.
    let accuracy (cell: WorstCell) =
        match cell.Hardest with
        | Some hardest -> $"%.1f{100.0 * hardest.Accuracy}"
        | None -> "–"

    /// The attacks' names without their parameters, where that tells them apart.
    let private short (panel: WorstPanel) (attack: string) =
        let name = Palette.withoutParameters attack
        let alike = panel.Attacks |> List.filter (fun other -> Palette.withoutParameters other = name)
        if alike.Length = 1 then name else attack

    /// The attack by a short name, and how many others are as hard.
    let attack (panel: WorstPanel) (cell: WorstCell) =
        match cell.Hardest with
        | None -> "no result"
        | Some { Attack = attack; AsHard = [] } -> short panel attack
        | Some { Attack = attack; AsHard = others } -> $"{short panel attack} (+{others.Length})"

    /// How many seeds count.
    let seeds (cell: WorstCell) = plural cell.Seeds.Length "seed"

    /// Of how many attacks it is the worst, and of how many where some are missing.
    let attacks (panel: WorstPanel) (cell: WorstCell) =
        let all = max panel.Attacks.Length cell.Groups.Length

        if cell.Compared = all then
            plural all "attack"
        else
            $"{cell.Compared} of {all} attacks"

    /// Everything that a cell says, with full names.
    let full (panel: WorstPanel) (cell: WorstCell) : string =
        let place =
            [ cell.Rule
              if panel.Path.IsSome then
                  $"{panel.Across} {panel.Columns |> List.find (fst >> (=) cell.Column) |> snd}"
              if panel.Title <> "" then
                  panel.Title ]
            |> String.concat ", "

        let result =
            match cell.Hardest with
            | None -> [ "no result" ]
            | Some hardest ->
                [ $"{accuracy cell} %% under {hardest.Attack}"
                  for other in hardest.AsHard do
                      $"as hard: {other}"
                  match hardest.Kept with
                  | Some kept -> $"share kept: {VerdictText.share kept} %%"
                  | None -> () ]

        [ yield! result; seeds cell; attacks panel cell; yield! cell.Remarks ]
        |> String.concat "; "
        |> sprintf "%s: %s" place

    let private cells (panels: WorstPanel list) = panels |> List.collect _.Cells

    /// What the picture and the table are, in sentences.
    let caption (panels: WorstPanel list) : string list =
        let cells = cells panels

        let seeds = cells |> List.map _.Seeds.Length |> Summary.counted "seed"
        let attacks = cells |> List.map _.Compared |> Summary.counted "attack"

        [ $"The worst test accuracy of a benign node at the end, in per cent, under the attack that hurts the rule most: \
           its mean over {seeds}, the worst of {attacks}"
          "The attack is the one with the lowest median share kept of what the baseline learns beyond guessing, over the \
           seeds that all attacks have"
          "It is picked by hindsight, for each cell by itself, on the test images that the cell is measured on: a bound \
           over the attacks that were run, not a mean over them, and no single adversary"
          if cells |> List.exists (fun cell -> cell.Hardest |> Option.exists (_.AsHard.IsEmpty >> not)) then
              "(+1): as many other attacks are as hard"
          if cells |> List.exists (_.Remarks.IsEmpty >> not) then
              $"{mark} incomplete, or no baseline: not the worst of all attacks over all seeds, and without a colour" ]

    /// Why cells are not whole, a line each.
    let remarks (panels: WorstPanel list) : string list =
        panels
        |> List.collect (fun panel -> panel.Cells |> List.map (fun cell -> panel, cell))
        |> List.filter (fun (_, cell) -> not cell.Remarks.IsEmpty)
        |> List.map (fun (panel, cell) -> full panel cell)

    let private text panel (cell: WorstCell) =
        let marked = if cell.Remarks.IsEmpty then "" else $" {mark}"
        $"{accuracy cell} {attack panel cell}{marked}"

    /// A row for each rule, with the other settings before it, and a column for each value of the swept path.
    let paper (panels: WorstPanel list) : PaperTable =
        let paths = panels.Head.Settings |> List.map fst
        let columns = panels |> List.collect _.Columns |> List.distinct

        let row (panel: WorstPanel) (rule: string) =
            (panel.Settings |> List.map snd)
            @ [ rule
                for value, _ in columns do
                    match panel.TryCell(rule, value) with
                    | Some cell -> text panel cell
                    | None -> "–" ]

        let heading (_, written) =
            if panels.Head.Path.IsNone then
                "worst accuracy, %, and attack"
            else
                $"{panels.Head.Across} {written}"

        { Caption = caption panels
          Headings = Summary.headings paths @ [ "rule" ] @ List.map heading columns
          Rows =
            [ for panel in panels do
                  for rule in panel.Rules -> row panel rule ] }
