/// Complete scenarios to start from, one for each component.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.Example

open UbarFs.Core

/// YAML to be written: in one line where it fits.
type private Tree =
    | Text of string
    | Keys of (string * Tree) list
    | Items of Tree list

let private widest = 76

let rec private flow tree =
    match tree with
    | Text text -> text
    | Items items -> items |> List.map flow |> String.concat ", " |> sprintf "[%s]"
    | Keys keys ->
        keys
        |> List.map (fun (key, value) -> $"{key}: {flow value}")
        |> String.concat ", "
        |> sprintf "{ %s }"

let rec private lines indent (key: string, tree) =
    let line = $"{indent}{key}: {flow tree}"

    match tree with
    | Keys keys when line.Length > widest -> $"{indent}{key}:" :: List.collect (lines (indent + "  ")) keys
    | Items items when line.Length > widest -> $"{indent}{key}:" :: [ for item in items -> $"{indent}- {flow item}" ]
    | _ -> [ line ]

let private text keys =
    keys |> List.collect (lines "") |> List.map (fun line -> line + "\n") |> String.concat ""

/// Where a component is written.
type Place =
    {
        /// The keys that lead there.
        Path: string list
        /// Whether it is an item of a list there.
        IsItem: bool
    }

/// Where the language takes a component of a family.
let place (family: string) : Place option =
    let rec search path isItem shape =
        match shape with
        | Shape.Component(name, _, _) when name = family -> [ { Path = List.rev path; IsItem = isItem } ]
        | Shape.Fields fields -> fields |> List.collect (fun field -> search (field.Key :: path) isItem field.Shape)
        | Shape.OrList(one, item) -> search path isItem one @ search path true item
        | _ -> []

    List.tryHead (search [] false Grammar.scenario.Shape)

let private withParameters (name: string) (parameters: Parameter list) =
    match parameters with
    | [] -> Text name
    | parameters ->
        Keys [ name, Keys [ for parameter in parameters -> parameter.Name, Text(string parameter.Default) ] ]

// The value at a path is replaced, or written behind the others.
let rec private set path value keys =
    match path, keys with
    | [], keys -> keys
    | key :: rest, (other, inner) :: others when other = key ->
        match rest, inner with
        | [], _ -> (key, value) :: others
        | rest, Keys inner -> (key, Keys(set rest value inner)) :: others
        | _ -> (key, Keys(set rest value [])) :: others
    | path, other :: others -> other :: set path value others
    | [ key ], [] -> [ key, value ]
    | key :: rest, [] -> [ key, Keys(set rest value []) ]

let private start (dataset: string) =
    [ "data", Keys [ "dataset", Text dataset ]
      "model", Text "softmax"
      "network", Keys [ "topology", Text "random"; "benign", Text "9"; "byzantine", Text "0.25" ]
      "training", Keys [ "epochs", Text "3" ]
      "rule", Text "ubar"
      "attack", Text "bit-flip" ]

// The same with a server, which has images, or follows a rule that needs none: with it there is no topology.
let private starts (dataset: string) =
    let peers = start dataset

    let served =
        peers
        |> set [ "network" ] (Keys [ "benign", Text "9"; "byzantine", Text "0.25" ])
        |> set [ "protocol" ] (Text "server")

    let withImages = served |> set [ "protocol" ] (Keys [ "server", Keys [ "root", Text "100" ] ])
    [ peers; served; withImages; set [ "rule" ] (Text "dmedian") served ]

/// How a component is written where its family has its place: alone, or as an item, followed by each other member or by a
/// rule in case that it cannot be the last.
let private written family place tree =
    if place.IsItem then
        Items [ tree ]
        :: [ for other in family.Members @ Family.rules.Members -> Items [ tree; Text other.Name ] ]
    else
        [ tree ]

let private accepted scenario =
    match Scenario.parse "example.yaml" scenario [] with
    | Ok(_, []) -> true
    | _ -> false

// What fits what is for the language to say: a layer may need another one behind it, a model larger images.
let private around (family: Family) tree : string option =
    place family.Name
    |> Option.bind (fun place ->
        Seq.allPairs Catalogue.datasets (written family place tree)
        |> Seq.collect (fun (dataset, tree) ->
            starts dataset.Name |> Seq.map (fun start -> set place.Path tree start |> text))
        |> Seq.tryFind accepted)

/// A scenario with the component and all of its parameters at their defaults; none if the language takes no such.
let full (family: Family) (described: Described) : string option =
    around family (withParameters described.Name described.Parameters)

/// A scenario with the component's name alone.
let byName family (described: Described) : string option = around family (Text described.Name)

let private first (described: Described) =
    described.Parameters
    |> List.tryHead
    |> Option.map (fun parameter -> Keys [ described.Name, Text(string parameter.Default) ])

/// A scenario with the shorthand for the first parameter; none without parameters.
let byFirst family (described: Described) : string option = first described |> Option.bind (around family)

/// The shorthand itself.
let shorthand (described: Described) : string option = first described |> Option.map flow
