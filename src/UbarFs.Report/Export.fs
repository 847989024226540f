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
        /// Whether it is a table that a paper would print.
        IsTable: bool
        Table: string list * string list list
    }

/// Everything of a report as files for papers.
[<RequireQualifiedAccess>]
module Export =

    let private fileName (text: string) =
        String.map
            (fun letter ->
                if System.Char.IsAsciiLetterOrDigit letter then
                    letter
                else
                    '-')
            text

    let private figure name description drawing table =
        { Name = name
          Description = description
          Drawing = Some drawing
          IsTable = false
          Table = table }

    let private curves (groups: Group list) =
        let multiples = Curves.multiples groups
        let drawing = Figure.ofMultiples (Figure.keys groups multiples) multiples
        figure "curves" "worst accuracy of a benign node against time" drawing (Curves.table groups)

    // The points of a rule's panels: setting, line, x, y.
    let private points (keys: Key list) (multiples: Multiples) =
        [ "setting"; "line"; multiples.Across; "value" ],
        [ for panel in multiples.Panels do
              for key, line in List.zip keys panel.Lines do
                  for x, y in line.Points -> [ panel.Title; key.Label; Csv.number x; Csv.number y ] ]

    let private innerLife (groups: Group list) (rule: string, stages: string[]) =
        let sized, shared = Figure.stageKeys true stages, Figure.stageKeys false stages
        let sizes, shares = InnerLife.sizes groups rule stages, InnerLife.shares groups rule stages
        let name = fileName rule

        [ figure $"{name}-sizes" $"estimates that {rule} keeps" (Figure.ofMultiples sized sizes) (points sized sizes)

          if not shares.Panels.IsEmpty then
              figure
                  $"{name}-byzantine"
                  $"share of Byzantine estimates that {rule} keeps"
                  (Figure.ofMultiples shared shares)
                  (points shared shares) ]

    let private nodes (networks: ShownNetwork list) =
        [ "rule"; "node"; "byzantine"; "accuracy" ],
        [ for shown in networks do
              for node in shown.Drawn.Network.Benign do
                  let accuracy = Map.tryFind node shown.Drawn.Accuracies

                  yield
                      [ shown.Rule
                        string node
                        "false"
                        accuracy |> Option.map Csv.number |> Option.defaultValue "" ]

              for node in shown.Drawn.Network.Byzantine do
                  yield [ shown.Rule; string node; "true"; "" ] ]

    let private networks (groups: Group list) =
        match ShownNetwork.bySetting groups with
        | [] -> []
        | settings ->
            let title, shown = settings[ShownNetwork.mostTelling groups settings]
            let titled = shown |> List.map (fun network -> network.Rule, network.Drawn)
            [ figure "networks" $"the network under {title}, by rule" (Figure.networks titled) (nodes shown) ]

    let private overview (groups: Group list) =
        Overview.create groups
        |> Option.map (fun drawing -> figure "overview" "the study at a glance" drawing (Curves.table groups))
        |> Option.toList

    let private timing (study: Study) =
        match Timing.rows study with
        | [] -> []
        | rows ->
            [ { figure "times" "time per iteration by phase" (Figure.timing rows) (Timing.table rows) with
                  IsTable = true } ]

    /// The figures and tables of a study.
    let ofStudy (study: Study) : Exported list =
        let groups = Summary.groups study

        let verdicts =
            { Name = "verdicts"
              Description = "worst accuracy by setting and rule"
              Drawing = None
              IsTable = true
              Table = VerdictTable.text (Judgement.ofGroups groups) }

        let pairs =
            { verdicts with
                Name = "verdict-pairs"
                Description = "the pairs of seeds that verdicts rest on"
                IsTable = false
                Table = VerdictTable.pairs (Judgement.ofGroups groups) }

        [ verdicts; pairs; curves groups ]
        @ List.collect (innerLife groups) (InnerLife.rules groups)
        @ networks groups
        @ timing study
        @ overview groups

    /// Writes figures as SVG, the data behind each as CSV, and tables as Markdown and LaTeX. Gives the files; the first
    /// of each pair is a figure with its drawing.
    let write (folder: string) (study: Study) : (string * Exported) list =
        Directory.CreateDirectory folder |> ignore
        let groups = Summary.groups study

        let write name extension (text: string) =
            let file = Path.Combine(folder, $"{name}.{extension}")
            File.WriteAllText(file, text)
            file

        [ for exported in ofStudy study do
              // The long form has the figures in full.
              let table =
                  if exported.Name = "verdicts" then
                      VerdictTable.csv (Judgement.ofGroups groups)
                  else
                      exported.Table

              match exported.Drawing with
              | Some drawing -> write exported.Name "svg" (Figure.file exported.Description drawing), exported
              | None -> ()

              write exported.Name "csv" (TableText.csv table), exported

              if exported.IsTable then
                  write exported.Name "md" (TableText.markdown exported.Table), exported
                  write exported.Name "tex" (TableText.latex exported.Table), exported ]
