/// What to say of components and parameters that the language does not have.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.Unknown

open System
open UbarFs.Core

/// Names in quotes, with commas between them.
let names = List.map (fun (name: string) -> $"'{name}'") >> String.concat ", "
let didYouMean name = $"did you mean '{name}'?"

let private plural (family: string) =
    if family.EndsWith 'y' then
        family.TrimEnd 'y' + "ies"
    else
        family + "s"

/// A family with its article.
let article (family: string) =
    if family.StartsWith 'a' then
        $"an {family}"
    else
        $"a {family}"

/// Every family of the catalogue with the names of its components.
let private families =
    Family.all |> List.map (fun family -> family.Name, family.Members |> List.map _.Name)

let private hasParameter name (owner: Member) = owner.Parameters |> List.exists (fun parameter -> parameter.Name = name)

/// A parameter where a component should be: `{ rho: 0.3 }`. `initial` is the component that the language chooses by
/// itself.
let private misplacedParameter
    (initial: string option)
    (members: Member list)
    (name: Located<string>)
    (node: Node option)
    =
    let owners = members |> List.filter (hasParameter name.Value)

    owners
    |> List.tryFind (fun owner -> Some owner.Name = initial)
    |> Option.orElse (List.tryHead owners)
    |> Option.map (fun owner ->
        let value =
            match node with
            | Some { Content = Content.Mapping [ entry ] } -> Some(Node.flow entry.Value)
            | _ -> None

        let shown = Option.defaultValue "…" value
        let written = $"{{ {owner.Name}: {{ {name.Value}: {shown} }} }}"

        let fixes =
            match node, value with
            | Some node, Some _ -> [ Diagnostic.replaced node.Span written ]
            | _ -> []

        fixes, $"'{name.Value}' is a parameter of {owner.Name}: write {written}")

/// `{ name: softmax }` and `{ type: ubar, rho: 0.3 }`, as other programs have it.
let private nameAsKey (members: Member list) (node: Node option) =
    match node with
    | Some { Content = Content.Mapping [ { Value = { Content = Content.Scalar(name, _) } } ]
             Span = span } when members |> List.exists (fun candidate -> candidate.Name = name) ->
        Some([ Diagnostic.replaced span name ], $"write the name alone: {name}")
    | _ -> None

/// `random 0.4` and `random(0.4)`: a component with its first parameter.
let private nameAndValue (members: Member list) (name: Located<string>) =
    let parts = name.Value.Split([| ' '; '('; ')'; '='; ':' |], 2, StringSplitOptions.RemoveEmptyEntries)

    match parts with
    | [| first; rest |] ->
        let rest = rest.Trim(' ', ')', '(', '=', ':')

        members
        |> List.tryFind (fun candidate -> candidate.Name = first)
        |> Option.bind (fun candidate -> List.tryHead candidate.Parameters)
        |> Option.filter (fun parameter -> (Kind.read parameter.Kind rest).IsSome)
        |> Option.map (fun _ ->
            let written = $"{{ {first}: {rest} }}"
            [ Diagnostic.replaced name.Span written ], $"write {written}")
    | _ -> None

/// Components that one would look for and that are left out: why, and what to take instead.
let private withdrawn =
    Map
        [ ("rule", "zeno++"),
          ("'zeno++' is not defined under gossip: it scores gradients, and nodes here exchange estimates; the \
            disagreement x_i − x_j is no gradient, so that it rejects honest neighbours and ends where training alone \
            ends",
           "use 'zeno' or 'ubar' instead: they compare the losses of the estimates themselves") ]

/// Why a component is left out, and what to take instead, in one sentence; nothing for a name that never was one.
let whyWithdrawn family name : string option =
    withdrawn.TryFind(family, name) |> Option.map (fun (reason, instead) -> $"{reason}; {instead}")

/// A name that no component of the family has. `node` is what chooses it, and `initial` the component that the language
/// chooses by itself.
let component' family (initial: string option) (members: Member list) (name: Located<string>) (node: Node option) =
    let known = members |> List.map _.Name

    let otherFamily =
        families |> List.tryFind (fun (other, names) -> other <> family && List.contains name.Value names)

    let misplaced =
        misplacedParameter initial members name node
        |> Option.orElse (nameAsKey members node)
        |> Option.orElse (nameAndValue members name)

    let fixes, hint =
        match Nearest.find known name.Value, otherFamily, misplaced with
        | _, _, Some misplaced -> misplaced
        | _, Some("model", _), _ when family = "layer" ->
            [], $"'{name.Value}' is a model: to try several models, list them for 'model' under 'sweep'"
        | _, Some("stage", _), _ when family = "rule" ->
            [ Diagnostic.replaced name.Span $"[{name.Value}, dmedian]" ],
            $"'{name.Value}' is a stage: a pipeline is a list with a rule at its end, as in [{name.Value}, dmedian]"
        | _, Some("layer", _), _ when family = "model" ->
            [ Diagnostic.replaced name.Span $"[{name.Value}, dense]" ],
            $"'{name.Value}' is a layer: a model of layers is a list, as in [{name.Value}, dense]"
        | _, Some(other, _), _ -> [], $"'{name.Value}' is {article other}"
        | Some nearest, _, _ -> [ Diagnostic.replaced name.Span nearest ], didYouMean nearest
        | None, None, None -> [], $"the {plural family} are {names known}"

    match withdrawn.TryFind(family, name.Value) with
    | Some(reason, instead) -> Diagnostic.error name.Span reason |> Diagnostic.hinted instead
    | None ->
        Diagnostic.error name.Span $"unknown {family} '{Node.shortened name.Value}'"
        |> Diagnostic.fixedBy fixes hint

/// A path such as `rule.rho`, which leaves out the component that has the parameter. `chosen` is the component in
/// force, with the key that names it.
let shortPath family (members: Member list) (chosen: string option) (before: string) (name: Located<string>) =
    let inForce = members |> List.tryFind (fun candidate -> Some candidate.Name = chosen)

    let parameter =
        inForce
        |> Option.bind (fun owner ->
            let known = owner.Parameters |> List.map _.Name

            if hasParameter name.Value owner then
                Some(owner, name.Value)
            elif members |> List.exists (fun candidate -> candidate.Name = name.Value) then
                None
            else
                Nearest.find known name.Value |> Option.map (fun meant -> owner, meant))

    let isCode = chosen |> Option.exists CodeFile.isKey
    let nearest = Nearest.find (members |> List.map _.Name) name.Value

    match parameter, nearest with
    | Some(owner, meant), None ->
        Diagnostic.error name.Span $"'{before}.{Node.shortened name.Value}' leaves out whose parameter it is"
        |> Diagnostic.meant
            name.Span
            [ $"{owner.Name}.{meant}" ]
            $"the {family} is {owner.Name}: write {before}.{owner.Name}.{meant}"
        |> Some
    | None, None when isCode ->
        Diagnostic.error name.Span $"'{before}.{Node.shortened name.Value}' is no path"
        |> Diagnostic.meant
            name.Span
            [ $"{CodeFile.arguments}.{name.Value}" ]
            $"the {family} is code, whose parameters have the path {before}.{CodeFile.arguments}.{name.Value}"
        |> Some
    | None, None when members |> List.exists (hasParameter name.Value) ->
        let owners = members |> List.filter (hasParameter name.Value) |> List.map _.Name |> String.concat ", "

        Diagnostic.error name.Span $"'{before}.{name.Value}' leaves out whose parameter it is"
        |> Diagnostic.hinted (
            match inForce with
            | Some owner -> $"'{name.Value}' is a parameter of {owners}, but the {family} here is {owner.Name}"
            | None -> $"'{name.Value}' is a parameter of {owners}: the path names one of them before it"
        )
        |> Some
    | _ -> None

/// A parameter that a component does not have; `whole` is what chooses the component.
let parameter family (members: Member list) (owner: Member) (whole: Node option) (key: Located<string>) =
    let known = owner.Parameters |> List.map _.Name

    let others =
        members
        |> List.filter (fun candidate ->
            candidate.Parameters |> List.exists (fun parameter -> parameter.Name = key.Value))
        |> List.map _.Name

    let message =
        match others with
        | [] when List.isEmpty known -> $"the {family} '{owner.Name}' has no parameters"
        | [] -> $"the {family} '{owner.Name}' has no parameter '{Node.shortened key.Value}'"
        | others ->
            let owners = String.concat " and " others
            $"'{key.Value}' is a parameter of {owners}, not of {owner.Name}"

    let diagnostic = Diagnostic.error key.Span message

    match Nearest.find known key.Value, known with
    | Some name, _ -> diagnostic |> Diagnostic.meant key.Span [ name ] (didYouMean name)
    | None, [] ->
        let fixes =
            whole |> Option.map (fun (node: Node) -> Diagnostic.replaced node.Span owner.Name) |> Option.toList

        diagnostic |> Diagnostic.fixedBy fixes $"write only '{owner.Name}'"
    | None, [ only ] -> diagnostic |> Diagnostic.hinted $"its only parameter is '{only}'"
    | None, known -> diagnostic |> Diagnostic.hinted $"its parameters are {names known}"
