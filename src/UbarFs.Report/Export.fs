namespace UbarFs.Report

open System.IO
open UbarFs.Engine

/// A figure or a table of a study, with the data behind it as headings and rows.
type Exported =
    {
        Name: string
        /// What it shows, for those who cannot see it.
        Description: string
        Drawing: Drawing option
        /// The table that a paper would print, if it is one.
        Paper: PaperTable option
        Data: string list * string list list
    }

/// Everything of a report as files for papers.
[<RequireQualifiedAccess>]
module Export =

    // A rule's name, with what its parameters are, as a part of a file's name.
    let private fileName (text: string) =
        text.Split(
            text
            |> Seq.filter (fun letter -> not (System.Char.IsAsciiLetterOrDigit letter))
            |> Array.ofSeq,
            System.StringSplitOptions.RemoveEmptyEntries
        )
        |> String.concat "-"

    let private figure name description drawing data =
        { Name = name
          Description = description
          Drawing = Some drawing
          Paper = None
          Data = data }

    let private curves (groups: Group list) data =
        let multiples = Curves.multiples groups
        let drawing = Figure.ofMultiples (Figure.keys groups multiples) multiples
        figure "curves" "worst accuracy of a benign node against time" drawing data

    let private innerLife (groups: Group list) (rule: string, stages: string[]) =
        let sized, shared = Figure.stageKeys true stages, Figure.stageKeys false stages
        let sizes, shares = InnerLife.sizes groups rule stages, InnerLife.shares groups rule stages
        let name = fileName rule
        let own = groups |> List.filter (fun group -> group.Rule = rule)
        let data = own |> List.collect _.Runs |> FigureData.stages stages

        [ figure $"{name}-sizes" $"estimates that {rule} keeps" (Figure.ofMultiples sized sizes) data

          if not shares.Panels.IsEmpty then
              figure
                  $"{name}-byzantine"
                  $"share of Byzantine estimates that {rule} keeps"
                  (Figure.ofMultiples shared shares)
                  data ]

    let private networks (groups: Group list) =
        match ShownNetwork.bySetting groups with
        | [] -> []
        | settings ->
            let title, shown = settings[ShownNetwork.mostTelling groups settings]
            let titled = shown |> List.map (fun network -> network.Rule, network.Drawn)

            [ figure
                  "networks"
                  $"the network under {title}, by rule"
                  (Figure.networks titled)
                  (FigureData.nodes shown) ]

    let private overview (groups: Group list) data =
        Overview.create groups
        |> Option.map (fun drawing -> figure "overview" "the study at a glance" drawing data)
        |> Option.toList

    // "5 seeds", or "3 to 5 seeds" where there are not as many everywhere.
    let private counted (noun: string) (counts: int list) =
        match List.min counts, List.max counts with
        | 1, 1 -> $"1 {noun}"
        | low, high when low = high -> $"{low} {noun}s"
        | low, high -> $"{low} to {high} {noun}s"

    let private timing (study: Study) =
        match Timing.rows study with
        | [] -> []
        | rows ->
            let headings, cells = Timing.table rows
            let runs = rows |> List.map _.Runs |> counted "run"

            let caption =
                [ "Time of one iteration of the whole network, in milliseconds: medians over the stretches between \
                   evaluations."
                  $"Each row is over {runs}." ]

            [ { figure "times" "time per iteration by phase" (Figure.timing rows) (FigureData.times study.Runs) with
                  Paper = Some { Caption = caption; Headings = headings; Rows = cells } } ]

    let private verdicts (groups: Group list) =
        let judged = Judgement.ofGroups groups
        let headings, cells = VerdictTable.text judged

        let caption =
            "Worst test accuracy of a benign node at the end, in per cent: mean ± sample standard deviation over n seeds."

        [ { Name = "verdicts"
            Description = "worst accuracy by setting and rule"
            Drawing = None
            Paper =
              Some
                  { Caption = caption :: VerdictNotes.definition judged
                    Headings = headings
                    Rows = cells }
            Data = VerdictTable.csv judged |> FigureData.withRuns groups }
          { Name = "verdict-pairs"
            Description = "the pairs of seeds that verdicts rest on"
            Drawing = None
            Paper = None
            Data = VerdictTable.pairs judged } ]

    /// The same with names that differ: rules can be called alike but for marks that no file's name has.
    let private named (all: Exported list) =
        let number index (exported: Exported) =
            let before =
                all |> List.truncate index |> List.filter (fun other -> other.Name = exported.Name)

            if before.IsEmpty then
                exported
            else
                { exported with Name = $"{exported.Name}-{before.Length + 1}" }

        List.mapi number all

    /// The figures and tables of a study.
    let ofStudy (study: Study) : Exported list =
        let groups = Summary.groups study
        let evaluations = FigureData.evaluations study.Runs

        verdicts groups
        @ [ curves groups evaluations ]
        @ List.collect (innerLife groups) (InnerLife.rules groups)
        @ networks groups
        @ timing study
        @ overview groups evaluations
        |> named

    /// Writes figures as SVG, the data behind each as CSV, and tables as Markdown and LaTeX. Gives the files; the first
    /// of each pair is a figure with its drawing.
    let write (folder: string) (study: Study) : (string * Exported) list =
        Directory.CreateDirectory folder |> ignore

        let write name extension (text: string) =
            let file = Path.Combine(folder, $"{name}.{extension}")
            File.WriteAllText(file, text)
            file

        [ for exported in ofStudy study do
              match exported.Drawing with
              | Some drawing -> write exported.Name "svg" (Figure.file exported.Description drawing), exported
              | None -> ()

              write exported.Name "csv" (exported.Data ||> Csv.table), exported

              match exported.Paper with
              | Some table ->
                  write exported.Name "md" (TableText.markdown table), exported
                  write exported.Name "tex" (TableText.latex table), exported
              | None -> () ]
