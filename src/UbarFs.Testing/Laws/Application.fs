/// What a rule makes of a neighbourhood, as plain numbers, and how they are compared.
module internal UbarFs.Testing.Application

open System
open TorchSharp
open UbarFs.Core

/// What a rule made of a neighbourhood.
type Outcome = { Estimate: float[]; Stages: (string * int[]) list }

let values (tensor: torch.Tensor) : float[] =
    if tensor.numel () = 0L then
        [||]
    else
        tensor.to_type(torch.float64).cpu().data<float>().ToArray()

let outcomeOf (aggregate: Aggregate) : Outcome =
    { Estimate = values aggregate.Estimate
      Stages = aggregate.Stages |> List.map (fun stage -> stage.Name, stage.Kept) }

/// What a rule makes of a view; what is not a result at all is told in the words of its contract.
let aggregate (rule: Rule) (view: View) : Aggregate =
    let aggregate = Rule.aggregate rule view

    match Contract.aggregate rule view aggregate with
    | Some problem when view.Received.shape[0] > 0L -> raise (NoResultException problem)
    | _ -> aggregate

let ofView rule (view: View) : Outcome =
    use scope = torch.NewDisposeScope()
    outcomeOf (aggregate rule view)

/// The rule's outcome in some floating-point type.
let inType (dtype: torch.ScalarType) rule view =
    use scope = torch.NewDisposeScope()
    ofView rule (Neighbourhood.toViewOf dtype view)

/// The rule's outcome in float64.
let outcome rule view = inType torch.float64 rule view

/// The rule's estimate in float64.
let estimate rule view = (outcome rule view).Estimate

let number = Written.number

/// `[1, 2.5]`
let written = Written.numbers

/// `0, 2`, or `none`.
let rows (rows: int[]) =
    match rows with
    | [||] -> "none"
    | rows -> rows |> Seq.map string |> String.concat ", "

/// The largest number that goes into a result: rounding errors are relative to it.
let largest (view: Neighbourhood) =
    Neighbourhood.estimates view
    |> Seq.concat
    |> Seq.filter Double.IsFinite
    |> Seq.fold (fun largest value -> max largest (abs value)) 0.0

/// Half the digits have to be right.
let tolerance view = sqrt (torch.finfo(torch.float64).eps) * largest view

let close margin (expected: float[]) (actual: float[]) =
    expected.Length = actual.Length
    && Array.forall2
        (fun (expected: float) actual -> expected.Equals actual || abs (expected - actual) <= margin)
        expected
        actual

/// Whether an estimate is what it should be, up to rounding of what went into it.
let agree view (expected: float[]) (actual: float[]) =
    if close (tolerance view) expected actual then
        Ok()
    else
        Error(Violation.create (written expected) (written actual))

/// Whether two outcomes are the same number by number and row by row.
let identical (one: Outcome) (other: Outcome) = one.Stages = other.Stages && close 0.0 one.Estimate other.Estimate

/// An outcome with what its stages kept.
let described (outcome: Outcome) =
    let stages =
        outcome.Stages |> List.map (fun (name, kept) -> $", {name} keeps {rows kept}") |> String.concat ""

    written outcome.Estimate + stages
