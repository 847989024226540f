/// Rules as the language writes them: by themselves, or as a list of stages with a rule at its end.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.Pipelines

open FsToolkit.ErrorHandling
open UbarFs.Core

let private rule = Choice.orCode "rule" _.Rule Catalogue.rules
let private stage = Choice.orCode "stage" _.Stage Catalogue.stages

let private isKnown (components: Component<'value> list) name =
    components |> List.exists (fun component' -> component'.Name = name)

// The key or the word that names a component.
let private named (node: Node) : Located<string> option =
    match node.Content with
    | Content.Scalar(name, _) -> Some { Value = name; Span = node.Span }
    | Content.Mapping entries ->
        entries |> List.tryFind (fun entry -> not (Label.isKey entry.Key.Value)) |> Option.map _.Key
    | Content.Sequence _ -> None

let private isRule (node: Node) = named node |> Option.exists (fun name -> isKnown Catalogue.rules name.Value)
let private isStage (node: Node) = named node |> Option.exists (fun name -> isKnown Catalogue.stages name.Value)

let private isList (node: Node) =
    match node.Content with
    | Content.Sequence _ -> true
    | _ -> false

let private readStage context (node: Node) =
    let label =
        match node.Content with
        | Content.Mapping entries -> entries |> List.tryFind (fun entry -> Label.isKey entry.Key.Value)
        | _ -> None

    match named node, label with
    | None, _ when isList node ->
        Diagnostic.error node.Span "a pipeline has no list in it: expected one stage"
        |> Diagnostic.hinted "all stages stand in one list, and the rule behind them"
        |> Validation.error
    | Some name, _ when isRule node ->
        Diagnostic.error name.Span $"'{name.Value}' is a rule, and a pipeline has one, at its end"
        |> Diagnostic.hinted "what comes before the end are stages; to try several rules, list them under 'sweep'"
        |> Validation.error
    | _, Some label ->
        Diagnostic.error label.Key.Span $"a stage has no {Label.key}"
        |> Diagnostic.hinted $"the {Label.key} of a pipeline stands beside its rule, the last of the list"
        |> Validation.error
    | _ -> Decode.read stage context node

let private readRule context (node: Node) =
    match named node with
    | Some name when isStage node ->
        Diagnostic.error name.Span $"a pipeline ends with a rule, and '{name.Value}' is a stage"
        |> Diagnostic.fixedBy
            [ Diagnostic.replaced node.Span $"{Node.flow node}, dmedian" ]
            $"write the rule behind it, as in [{name.Value}, dmedian]"
        |> Validation.error
    | _ -> Decode.read rule context node

// The own estimate joins once, and no rule can keep records of senders that a stage has merged.
let private sensible (stages: Chosen<PipelineStage> list) (rule: Chosen<Rule>) (items: Node list) =
    let joining =
        List.zip stages (List.truncate stages.Length items)
        |> List.filter (fun (stage, _) -> stage.Value.JoinsOwn)

    match joining, stages |> List.tryFind _.Value.MergesSenders with
    | _ :: (second, node) :: _, _ ->
        Diagnostic.error node.Span $"the own estimate has joined already, and '{second.Name}' would add it again"
        |> Diagnostic.hinted "one of the two is enough"
        |> Validation.error
    | _, Some merging when rule.Value.JudgesSenders ->
        Diagnostic.error
            (List.last items).Span
            $"'{rule.Name}' judges senders, and '{merging.Name}' leaves no single ones"
        |> Diagnostic.hinted "take one of them out"
        |> Validation.error
    | _ -> Ok()

let private reading (chosen: Chosen<Rule>) : Decoded<Chosen<Rule>> =
    { Value = chosen
      Said = Said.Value(Chosen.canonical chosen, Chosen.fingerprints chosen) }

/// The most items of a pipeline: each stage goes through all estimates.
let private longest = 100

let private ofList context (items: Node list) =
    let before, last = List.truncate (items.Length - 1) items, List.last items

    validation {
        let! stages = before |> List.traverseValidationA (readStage context)
        and! rule = readRule context last
        return stages, rule
    }
    |> Result.bind (fun (stages, rule) ->
        sensible stages rule items |> Result.map (fun () -> reading (Pipeline.ofChosen stages rule)))

/// A rule, or a list of stages that ends with one: what the stages make of what was received is what the rule sees.
let decoder: Decoder<Chosen<Rule>> =
    let members =
        match stage.Shape, rule.Shape with
        | Shape.Component(_, stages, _), Shape.Component(_, rules, _) -> stages @ rules
        | _ -> []

    { Shape = Shape.OrList(rule.Shape, Shape.Component("stage", members, true))
      Read =
        fun context node ->
            match node.Content with
            | Content.Sequence items when items.Length > longest ->
                $"a pipeline of {items.Length} stages and rules, more than {longest}"
                |> Diagnostic.error node.Span
                |> Validation.error
            // Rules alone were meant to be tried in turn, and a single one to stand by itself.
            | Content.Sequence items when not (List.forall isRule items) -> ofList context items
            | Content.Sequence [ only ] when isStage only -> ofList context [ only ]
            | _ -> rule.Read context node }
