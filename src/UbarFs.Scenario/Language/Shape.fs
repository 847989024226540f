namespace UbarFs.Scenario

open UbarFs.Core

/// What a key stands for that is left out.
[<RequireQualifiedAccess>]
type Default =
    /// Nothing: it has to be there.
    | Required
    /// A value, in the words of the language.
    | Written of string
    /// What the defaults of its own keys make of it.
    | OfKeys
    /// Something that its meaning tells, or nothing.
    | Absent

/// A component as the language sees it: its name and its parameters, the first of which has a shorthand.
type Member = { Name: string; Parameters: Parameter list }

/// What the language accepts at a place. Shapes are known without reading any text, so that paths, suggestions and
/// descriptions of the language all follow from the decoders.
[<RequireQualifiedAccess>]
type Shape =
    | Scalar of Kind
    /// A text of a form that no `Kind` describes.
    | Text of expected: string
    /// A component of a family ("rule", "attack", …), with or without parameters; where it is open, code can be named
    /// in its place.
    | Component of family: string * members: Member list * isOpen: bool
    | Fields of KeyShape list
    /// One value of a shape, or a list of values of another.
    | OrList of one: Shape * item: Shape
    /// At least one value of a shape.
    | List of item: Shape
    /// Dotted paths to lists of values, and what else a sweep has.
    | Sweep

/// A key of a mapping.
and KeyShape =
    {
        Key: string
        Meaning: string
        Shape: Shape
        Default: Default
        /// The key that this one stands in for: a mapping has one of the two.
        InsteadOf: string option
        /// Whether it belongs to the scenario as a whole, so that no sweep can change it.
        Fixed: bool
    }

[<RequireQualifiedAccess>]
module Shape =

    /// The paths of all mappings that have a certain key; the path of the top level is empty.
    let homes (key: string) (shape: Shape) : string list list =
        let rec search path shape =
            match shape with
            | Shape.Fields fields ->
                [ for field in fields do
                      if field.Key = key then
                          List.rev path

                      yield! search (field.Key :: path) field.Shape ]
            | Shape.Component(_, members, _) ->
                [ for candidate in members do
                      if candidate.Parameters |> List.exists (fun parameter -> parameter.Name = key) then
                          List.rev (candidate.Name :: path) ]
            | Shape.OrList(one, _) -> search path one
            | Shape.Scalar _
            | Shape.Text _
            | Shape.List _
            | Shape.Sweep -> []

        search [] shape

    /// Whether a mapping can have only one of two keys.
    let areAlternatives (fields: KeyShape list) one other =
        fields
        |> List.exists (fun field ->
            (field.Key = one && field.InsteadOf = Some other)
            || (field.Key = other && field.InsteadOf = Some one))

    /// Whether a top-level key belongs to the scenario as a whole.
    let isFixed key shape =
        match shape with
        | Shape.Fields fields -> fields |> List.exists (fun field -> field.Key = key && field.Fixed)
        | _ -> false

    /// Whether a path leads to a key of the language.
    let rec hasPath (path: string list) shape =
        match shape, path with
        | _, [] -> true
        | Shape.Fields fields, key :: rest ->
            fields |> List.exists (fun field -> field.Key = key && hasPath rest field.Shape)
        | Shape.Component(_, _, true), [ key ] when List.contains key CodeFile.keywords || Label.isKey key -> true
        | Shape.Component(_, _, true), key :: rest when key = CodeFile.arguments -> rest.Length <= 1
        | Shape.Component(_, members, _), name :: rest ->
            members
            |> List.exists (fun candidate ->
                candidate.Name = name
                && match rest with
                   | [] -> true
                   | [ key ] -> candidate.Parameters |> List.exists (fun parameter -> parameter.Name = key)
                   | _ -> false)
        | Shape.OrList(one, _), _ -> hasPath path one
        | _ -> false

    /// The shape of what a path of keys leads to; a path into a component leads to nothing that has one.
    let rec at (path: string list) shape =
        match shape, path with
        | _, [] -> Some shape
        | Shape.Fields fields, key :: rest ->
            fields
            |> List.tryFind (fun field -> field.Key = key)
            |> Option.bind (fun field -> at rest field.Shape)
        | _ -> None

    /// What a key stands for that is left out.
    let rec initial (path: string list) shape =
        match shape, path with
        | Shape.Fields fields, [ key ] -> fields |> List.tryFind (fun field -> field.Key = key) |> Option.map _.Default
        | Shape.Fields fields, key :: rest ->
            fields
            |> List.tryFind (fun field -> field.Key = key)
            |> Option.bind (fun field -> initial rest field.Shape)
        | _ -> None
