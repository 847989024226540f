/// Values that the command line gives with `--set path=value`. They count as if they were written in the file, and
/// replace what is written or swept there.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.Overrides

let private option = "--set "

let private entries (node: Node) =
    match node.Content with
    | Content.Mapping entries -> entries
    | _ -> []

/// The path and the value, located in the option as it is typed.
let private parse (path: string, value: string) =
    let source = Source.create Origin.CommandLine $"{option}{path}={value}"
    let behind = option.Length + path.Length + 1

    let key =
        { Value = path
          Span = Span.create source option.Length (option.Length + path.Length) }

    match Path.parse key, Yaml.parse source behind with
    | Error wrong, (_, others) -> Error(wrong :: others)
    | Ok path, (Some value, []) -> Ok(path, value)
    | Ok _, (None, []) ->
        let example = if path = "" then "path" else path

        Error [ Diagnostic.error key.Span "a value is missing" |> Diagnostic.hinted $"write --set {example}=value" ]
    | Ok _, (_, problems) -> Error problems

let private overlap grammar (path: Path) (entry: Entry) =
    match Path.parse entry.Key with
    | Ok swept -> Path.overlap grammar swept path
    | Error _ -> Overlap.None

/// Takes the lines of the same value out of a mapping of paths; a line that would overwrite the value is an error.
let private withoutPath grammar (path: Path) (node: Node) =
    let isReplaced entry =
        match overlap grammar path entry with
        | Overlap.Same
        | Overlap.Alternative -> true
        | _ -> false

    let hidden =
        [ for entry in entries node do
              if overlap grammar path entry = Overlap.Inside then
                  Diagnostic.error
                      (List.head path).Span
                      $"'{Path.text path}' has no effect: '{entry.Key.Value}' is swept"
                  |> Diagnostic.noting entry.Key.Span "it is swept here"
                  |> Diagnostic.hinted $"set '{entry.Key.Value}' instead; that replaces the sweep" ]

    match entries node |> List.filter (isReplaced >> not) with
    | remaining when remaining.Length = (entries node).Length -> node, hidden
    | remaining -> Node.mapping node.Span remaining, hidden

/// Does the same to every item of a list, or every value of a mapping.
let private inEach (change: Node -> Node * Diagnostic list) (node: Node) =
    match node.Content with
    | Content.Sequence items ->
        let changed = List.map change items
        { node with Content = Content.Sequence(List.map fst changed) }, List.collect snd changed
    | Content.Mapping inner ->
        let changed = inner |> List.map (fun entry -> entry, change entry.Value)
        let replaced = changed |> List.map (fun (entry, (value, _)) -> { entry with Value = value })
        Node.mapping node.Span replaced, changed |> List.collect (snd >> snd)
    | Content.Scalar _ -> node, []

/// Takes a value out of the sweep: the paths, the zipped lists and what the variants set.
let private replaceSwept grammar (path: Path) (sweep: Node) =
    let inner (entry: Entry) =
        match entry.Key.Value, entry.Value.Content with
        | "zip", Content.Sequence _
        | "variants", _ -> inEach (withoutPath grammar path) entry.Value
        | "zip", _ -> withoutPath grammar path entry.Value
        | _ -> entry.Value, []

    let sweep, hidden = withoutPath grammar path sweep
    let changed = entries sweep |> List.map (fun entry -> entry, inner entry)

    if changed |> List.forall (fun (entry, (value, _)) -> obj.ReferenceEquals(value, entry.Value)) then
        sweep, hidden
    else
        let replaced = changed |> List.map (fun (entry, (value, _)) -> { entry with Value = value })
        Node.mapping sweep.Span replaced, hidden @ (changed |> List.collect (snd >> snd))

/// The scenario without the sweep of a value, and what the value cannot replace.
let replaceAxis grammar path (root: Node) =
    let folded =
        entries root
        |> List.map (fun entry ->
            if entry.Key.Value = "sweep" then
                let sweep, hidden = replaceSwept grammar path entry.Value
                { entry with Value = sweep }, hidden
            else
                entry, [])

    Node.mapping root.Span (List.map fst folded), List.collect snd folded

let private apply grammar (root: Node, problems: Diagnostic list) override' =
    match parse override' with
    | Error others -> root, problems @ others
    | Ok(path, value) ->
        let root, hidden = replaceAxis grammar path root
        let root, wrong = Path.set grammar path value root
        root, problems @ hidden @ wrong

/// The scenario with all the overrides in their order (a later one wins), and what is wrong with them.
let applyAll (grammar: Shape) (overrides: (string * string) list) (root: Node) : Node * Diagnostic list =
    match root.Content with
    | Content.Mapping _ -> List.fold (apply grammar) (root, []) overrides
    | _ -> root, []
