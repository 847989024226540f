/// What a run's resolved settings say at the paths of the language, which lead into their values, too.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.Resolved

open System.Collections.Concurrent

let private trees = ConcurrentDictionary<string, Node option>()

let private tree (text: string) =
    trees.GetOrAdd(
        text,
        fun text ->
            match Yaml.parse (Source.create (Origin.File "settings") text) 0 with
            | Some node, [] -> Some node
            | _ -> None
    )

/// The value at a path, on one line; nothing where the run has no such value.
let at (path: string) (settings: Map<string, string>) : string option =
    let keys = path.Split '.' |> List.ofArray

    let inside count =
        let outer, inner = List.splitAt count keys

        Map.tryFind (String.concat "." outer) settings
        |> Option.bind tree
        |> Option.bind (fun node -> Path.find [ for key in inner -> { Value = key; Span = node.Span } ] node)
        |> Option.map Node.flow

    match Map.tryFind path settings with
    | Some value -> Some value
    | None -> [ keys.Length - 1 .. -1 .. 1 ] |> List.tryPick inside
