/// Writes nodes as YAML: on one line where it fits, in blocks where it does not.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.YamlText

let private widest = 100

let private quotedKey (key: string) =
    Node.flow (
        Node.scalar
            { Source = Source.create Origin.CommandLine ""
              Offset = 0
              Length = 0
              Extent = 0 }
            key
    )

let rec private lines indent isOpen (entry: Entry) : string list =
    let start = $"{indent}{quotedKey entry.Key.Value}:"
    let line = $"{start} {Node.flow entry.Value}"
    let inner = indent + "  "

    match entry.Value.Content with
    | Content.Mapping(_ :: _ as entries) when isOpen || line.Length > widest ->
        start :: List.collect (lines inner false) entries
    | Content.Sequence(_ :: _ as items) when line.Length > widest ->
        start :: [ for item in items -> $"{inner}- {Node.flow item}" ]
    | _ -> [ line ]

/// The text of a mapping, with a line break at its end.
let ofNode (node: Node) : string =
    match node.Content with
    | Content.Mapping entries ->
        entries
        |> List.collect (fun entry -> lines "" (entry.Key.Value = "sweep") entry)
        |> List.map (fun line -> line + "\n")
        |> String.concat ""
    | _ -> Node.flow node + "\n"

/// The text of a scenario in its canonical form.
let ofScenario (scenario: Scenario) : string = ofNode scenario.Definition
