/// What code from outside owes to whoever calls it, beyond its types: each question answers with what is wrong, in the
/// words of whoever wrote the code, or with nothing.
[<RequireQualifiedAccess>]
module UbarFs.Core.Contract

open System
open TorchSharp

let private isMissing (value: 'value) = isNull (box value)

let private shapeOf (tensor: torch.Tensor) =
    let sides = tensor.shape |> Array.map string |> String.concat ", "
    $"[{sides}] of {tensor.dtype}"

/// What is wrong with a tensor that must be there; `name` is its subject.
let private usable name (tensor: torch.Tensor) : string option =
    if isMissing tensor then
        Some $"{name} is null"
    elif tensor.IsInvalid then
        Some
            $"{name} is a tensor that has been freed: MoveToOuterDisposeScope() keeps one that is made in a dispose scope \
              of your own"
    else
        None

/// What is wrong with a tensor that must be like another one, which `model` names.
let private like name model (shape: int64[]) (other: torch.Tensor) (tensor: torch.Tensor) : string option =
    usable name tensor
    |> Option.orElseWith (fun () ->
        if tensor.shape <> shape || tensor.dtype <> other.dtype then
            let expected = shape |> Array.map string |> String.concat ", "
            Some $"{name} is {shapeOf tensor}; it must be [{expected}] of {other.dtype}, like {model}"
        elif tensor.device_type <> other.device_type then
            Some $"{name} is on {tensor.device}; it must be on {other.device}, like {model}"
        else
            None)

let private first (questions: (unit -> string option) list) = questions |> List.tryPick (fun question -> question ())

let private listed (names: string list) = if names.IsEmpty then "none" else String.concat ", " names

/// What is wrong with the rows, among m received ones, that a stage kept.
let private kept m (stage: Stage) : string option =
    if isMissing stage || isMissing stage.Name || isMissing stage.Kept then
        Some "a stage has no name or no rows (null)"
    else
        let rows = if m = 1 then "row 0" else $"rows 0 to {m - 1}"

        match stage.Kept |> Array.tryFind (fun row -> row < 0 || row >= m) with
        | Some row -> Some $"stage '{stage.Name}' keeps row {row}; there are {m} received estimates, {rows}"
        | None when (Array.distinct stage.Kept).Length <> stage.Kept.Length ->
            let twice = stage.Kept |> Array.countBy id |> Array.find (fun (_, count) -> count > 1) |> fst
            Some $"stage '{stage.Name}' keeps row {twice} more than once"
        | None -> None

let private stages (names: string list) m (told: Stage list) : string option =
    if isMissing told then
        Some "the stages are null; a rule that selects nothing has none of them ([])"
    else
        told
        |> List.tryPick (kept m)
        |> Option.orElseWith (fun () ->
            let given = told |> List.map _.Name

            if given <> names then
                Some
                    $"the result has the stages {listed given}; the rule names {listed names}, and each result tells \
                      all of them, in this order"
            else
                None)

/// What is wrong with what is to be remembered.
let memory (memory: Memory) : string option =
    if isMissing memory then
        Some "the memory is null; whoever remembers nothing has an empty one"
    else
        memory |> Seq.tryPick (fun entry -> usable $"the memory's '{entry.Key}'" entry.Value)

/// What is wrong with a rule's result for a view of at least one received estimate.
let aggregate (rule: Rule) (view: View) (result: Aggregate) : string option =
    if isMissing result then
        Some "the rule returns null in place of a result"
    else
        let m = int view.Received.shape[0]

        first
            [ fun () -> like "R" "the own estimate" view.Own.shape view.Own result.Estimate
              fun () -> stages rule.Stages m result.Stages
              fun () -> memory result.Memory ]

/// What is wrong with a result of the form for all nodes at once. No number is read.
let networkAggregate (rule: Rule) (view: NetworkView) (result: NetworkAggregate) : string option =
    let n, m = view.Own.Length, view.Received.Longest

    let selection (tensor: torch.Tensor) =
        usable "a selection of Kept" tensor
        |> Option.orElseWith (fun () ->
            if tensor.shape <> [| int64 n; int64 m |] || tensor.dtype <> torch.ScalarType.Bool then
                Some $"a selection of Kept is {shapeOf tensor}; it must be [{n}, {m}] of Bool"
            else
                None)

    if isMissing result then
        Some "the form for all nodes returns null in place of a result"
    else
        first
            [ fun () ->
                  like
                      "Estimates"
                      "the pool, with a row for each node"
                      [| int64 n; view.Pool.shape[1] |]
                      view.Pool
                      result.Estimates
              fun () ->
                  if isMissing result.Kept || result.Kept.Length <> rule.Stages.Length then
                      Some $"Kept must have a selection for each of the rule's stages ({listed rule.Stages})"
                  else
                      List.tryPick selection result.Kept
              fun () ->
                  if isMissing result.Memories || result.Memories.Length <> n then
                      Some $"Memories must have an item for each of the {n} nodes"
                  else
                      Array.tryPick memory result.Memories ]

// What is wrong with where an estimate behind a stage comes from.
let private origin m (origin: Provenance) =
    if isMissing origin || isMissing origin.StandsFor || isMissing origin.MadeOf then
        Some "an origin is null"
    else
        Seq.append origin.StandsFor origin.MadeOf
        |> Seq.tryFind (fun row -> row < 0 || row >= m)
        |> Option.map (fun row ->
            let rows = if m = 1 then "row 0" else $"rows 0 to {m - 1}"
            $"an origin names row {row}; there are {m} received estimates, {rows}")

/// What is wrong with what a stage of a pipeline made of a view of at least one received estimate.
let prepared (stage: PipelineStage) (view: View) (result: Prepared) : string option =
    let isOwn (origin: Provenance) = Array.isEmpty origin.StandsFor

    if isMissing result then
        Some "the stage returns null in place of a result"
    elif isMissing result.Origins then
        Some "the origins are null"
    else
        let rows = result.Origins.LongLength

        first
            [ fun () ->
                  like
                      "what the stage hands on, with a row for each origin,"
                      "the received estimates"
                      [| rows; view.Received.shape[1] |]
                      view.Received
                      result.Estimates
              fun () -> result.Origins |> Array.tryPick (origin (int view.Received.shape[0]))
              fun () ->
                  if not stage.JoinsOwn && Array.exists isOwn result.Origins then
                      Some "an origin stands for no received estimate, and the stage is not one that the own one joins"
                  else
                      None ]

/// What is wrong with a stage of a pipeline before it is asked anything.
let pipelineStage (stage: PipelineStage) : string option =
    if isMissing stage then
        Some "the stage is null"
    else
        [ "Reference", isMissing stage.Reference
          "Count", isMissing stage.Count
          "Tolerance", isMissing stage.Tolerance
          "Cost", isMissing stage.Cost
          "Claims", isMissing stage.Claims ]
        |> List.tryFind snd
        |> Option.map (fun (name, _) -> $"{name} is null")
        |> Option.orElseWith (fun () ->
            stage.Claims
            |> List.tryFind (fun law -> isMissing law || not (List.contains law PipelineStage.laws))
            |> Option.map (fun law ->
                if isMissing law then
                    "a claim is null"
                else
                    let known = PipelineStage.laws |> List.map Law.name |> listed
                    $"a stage cannot claim {Law.name law}; the laws that it can keep are {known}"))

/// What is wrong with α for a node with so many neighbours.
let alpha (neighbours: int) (alpha: float) : string option =
    if alpha >= 0.0 && alpha <= 1.0 then
        None
    else
        Some $"α is {Value.Real alpha} for {neighbours} neighbours; it must be a number from 0 to 1"

/// What is wrong with n̂ among so many received estimates.
let tolerance (neighbours: int) (tolerated: int) : string option =
    if tolerated >= 0 then
        None
    else
        Some $"n̂ is {tolerated} among {neighbours} received estimates; it cannot be below 0"

/// What is wrong with κ.
let kappa (neighbours: int) (byzantine: int) (kappa: float) : string option =
    if kappa >= 0.0 then
        None
    else
        Some $"κ is {Value.Real kappa} for {byzantine} of {neighbours}; it cannot be below 0"

/// What is wrong with a rule before it is asked anything.
let rule (rule: Rule) : string option =
    if isMissing rule then
        Some "the rule is null"
    else
        let names = if isMissing rule.Stages then [] else rule.Stages

        first
            [ fun () ->
                  if isMissing rule.Update then
                      Some "Update is null"
                  else
                      None
              fun () ->
                  if isMissing rule.Reference then
                      Some "Reference is null"
                  else
                      None
              fun () ->
                  if isMissing rule.Tolerance then
                      Some "Tolerance is null"
                  else
                      None
              fun () -> if isMissing rule.Cost then Some "Cost is null" else None
              fun () ->
                  if isMissing rule.Claims then
                      Some "Claims is null"
                  else
                      None
              fun () ->
                  if isMissing rule.Stages then
                      Some "Stages is null"
                  else
                      None
              fun () ->
                  if names |> List.exists String.IsNullOrWhiteSpace then
                      Some "a stage has no name"
                  else
                      None
              fun () ->
                  names
                  |> List.countBy id
                  |> List.tryFind (fun (_, count) -> count > 1)
                  |> Option.map (fun (name, _) -> $"two stages have the name '{name}'")
              fun () ->
                  if rule.Claims |> List.exists isMissing then
                      Some "a claim is null"
                  else
                      None ]

/// What is wrong with a vector that a node sends.
let vector (state: OwnState) (vector: torch.Tensor) : string option =
    like "the vector" "the own estimate" state.Estimate.shape state.Estimate vector

/// What is wrong with what a node sends. A vector for each receiver is looked at when it is asked for.
let sent (state: OwnState) (sent: Sent) : string option =
    if isMissing sent then
        Some "the attack sends null; Sent.Nothing sends no message"
    else
        match sent with
        | Sent.Everyone vectorForAll -> vector state vectorForAll
        | Sent.Each toReceiver when isMissing toReceiver -> Some "the function of Sent.Each is null"
        | Sent.Each _
        | Sent.Nothing -> None

/// What is wrong with the label that an attack puts in the place of another.
let label (classes: int) (label: int) (changed: int) : string option =
    if changed >= 0 && changed < classes then
        None
    else
        Some $"the label {changed} in the place of {label} is none of the {classes} classes, 0 to {classes - 1}"

/// What is wrong with an attack before it is asked anything.
let behaviour (behaviour: Behaviour) : string option =
    if isMissing behaviour then
        Some "the attack is null"
    else
        first
            [ fun () ->
                  if isMissing behaviour.Strategy then
                      Some "Strategy is null"
                  else
                      None
              fun () ->
                  if isMissing behaviour.Label then
                      Some "Label is null"
                  else
                      None
              fun () ->
                  if isMissing behaviour.Objection then
                      Some "Objection is null"
                  else
                      None
              fun () ->
                  if isMissing behaviour.Feebleness then
                      Some "Feebleness is null"
                  else
                      None ]

/// What is wrong with a component's own texts and parameters.
let settings (component': Component<'value>) : string option =
    let ofParameter (parameter: Parameter) =
        if isMissing parameter || String.IsNullOrWhiteSpace parameter.Name then
            Some "a parameter has no name"
        elif isMissing parameter.Meaning || isMissing parameter.Kind || isMissing parameter.Default then
            Some $"the parameter '{parameter.Name}' lacks its meaning, its kind or its default (null)"
        elif
            parameter.Name
            |> Seq.exists (fun letter -> Char.IsWhiteSpace letter || ":,{}[]#\"'".Contains letter)
        then
            Some $"the parameter '{parameter.Name}': a name has no spaces, and none of : , {{ }} [ ] # \" '"
        elif isMissing (string parameter.Default) || (Kind.read parameter.Kind (string parameter.Default)).IsNone then
            Some
                $"the parameter '{parameter.Name}' has the default '{parameter.Default}': expected \
                  {Kind.describe parameter.Kind}"
        else
            None

    if isMissing component' then
        Some "it is null"
    else
        first
            [ fun () ->
                  if
                      List.exists
                          isMissing
                          [ component'.Name; component'.Summary; component'.Meaning; component'.Source ]
                  then
                      Some "its name or one of its texts is null"
                  else
                      None
              fun () ->
                  if
                      isMissing component'.Settings
                      || isMissing component'.Settings.Parameters
                      || isMissing component'.Settings.Read
                  then
                      Some "its settings are null"
                  else
                      List.tryPick ofParameter component'.Settings.Parameters
              fun () ->
                  component'.Settings.Parameters
                  |> List.countBy _.Name
                  |> List.tryFind (fun (_, count) -> count > 1)
                  |> Option.map (fun (name, _) -> $"two parameters have the name '{name}'") ]
