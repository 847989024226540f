namespace UbarFs.Report

open System
open System.Globalization
open System.Text.Json.Nodes

/// Panels of one metric that the page's script can point into.
type PointedPanels = { Metric: Metric; Multiples: Multiples }

/// The curves as data, for the page's script.
[<RequireQualifiedAccess>]
module PageData =

    let private list (items: (JsonNode | null) seq) : JsonNode | null = JsonArray(Array.ofSeq items)

    let private culture = CultureInfo.InvariantCulture

    // Four digits: a reader cannot see more, and the page stays small.
    let private real (value: float) : JsonNode | null =
        JsonValue.Create(Double.Parse(value.ToString("g4", culture), culture))

    let private exact (value: float) : JsonNode | null = JsonValue.Create value
    let private whole (value: int) : JsonNode | null = JsonValue.Create value
    let private truth (value: bool) : JsonNode | null = JsonValue.Create value
    let private text (value: string) : JsonNode | null = JsonValue.Create value

    let private json (fields: (string * (JsonNode | null)) list) : JsonNode | null =
        let json = JsonObject()

        for name, value in fields do
            json.Add(name, value)

        json

    // Label, class, rule; x, mean, lowest and highest; seeds where they are not all.
    let private series (line: Line) =
        json
            [ "t", text line.Label
              "c", text line.Class
              match line.Rule with
              | Some rule -> "r", whole rule
              | None -> ()
              "x", list (line.Points |> Seq.map (fst >> real))
              "m", list (line.Points |> Seq.map (snd >> real))
              if not line.Band.IsEmpty then
                  "l", list (line.Band |> Seq.map (fun (_, low, _) -> real low))
                  "h", list (line.Band |> Seq.map (fun (_, _, high) -> real high))
              if not line.Seeds.IsEmpty then
                  "n", list (line.Seeds |> Seq.map whole) ]

    let private block (pointed: PointedPanels) =
        let axis =
            match pointed.Multiples.Panels with
            | [] -> Axis.upTo Axis.plain 1.0
            | panel :: _ -> panel.X

        json
            [ "axis", text pointed.Multiples.Across
              "low", exact axis.Low
              "high", exact axis.High
              "log", truth (axis.Spacing = Spacing.Logarithmic)
              "percent", truth pointed.Metric.IsAccuracy
              "panels",
              list
                  [ for panel in pointed.Multiples.Panels ->
                        list (panel.Lines |> Seq.filter (fun line -> not line.Points.IsEmpty) |> Seq.map series) ] ]

    /// JSON whose characters cannot end the element it stands in: a list with what each block of panels shows.
    let create (blocks: PointedPanels list) : string =
        match list (List.map block blocks) with
        | null -> "null"
        | data -> data.ToJsonString()
