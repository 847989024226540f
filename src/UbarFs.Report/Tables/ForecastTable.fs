namespace UbarFs.Report

open System
open Spectre.Console
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Scenario

/// What `ubarfs check` shows of a scenario.
[<RequireQualifiedAccess>]
module ForecastTable =

    /// A time in the unit that one would say it in.
    let duration (seconds: float) =
        if seconds < 1.0 then "under 1 s"
        elif seconds < 90.0 then $"%.0f{seconds} s"
        elif seconds < 5400.0 then $"%.0f{seconds / 60.0} min"
        elif seconds < 172800.0 then $"%.1f{seconds / 3600.0} h"
        else $"%.1f{seconds / 86400.0} days"

    /// The same as a rough figure: "about" of what is no bound already.
    let aboutDuration seconds =
        if seconds < 1.0 then
            duration seconds
        else
            $"about {duration seconds}"

    let private mebibytes (bytes: float) = $"%.0f{bytes / 1024.0 ** 2.0}"

    let private tau (figures: GraphFigures) =
        match figures.Tau with
        | Some tau -> string tau
        | None -> $"{figures.BenignParts} parts"

    let private range (degrees: Degrees) =
        if degrees.Least = degrees.Most then
            string degrees.Least
        else
            $"{degrees.Least}–{degrees.Most}"

    let private network (forecast: Forecast) =
        let figures = forecast.Figures
        let share = $"%.0f{100.0 * figures.LargestByzantineShare} %%"

        if figures.IsServed then
            [ $"{figures.Benign}+{figures.Byzantine}"; "server"; "–"; "–"; "–"; "–"; share ]
        else
            [ $"{figures.Benign}+{figures.Byzantine}"
              string figures.Edges
              range figures.BenignDegrees
              figures.ByzantineDegrees |> Option.map range |> Option.defaultValue "–"
              tau figures
              $"%.2f{figures.SpectralGap}"
              share ]

    /// The settings that all runs share, one a line; a sweep's and the seeds' are in the table.
    let common (forecasts: Forecast list) : (string * string) list =
        let texts = forecasts |> List.map (fun forecast -> Run.canonical forecast.Run |> Set.ofList)
        let shared = Set.intersectMany texts

        Run.canonical forecasts.Head.Run
        |> List.filter (fun (path, value) -> shared.Contains(path, value) && not (Prints.isPrint path))

    let private isAbsent (forecast: Forecast) =
        forecast.Run.Attacks |> List.exists (fun attack -> attack.Value.IsAbsent)

    /// A component with parameters without the braces around it.
    let private bare (text: string) =
        if text.StartsWith "{ " && text.EndsWith " }" then
            text.Substring(2, text.Length - 4)
        else
            text

    /// A setting of a run as the sweep writes it, or else in the language's own form.
    let private written (short: Run -> string) path (forecast: Forecast) =
        forecast.Run.Swept
        |> List.tryPick (fun (swept, value) -> if swept = path then Some value else None)
        |> Option.defaultWith (fun () -> short forecast.Run)
        |> bare

    let private canonical path (run: Run) = Run.canonical run |> List.find (fst >> (=) path) |> snd

    // What a network depends on, with the headers of its columns.
    let private networkSettings: (string * (Forecast -> string)) list =
        [ "topology", written (fun run -> Chosen.label run.Network.Topology) "network.topology"
          "benign", written (canonical "network.benign") "network.benign"
          "byzantine", written (canonical "network.byzantine") "network.byzantine"
          "benign-ratio", written (canonical "network.benign-ratio") "network.benign-ratio"
          "enforced", written (canonical "network.enforce-benign-ratio") "network.enforce-benign-ratio"
          "placement", written (canonical "network.placement") "network.placement"
          "attack", (fun forecast -> if isAbsent forecast then "absent" else "others") ]

    // What the cost of a run depends on most.
    let private costSettings: (string * (Forecast -> string)) list =
        [ "dataset", written (fun run -> Chosen.label run.Dataset) "data.dataset"
          "model", written (fun run -> Chosen.label run.Model) "model"
          "rule", written (fun run -> Chosen.label run.Rule) "rule" ]

    /// The settings in which some runs differ.
    let private telling settings (forecasts: Forecast list) =
        settings |> List.filter (fun (_, value) -> (forecasts |> List.distinctBy value).Length > 1)

    let private table (title: string) (settings: string list) (figures: string list) (rows: string list list) =
        let table = Table(Title = TableTitle(Markup.Escape title), Border = TableBorder.Rounded)

        // Only long texts are broken where the terminal is narrow.
        for index, setting in List.indexed settings do
            let longest =
                rows |> List.fold (fun longest row -> max longest (List.item index row).Length) setting.Length

            table.AddColumn(TableColumn(Markup.Escape setting, NoWrap = (longest <= 12))) |> ignore

        for figure in figures do
            table.AddColumn(TableColumn(Markup.Escape figure, NoWrap = true).RightAligned()) |> ignore

        for row in rows do
            table.AddRow(row |> List.map Markup.Escape |> Array.ofList) |> ignore

        table

    let private mostRows = 40

    let private bounded (rows: string list list) =
        if rows.Length <= mostRows then
            rows
        else
            let more = $"… {rows.Length - mostRows} more"
            List.truncate mostRows rows @ [ more :: List.replicate (rows.Head.Length - 1) "" ]

    /// The networks, one a row with the settings that set it apart: those of the first seed.
    let networks (scenario: Scenario) (forecasts: Forecast list) : Table =
        let settings = telling networkSettings forecasts

        let rows =
            forecasts
            |> List.groupBy (fun forecast -> settings |> List.map (fun (_, value) -> value forecast))
            |> List.map (fun (texts, alike) -> texts @ network alike.Head)

        table
            scenario.Name
            (List.map fst settings)
            [ "nodes"; "edges"; "benign\ndegree"; "liars'\ndegree"; "τ"; "gap"; "share" ]
            (bounded rows)

    /// What the runs take, one a row for each combination of settings that costs depend on.
    let costs (forecasts: Forecast list) : Table =
        let settings = telling costSettings forecasts

        let rows =
            forecasts
            |> List.groupBy (fun forecast -> settings |> List.map (fun (_, value) -> value forecast))
            |> List.map (fun (texts, alike) ->
                texts
                @ [ string alike.Head.Dimension
                    alike |> List.map _.Bytes |> List.max |> mebibytes
                    string alike.Length
                    alike |> List.sumBy _.Seconds |> duration ])

        table "" (List.map fst settings) [ "d"; "MiB"; "runs"; "time" ] (bounded rows)

    /// What the columns of the tables mean.
    let legend isTimed =
        [ "nodes: benign + Byzantine ones (liars) that take part; degree: neighbours, from"
          "the least to the most, of benign nodes and of liars; τ: edges on the longest"
          "path between benign nodes; gap: 1 − |λ₂| of averaging among them; share: the"
          "largest share of liars among what a benign node or a server hears; of the"
          "first seed;"
          "d: parameters; MiB: memory of the largest run; time: of all runs,"
          if isTimed then
              "from a trial of each combination"
          else
              "estimated from small runs on this machine ('--time' times trials of these)" ]
        |> String.concat Environment.NewLine
