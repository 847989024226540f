/// What a run's resolved settings say at the paths of the language, which lead into their values, too.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.Resolved

open System
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

let private graph = "network.graph"

/// Whether a path has the checksum of what stands at another one: of its code, or of its graph.
let isPrint (path: string) = path = graph || path.EndsWith(".code", StringComparison.Ordinal)

/// The checksums that belong to the value of a path; empty without any.
let printOf (path: string) (settings: Map<string, string>) : string =
    path + ".code" :: if path = "network.topology" then [ graph ] else []
    |> List.choose (fun print -> Map.tryFind print settings)
    |> String.concat ", "

let private ownerOf print =
    if print = graph then
        "network.topology"
    else
        print.Substring(0, print.Length - ".code".Length)

/// Settings without the checksums that tell nothing apart: those of a value of which no two are known. Stores of older
/// versions have none for the catalogue.
let withTellingPrints (all: Map<string, string> list) : Map<string, string> list =
    let isPrinted (settings: Map<string, string>) = settings |> Map.toList |> List.filter (fst >> isPrint)

    let known =
        all
        |> List.collect (fun settings ->
            isPrinted settings
            |> List.map (fun (path, print) -> (path, Map.tryFind (ownerOf path) settings), print))
        |> List.distinct
        |> List.countBy fst
        |> Map.ofList

    all
    |> List.map (fun settings ->
        settings
        |> Map.filter (fun path _ -> not (isPrint path) || known[path, Map.tryFind (ownerOf path) settings] > 1))

/// Settings by the paths of today's language, out of a store that an older version wrote.
let ofOlder (settings: Map<string, string>) : Map<string, string> =
    match settings |> Map.tryFind "training.length" |> Option.map _.Split(' ') with
    | Some [| count; unit' |] ->
        settings
        |> Map.remove "training.length"
        |> Map.add
            (if unit'.StartsWith "epoch" then
                 "training.epochs"
             else
                 "training.iterations")
            count
    | _ -> settings
