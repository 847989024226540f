/// Layers as the language writes them: by themselves, or with lists of layers inside of them.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.LayerLists

open FsToolkit.ErrorHandling
open UbarFs.Core

/// The most lists of layers inside of each other.
let private deepest = 8

let private plain = Choice.decoder "layer" Catalogue.layers

/// The parameters that are lists of layers, by the names of their owners.
let private listed =
    [ for layer in Catalogue.layers do
          for parameter in layer.Settings.Parameters do
              if parameter.Kind = Kind.Layers then
                  layer.Name, parameter.Name ]
    |> Map.ofList

/// How many layers a list has, those inside of others too.
let rec count (items: Node list) : int =
    let inside (node: Node) =
        match node.Content with
        | Content.Mapping entries -> entries |> List.sumBy (fun entry -> nested entry.Value)
        | _ -> 0

    items.Length + List.sumBy inside items

and private nested (node: Node) =
    match node.Content with
    | Content.Sequence items -> count items
    | Content.Mapping entries -> entries |> List.sumBy (fun entry -> nested entry.Value)
    | Content.Scalar _ -> 0

/// The list in a layer that has one: `{ residual: [ … ] }` or `{ residual: { layers: [ … ] } }`.
let private listIn (node: Node) : (Entry * Node) option =
    match node.Content with
    | Content.Mapping [ entry ] ->
        listed.TryFind entry.Key.Value
        |> Option.bind (fun parameter ->
            match entry.Value.Content with
            | Content.Sequence _ -> Some(entry, entry.Value)
            | Content.Mapping [ inner ] when inner.Key.Value = parameter ->
                match inner.Value.Content with
                | Content.Sequence _ -> Some(entry, inner.Value)
                | _ -> None
            | _ -> None)
    | _ -> None

let rec private readAt depth context (node: Node) : Validation<Decoded<Chosen<int -> Layer>>, Diagnostic> =
    match listIn node with
    | None -> plain.Read context node
    | Some(_, list) when depth = deepest ->
        $"layers inside of layers, deeper than {deepest} lists"
        |> Diagnostic.error list.Span
        |> Validation.error
    | Some(entry, list) ->
        match list.Content with
        | Content.Sequence(_ :: _ as items) ->
            items
            |> List.traverseValidationA (readAt (depth + 1) (Context.enter entry.Key context))
            |> Result.bind (fun layers ->
                // What it comes to is the text that it is the value of.
                let text = layers |> List.map (fun layer -> Chosen.canonical layer.Value) |> String.concat ", "
                let value = Node.scalar list.Span $"[{text}]"
                plain.Read context (Node.mapping node.Span [ { entry with Value = value } ]))
        | _ ->
            $"'{entry.Key.Value}' has no layers in it"
            |> Diagnostic.error list.Span
            |> Diagnostic.hinted $"write {{ {entry.Key.Value}: [conv, relu] }}"
            |> Validation.error

/// One layer.
let decoder: Decoder<Chosen<int -> Layer>> = { Shape = plain.Shape; Read = readAt 0 }
