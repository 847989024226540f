namespace UbarFs.Report

open System.Text.Json.Nodes

/// The curves as data, for the page's script.
[<RequireQualifiedAccess>]
module PageData =

    let private list (items: (JsonNode | null) seq) : JsonNode | null = JsonArray(Array.ofSeq items)
    let private whole (value: float) : JsonNode | null = JsonValue.Create(int (round (1000.0 * value)))
    let private real (value: float) : JsonNode | null = JsonValue.Create(System.Math.Round(value, 3))
    let private text (value: string) : JsonNode | null = JsonValue.Create value

    let private json (fields: (string * (JsonNode | null)) list) : JsonNode | null =
        let json = JsonObject()

        for name, value in fields do
            json.Add(name, value)

        json

    // x, mean, lowest and highest; accuracies in thousandths.
    let private series (line: Line) =
        line.Rule
        |> Option.map (fun rule ->
            json
                [ "r", JsonValue.Create rule
                  "x", list (line.Points |> Seq.map (fst >> real))
                  "m", list (line.Points |> Seq.map (snd >> whole))
                  if not line.Band.IsEmpty then
                      "l", list (line.Band |> Seq.map (fun (_, low, _) -> whole low))
                      "h", list (line.Band |> Seq.map (fun (_, _, high) -> whole high)) ])

    /// JSON whose characters cannot end the element it stands in.
    let create (groups: Group list) (multiples: Multiples) : string =
        let rules = Curves.rules groups
        let strokes = Palette.strokes rules
        let left, top, width, height = Panel.plot
        let across = multiples.Panels |> List.map _.Across |> List.fold max 1.0

        let data =
            json
                [ "axis", text multiples.Across
                  "across", real across
                  "plot", list (List.map real [ left; top; width; height ])
                  "rules", list [ for rule in rules -> json [ "n", text rule; "c", text $"c{strokes[rule].Colour}" ] ]
                  "panels",
                  list [ for panel in multiples.Panels -> json [ "s", list (panel.Lines |> Seq.choose series) ] ] ]

        match data with
        | null -> "null"
        | data -> data.ToJsonString()
