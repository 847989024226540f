/// The canonical form of a scenario: what all runs share is written out, default or not, in the order of the language;
/// what the sweep varies is left to it. Reading it gives the same scenario.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.Canonical

open System
open UbarFs.Core

let private scalar span text = { Span = span; Content = Content.Scalar(text, true) }

/// What is resolved already must not be taken for a reference again.
let rec private verbatim (node: Node) : Node =
    match node.Content with
    | Content.Scalar(text, quoted) -> { node with Content = Content.Scalar(text.Replace("${", "$${"), quoted) }
    | Content.Sequence items -> { node with Content = Content.Sequence(List.map verbatim items) }
    | Content.Mapping entries ->
        Node.mapping node.Span (entries |> List.map (fun entry -> { entry with Value = verbatim entry.Value }))

/// The values of a run by the paths of the language.
let private values (run: Run) = Run.canonical run @ Run.written run |> Map.ofList

let private read text =
    match Yaml.parse (Source.create (Origin.File "canonical form") text) 0 with
    | Some node, [] -> Some(verbatim node)
    | _ -> None

/// What the scenario says of itself.
let private ofHeader (name: string) (header: Header) (root: Node) key =
    match key, header.Seeds with
    | "name", _ -> Some(scalar root.Span name)
    | "description", _ when header.Description <> "" -> Some(verbatim (scalar root.Span header.Description))
    | "baseline", _ when header.Baseline <> BaselineRule.usual -> Some(scalar root.Span header.Baseline)
    | "repeat", Seeds.Consecutive count when count > 1 -> Some(scalar root.Span (string count))
    | "seeds", Seeds.Listed seeds ->
        let items = seeds |> List.map (fun seed -> scalar seed.Span (string seed.Value))
        Some { Span = root.Span; Content = Content.Sequence items }
    | "sweep", _ when not header.Sweep.Factors.IsEmpty -> Path.find [ { Value = "sweep"; Span = root.Span } ] root
    | _ -> None

/// The definition of a scenario with at least one run, out of its tree with everything inherited.
let definition (name: string) (header: Header) (run: Run) (root: Node) : Node =
    let grammar = Grammar.scenario.Shape
    let values = values run
    let swept = header.Sweep.Factors |> List.collect (Factor.assignments >> List.distinctBy Assignment.text)

    let isSwept (path: Path) =
        swept |> List.exists (fun assignment -> Path.overlap grammar assignment.Path path <> Overlap.None)

    let isListed (path: Path) =
        match header.Seeds with
        | Seeds.Listed _ -> Path.text path = "seed"
        | Seeds.Consecutive _ -> false

    let value (path: Path) =
        let given = Path.find path root
        let refers = given |> Option.exists References.exists

        match Map.tryFind (Path.text path) values with
        | Some text when not (refers || isSwept path || isListed path) -> read text
        | None when not (isSwept path) && not refers -> None
        | _ -> given

    let rec section (trail: Path) (fields: KeyShape list) : Entry list =
        [ for field in fields do
              let key = { Value = field.Key; Span = root.Span }
              let path = trail @ [ key ]

              let value =
                  match field.Shape with
                  | _ when field.Fixed -> ofHeader name header root field.Key
                  | Shape.Fields inner ->
                      match section path inner with
                      | [] -> None
                      | entries -> Some(Node.mapping root.Span entries)
                  | _ -> value path

              match value with
              | Some value -> { Key = key; Value = value }
              | None -> () ]

    // What makes many runs of one comes last.
    let isMany (entry: Entry) = List.contains entry.Key.Value [ "sweep"; "repeat"; "seeds" ]

    match grammar with
    | Shape.Fields fields ->
        let many, one = section [] fields |> List.partition isMany
        Node.mapping root.Span (one @ many)
    | _ -> root
