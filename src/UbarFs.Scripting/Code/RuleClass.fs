/// Rules and attacks as objects of classes that implement the interfaces for C#.
[<RequireQualifiedAccess>]
module internal UbarFs.Scripting.RuleClass

open System
open System.Collections.Generic
open TorchSharp
open UbarFs.Api
open UbarFs.Core

/// What is null stays null: whoever asks the rule says so.
let private orNull (convert: 'given -> 'made) (given: 'given) : 'made =
    if isNull (box given) then
        Unchecked.defaultof<'made>
    else
        convert given

let private memoryOf (tensors: IReadOnlyDictionary<string, torch.Tensor>) : Memory =
    tensors |> orNull (Seq.map (|KeyValue|) >> Map.ofSeq)

let private claim claim =
    match claim with
    | Claim.NeighbourOrder -> Law.NeighbourOrder
    | Claim.Translation -> Law.Translation
    | Claim.Scaling -> Law.Scaling
    | Claim.CoordinateRange -> Law.CoordinateRange
    | Claim.Containment -> Law.Containment
    | Claim.Fixpoint -> Law.Fixpoint
    | Claim.Rotation -> Law.Rotation
    | Claim.Mirroring -> Law.Mirroring
    | Claim.OwnApart -> Law.OwnApart
    | Claim.Weightless -> Law.Weightless
    | Claim.MeanOfKept -> Law.MeanOfKept
    | Claim.Precision -> Law.Precision
    | other -> invalidOp $"there is no claim {int other}"

let private cost growth =
    match growth with
    | Growth.Quadratic -> Cost.Quadratic
    | Growth.LinearWithLosses -> Cost.LinearWithLosses
    | Growth.Linear -> Cost.Linear
    | other -> invalidOp $"there is no growth {int other}"

let private kindOf (messages: UbarFs.Core.MessageKind) : UbarFs.Api.MessageKind =
    match messages with
    | UbarFs.Core.MessageKind.Estimates -> UbarFs.Api.MessageKind.Estimates
    | UbarFs.Core.MessageKind.HalfSteps -> UbarFs.Api.MessageKind.HalfSteps
    | UbarFs.Core.MessageKind.Directions -> UbarFs.Api.MessageKind.Directions

let private nodeView (view: View) =
    NodeView(
        Node = view.Node,
        Own = view.Own,
        Received = view.Received,
        Senders = view.Senders,
        Messages = kindOf view.Messages,
        Weights = view.Weights,
        OwnWeight = view.OwnWeight,
        Neighbours = view.Neighbours,
        Byzantine = view.Byzantine,
        OwnLoss = view.OwnLoss,
        LossesOf = (fun rows -> view.Losses(Array.ofSeq rows) :> IReadOnlyList<float>),
        LossesAt = (fun estimates -> view.LossesOf estimates :> IReadOnlyList<float>),
        Gradient = view.Gradient,
        Rate = view.Rate,
        Iteration = view.Iteration,
        Progress = view.Progress,
        BenignRatio = view.BenignRatio,
        Random = view.Random,
        Memory = view.Memory
    )

let private aggregate (rule: IAggregationRule) (view: View) : Aggregate =
    let aggregation = rule.Aggregate(nodeView view)

    let stage (stage: Selection) : Stage =
        stage |> orNull (fun stage -> { Name = stage.Name; Kept = stage.Kept |> orNull Array.ofSeq })

    aggregation
    |> orNull (fun aggregation ->
        { Estimate = aggregation.Estimate
          Stages = aggregation.Stages |> orNull (Seq.map stage >> List.ofSeq)
          Memory = memoryOf aggregation.Memory })

/// The rule that an object is.
let rule (implementation: IAggregationRule) : Rule =
    let update =
        if implementation.ReplacesUpdate then
            Update.Replaced
        else
            Update.Guf implementation.Alpha

    { Rule.aggregating 0.0 (aggregate implementation) with Update = update }
    |> Rule.selecting (implementation.Stages |> orNull List.ofSeq)
    |> Rule.costing (cost implementation.Growth)
    |> Rule.tolerating (fun benignRatio neighbours -> implementation.Tolerance(benignRatio, neighbours))
    |> Rule.claiming (implementation.Claims |> orNull (Seq.map claim >> List.ofSeq))

let private prepared (stage: IPipelineStage) (view: View) : Prepared =
    let origin (origin: UbarFs.Api.Provenance) : UbarFs.Core.Provenance =
        { StandsFor = origin.StandsFor |> orNull Array.ofSeq
          MadeOf = origin.MadeOf |> orNull Array.ofSeq }

    stage.Prepare(nodeView view)
    |> orNull (fun preparation ->
        match preparation.Origins with
        | null when isNull (box preparation.Estimates) -> { Estimates = preparation.Estimates; Origins = [||] }
        | null -> Prepared.oneByOne preparation.Estimates
        | origins ->
            { Estimates = preparation.Estimates
              Origins = origins |> Seq.map (orNull origin) |> Array.ofSeq })

/// The stage that an object is.
let stage (implementation: IPipelineStage) : PipelineStage =
    { PipelineStage.preparing (prepared implementation) with
        JoinsOwn = implementation.JoinsOwn
        MergesSenders = implementation.MergesSenders
        Count = implementation.Count
        Tolerance = fun benignRatio neighbours -> implementation.Tolerance(benignRatio, neighbours)
        Cost = cost implementation.Growth
        Claims = implementation.Claims |> orNull (Seq.map claim >> List.ofSeq) }

let private attackerView (knowledge: Omniscience) (state: OwnState) =
    let neighbours = knowledge.Network.Neighbours[state.Node]
    let weight = Omniscience.weight knowledge

    AttackerView(
        Node = state.Node,
        Iteration = state.Iteration,
        Estimate = state.Estimate,
        Messages = kindOf state.Messages,
        Gradient = state.Gradient,
        Rate = state.Rate,
        BenignRatio = knowledge.BenignRatio,
        Random = state.Random,
        AllEstimates = knowledge.Estimates,
        AllGradients = knowledge.Gradients,
        Benign = Network.benign knowledge.Network,
        Neighbours = neighbours,
        Weights = (neighbours |> Array.map (fun receiver -> weight receiver state.Node)),
        Memory = state.Memory
    )

let private sent (message: Message) : Sent =
    if isNull (box message) then
        invalidOp "the attack returns no message; Message.Nothing sends none"

    match Option.ofObj message.Vector, Option.ofObj message.VectorFor with
    | Some vector, _ -> Sent.Everyone vector
    | None, Some vectorFor -> Sent.Each vectorFor.Invoke
    | None, None -> Sent.Nothing

/// The behaviour of nodes that follow the attack which an object is.
let behaviour (implementation: IAttack) : Behaviour =
    let adversary: Adversary<Omniscience> =
        { Send = fun knowledge state -> sent (implementation.Send(attackerView knowledge state))
          Remember = fun knowledge state -> memoryOf (implementation.Remember(attackerView knowledge state)) }

    { Attack.by (Strategy.Omniscient adversary) with
        Label = fun classes label -> implementation.Label(classes, label) }
