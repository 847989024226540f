/// Classes for C#'s interfaces that break their contract, each in its own way. They are in this assembly, and loaded out
/// of it.
namespace UbarFs.Tests.Misbehaving

open System
open System.Collections.Generic
open System.ComponentModel
open TorchSharp
open UbarFs.Api

/// A rule that answers everything as the interface does.
[<AbstractClass>]
type Answering() =
    abstract Aggregate: NodeView -> Aggregation
    default _.Aggregate view = Aggregation(view.Received.mean [| 0L |])
    abstract Tolerance: int -> int
    default _.Tolerance _ = 0
    abstract Alpha: int -> float
    default _.Alpha _ = 0.5
    abstract Stages: IReadOnlyList<string>
    default _.Stages = [||] :> IReadOnlyList<string>
    abstract Claims: IReadOnlyList<Claim>
    default _.Claims = [||] :> IReadOnlyList<Claim>
    abstract Growth: Growth
    default _.Growth = Growth.Linear

    interface IAggregationRule with
        member rule.Aggregate view = rule.Aggregate view
        member rule.Tolerance(_, neighbours) = rule.Tolerance neighbours
        member rule.Alpha neighbours = rule.Alpha neighbours
        member rule.Stages = rule.Stages
        member rule.Claims = rule.Claims
        member rule.Growth = rule.Growth

type GivesReceived() =
    inherit Answering()
    override _.Aggregate view = Aggregation view.Received

type GivesNull() =
    inherit Answering()
    override _.Aggregate _ = Unchecked.defaultof<Aggregation>

type GivesNullEstimate() =
    inherit Answering()
    override _.Aggregate _ = Aggregation Unchecked.defaultof<torch.Tensor>

type NullStagesTold() =
    inherit Answering()

    override _.Aggregate view = Aggregation(view.Own, Stages = Unchecked.defaultof<IReadOnlyList<Selection>>)

type NullStageTold() =
    inherit Answering()

    override _.Aggregate view = Aggregation(view.Own, Stages = [| Unchecked.defaultof<Selection> |])

type NullMemory() =
    inherit Answering()

    override _.Aggregate view =
        Aggregation(view.Own, Memory = Unchecked.defaultof<IReadOnlyDictionary<string, torch.Tensor>>)

type Throws() =
    inherit Answering()
    override _.Aggregate _ = raise (NotSupportedException "no luck")

type ToleranceThrows() =
    inherit Answering()
    override _.Tolerance _ = raise (NotSupportedException "no luck")

type AlphaOfTwo() =
    inherit Answering()
    override _.Alpha _ = 2.0

type NullStages() =
    inherit Answering()
    override _.Stages = Unchecked.defaultof<IReadOnlyList<string>>

type NullClaims() =
    inherit Answering()
    override _.Claims = Unchecked.defaultof<IReadOnlyList<Claim>>

type UnknownClaim() =
    inherit Answering()
    override _.Claims = [| enum<Claim> 99 |]

type UnknownGrowth() =
    inherit Answering()
    override _.Growth = enum<Growth> 99

type ConstructorThrows() =
    inherit Answering()
    do raise (NotSupportedException "no luck")

type GetterThrows() =
    inherit Answering()

    member _.Radius
        with get (): float = raise (NotSupportedException "no luck")
        and set (_: float) = ()

type SetterThrows() =
    inherit Answering()

    member _.Radius
        with get () = 1.0
        and set (_: float) = raise (NotSupportedException "no luck")

type Undescribed() =
    inherit DescriptionAttribute(Unchecked.defaultof<string>)

[<Undescribed>]
type NullDescription() =
    inherit Answering()

[<AbstractClass>]
type Sending() =
    abstract Send: AttackerView -> Message
    default _.Send view = Message.ToAll view.Estimate
    abstract Label: int -> int
    default _.Label label = label
    abstract Remember: AttackerView -> IReadOnlyDictionary<string, torch.Tensor>
    default _.Remember _ = Dictionary<string, torch.Tensor>()

    interface IAttack with
        member attack.Send view = attack.Send view
        member attack.Label(_, label) = attack.Label label
        member attack.Remember view = attack.Remember view

type SendsNull() =
    inherit Sending()
    override _.Send _ = Unchecked.defaultof<Message>

type SendsNumber() =
    inherit Sending()
    override _.Send view = Message.ToAll(view.Estimate.sum ())

type SendsNumberToEach() =
    inherit Sending()
    override _.Send view = Message.ToEach(fun _ -> view.Estimate.sum ())

type LabelBelowZero() =
    inherit Sending()
    override _.Label _ = -1

type RemembersNull() =
    inherit Sending()
    override _.Remember _ = Unchecked.defaultof<IReadOnlyDictionary<string, torch.Tensor>>

type From() =
    inherit Sending()
    member val From = 3 with get, set
