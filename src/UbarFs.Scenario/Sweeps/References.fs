/// Replaces references: `${path.to.key}` by the value of another key, `${env:NAME}` by an environment variable.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.References

open System
open System.Collections.Generic
open UbarFs.Core

/// The longest text that references may make.
let private longest = 10_000

/// The most values that references may repeat, all together.
let private most = 10_000

/// The longest chain of references to references.
let private deepest = 30

/// The place of a part of a scalar's text; the whole scalar where escapes or folded lines hide the place.
let private part (node: Node) (text: string) quoted start length =
    match node.Span.Length - text.Length with
    | 0 -> Span.part start length node.Span
    | 2 when quoted -> Span.part (start + 1) length node.Span
    | _ -> node.Span

let private malformed place =
    Diagnostic.error place "this reference is not complete"
    |> Diagnostic.hinted "a reference is ${path.to.key} or ${env:NAME:-default}; '$${' stands for '${' itself"

/// Applies a function to every scalar that refers to something.
let rec private replace (change: Node -> string -> bool -> Node) (node: Node) : Node =
    match node.Content with
    | Content.Scalar(text, _) when Template.isPlain text -> node
    | Content.Scalar(text, quoted) -> change node text quoted
    | Content.Sequence items ->
        let changed = List.map (replace change) items

        if List.forall2 (fun one other -> obj.ReferenceEquals(one, other)) items changed then
            node
        else
            { node with Content = Content.Sequence changed }
    | Content.Mapping entries ->
        let changed = entries |> List.map (fun entry -> { entry with Value = replace change entry.Value })

        if
            List.forall2
                (fun (one: Entry) (other: Entry) -> obj.ReferenceEquals(one.Value, other.Value))
                entries
                changed
        then
            node
        else
            { node with Content = Content.Mapping changed }

/// Whether anything in a node refers to something.
let rec exists (node: Node) =
    match node.Content with
    | Content.Scalar(text, _) -> not (Template.isPlain text)
    | Content.Sequence items -> List.exists exists items
    | Content.Mapping entries -> entries |> List.exists (fun entry -> exists entry.Value)

/// The node with all environment variables, and what is wrong with them. Other references stay as they are; so does
/// '$${', and a variable's value says what it says.
let variables (variable: string -> string option) (root: Node) : Node * Diagnostic list =
    let problems = ResizeArray<Diagnostic>()

    let change (node: Node) text quoted =
        let value piece =
            match piece with
            | Piece.Verbatim text -> text.Replace("${", "$${")
            | Piece.Key(path, _, _) -> $"${{{path}}}"
            | Piece.Malformed(start, length) ->
                problems.Add(malformed (part node text quoted start length))
                ""
            | Piece.Variable(name, initial, start, length) ->
                match variable name |> Option.filter ((<>) "") |> Option.orElse initial with
                | Some value when Seq.exists Char.IsControl value ->
                    Diagnostic.error
                        (part node text quoted start length)
                        $"the environment variable '{name}' has more than one line"
                    |> problems.Add

                    ""
                | Some value -> value.Replace("${", "$${")
                | None ->
                    Diagnostic.error
                        (part node text quoted start length)
                        $"the environment variable '{name}' is not set"
                    |> Diagnostic.meant
                        (part node text quoted start length)
                        [ $"${{env:{name}:-default}}" ]
                        $"set it, or give a default, as in ${{env:{name}:-default}}"
                    |> problems.Add

                    ""

        { node with
            Content = Content.Scalar(Template.pieces text |> List.map value |> String.concat "", quoted) }

    let changed = replace change root
    changed, List.ofSeq problems

/// Every path of the language, for suggestions.
let rec private paths shape =
    match shape with
    | Shape.Fields fields ->
        [ for field in fields do
              field.Key

              for inner in paths field.Shape do
                  $"{field.Key}.{inner}" ]
    | _ -> []

/// The default of a key, as if it were written.
let private initial grammar path =
    match Shape.initial path grammar with
    | Some(Default.Written text) -> Yaml.parse (Source.create (Origin.File "default") text) 0 |> fst
    | _ -> None

let private unknown grammar place (path: string) =
    let diagnostic = Diagnostic.error place $"the scenario says no '{Node.shortened path}'"

    let nearest =
        Nearest.find (paths grammar) path
        |> Option.filter (fun meant -> meant <> path && Nearest.distance meant path <= 2)

    match nearest with
    | Some meant -> diagnostic |> Diagnostic.meant place [ $"${{{meant}}}" ] $"did you mean ${{{meant}}}?"
    | None when Shape.hasPath (List.ofArray (path.Split '.')) grammar ->
        diagnostic |> Diagnostic.hinted "only what is written, or has a default, can be referred to"
    | None ->
        diagnostic
        |> Diagnostic.hinted "a reference is the keys that lead to a value, with dots between them"

let rec private size (node: Node) =
    match node.Content with
    | Content.Scalar _ -> 1
    | Content.Sequence items -> 1 + List.sumBy size items
    | Content.Mapping entries -> 1 + (entries |> List.sumBy (fun entry -> size entry.Value))

// Ends the resolution of one reference. It never leaves this module.
exception private RefusedException of Diagnostic

/// Resolves the references of one tree; each target once.
type private Resolver(grammar: Shape, root: Node, forbidden: string -> string option) =
    let known = Dictionary<string, Node>()
    let problems = ResizeArray<Diagnostic>()
    let mutable repeated = 0

    let refuse diagnostic = raise (RefusedException diagnostic)

    let cycle place (trail: string list) path =
        let chain = path :: trail |> List.rev |> List.skipWhile ((<>) path) |> String.concat " → "
        refuse (Diagnostic.error place $"these references lead back to themselves: {chain}")

    member private resolver.Step place trail (node: Node) (rest: string list) : Node option =
        match node.Content, rest with
        | Content.Scalar(text, quoted), _ :: _ when not (Template.isPlain text) ->
            resolver.Step place trail (resolver.Scalar trail node text quoted) rest
        | _, [] -> Some node
        | Content.Mapping entries, key :: rest ->
            entries
            |> List.tryFind (fun entry -> entry.Key.Value = key)
            |> Option.bind (fun entry -> resolver.Step place trail entry.Value rest)
        | _ -> None

    member private resolver.Target place (trail: string list) path : Node =
        if List.contains path trail then
            cycle place trail path

        if trail.Length >= deepest then
            refuse (Diagnostic.error place $"a chain of more than {deepest} references")

        match forbidden path with
        | Some reason -> refuse (Diagnostic.error place reason)
        | None -> ()

        match known.TryGetValue path with
        | true, node -> node
        | false, _ ->
            let keys = List.ofArray (path.Split '.')

            match
                resolver.Step place (path :: trail) root keys |> Option.orElseWith (fun () -> initial grammar keys)
            with
            | None
            | Some Node.Nothing -> refuse (unknown grammar place path)
            | Some node ->
                let node = resolver.Inside (path :: trail) node
                known[path] <- node
                node

    member private resolver.Text place trail path =
        match (resolver.Target place trail path).Content with
        | Content.Scalar(text, _) -> text
        | _ ->
            refuse (
                Diagnostic.error place $"'{path}' is not a single value, so it cannot be a part of a text"
                |> Diagnostic.hinted "a reference that stands alone repeats it as a whole"
            )

    member private resolver.Scalar trail (node: Node) text quoted : Node =
        let place = part node text quoted

        match Template.pieces text with
        | [ Piece.Key(path, start, length) ] ->
            let target = resolver.Target (place start length) trail path
            repeated <- repeated + size target

            if repeated > most then
                refuse (Diagnostic.error node.Span $"the references repeat more than {most} values")

            { node with Content = target.Content }
        | pieces ->
            let value piece =
                match piece with
                | Piece.Verbatim text -> text
                | Piece.Key(path, start, length) -> resolver.Text (place start length) trail path
                | Piece.Variable(_, _, start, length)
                | Piece.Malformed(start, length) -> refuse (malformed (place start length))

            match pieces |> List.map value |> String.concat "" with
            | text when text.Length > longest ->
                refuse (Diagnostic.error node.Span $"with its references, this text has more than {longest} letters")
            | text -> { node with Content = Content.Scalar(text, quoted) }

    /// A node with everything in it resolved; the first problem in it ends it.
    member private resolver.Inside trail (node: Node) : Node = replace (resolver.Scalar trail) node

    /// A node with everything in it resolved; what is wrong stays, and is collected.
    member resolver.Resolve(node: Node) : Node =
        replace
            (fun scalar text quoted ->
                try
                    if problems.Count < Diagnostic.most then
                        resolver.Scalar [] scalar text quoted
                    else
                        scalar
                with RefusedException diagnostic ->
                    problems.Add diagnostic
                    { scalar with Content = Content.Scalar("", true) })
            node

    member _.Problems = List.ofSeq problems

/// A part of a scenario with the values of all the keys that it refers to, and what is wrong with the references.
/// `forbidden` says why a path cannot be referred to.
let resolve grammar (root: Node) (forbidden: string -> string option) (node: Node) : Node * Diagnostic list =
    if exists node then
        let resolver = Resolver(grammar, root, forbidden)
        let resolved = resolver.Resolve node
        resolved, resolver.Problems
    else
        node, []
