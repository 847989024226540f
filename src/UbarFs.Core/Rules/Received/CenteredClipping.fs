/// Centered clipping: every message moves the last result by no more than a radius.
[<RequireQualifiedAccess>]
module UbarFs.Core.CenteredClipping

open System
open TorchSharp
open UbarFs.Kernels
open UbarFs.Kernels.Estimates

let private memoryKey = "centre"

/// How much of x_j − v is left when it is cut to the radius.
let private factor radius distance = if distance > radius then radius / distance else 1.0

/// v + (1/m) Σ_j clip(x_j − v, τ), in float64. What is not finite moves nothing, and counts.
let private step radius neighbours (rows: torch.Tensor) (centre: torch.Tensor) : torch.Tensor =
    let factors = Estimate.distances centre rows |> Array.map (factor radius)

    let weights =
        torch.tensor (factors |> Array.map (fun factor -> factor / float (neighbours: int)), device = rows.device)

    Native.sum centre ((rows - centre).t().mv weights)

let private reference radius iterations (view: View) =
    use scope = torch.NewDisposeScope()
    let neighbours = int view.Received.shape[0]
    let rows = (Estimate.rows (Finite.rows view.Received) view.Received).to_type torch.float64

    let start =
        match Map.tryFind memoryKey view.Memory with
        | Some centre -> centre
        | None -> Finite.own view

    let centre =
        Seq.fold (fun centre _ -> step radius neighbours rows centre) (start.to_type torch.float64) [ 1..iterations ]

    let estimate = centre.to_type view.Own.dtype

    // A centre that is lost would stay so for ever.
    let memory =
        if Estimate.isFinite estimate then
            Map.ofList [ memoryKey, estimate.clone().MoveToOuterDisposeScope() ]
        else
            Map.empty

    { Aggregate.ofEstimate (estimate.MoveToOuterDisposeScope()) with
        Memory = memory }

let private network radius iterations (view: NetworkView) =
    use scope = torch.NewDisposeScope()
    let finite, p, n = NetworkView.finiteRows view, NetworkView.rows view, NetworkView.nodes view
    let heard = view.Received.Lists |> Array.map (Array.filter (fun row -> finite[row]))
    let counts = NetworkView.counts view
    let own = Estimate.rows view.Own view.Pool
    let remembered = view.Memories |> Array.map (Map.tryFind memoryKey)
    let isLost node = remembered[node].IsNone && not finite[view.Own[node]]
    Finite.restarted ([| 0 .. n - 1 |] |> Array.filter isLost) finite view own

    let first =
        remembered
        |> Array.mapi (fun node centre -> centre |> Option.defaultWith (fun () -> own[int64 node]))
        |> torch.stack

    // The centres are rows behind those of the pool.
    let pool = torch.cat ([| view.Pool; first |], 0L)
    let places = pool.narrow (0L, int64 p, int64 n)
    let pairs = RowPairs.Between(p + n, Array.init n (fun node -> p + node), heard)
    let lists = heard |> Array.mapi (fun node rows -> Array.append [| p + node |] rows)

    let step (centres: torch.Tensor) =
        places.copy_ centres |> ignore
        let squares = view.Rows.Squares(pool, pairs)

        let weights =
            heard
            |> Array.mapi (fun node rows ->
                let part row = factor radius (sqrt squares[p + node, row]) / float (max 1 counts[node])
                let weights = Array.map part rows
                Array.append [| 1.0 - Array.sum weights |] weights)

        view.Rows.WeightedSums(pool, lists, weights)

    let estimates = Seq.fold (fun centres _ -> step centres) first [ 1..iterations ]

    let isFinite = Transfers.Read<bool>(view.Rows.FiniteRows estimates)

    let remember node =
        if isFinite[node] then
            Map.ofList [ memoryKey, estimates[int64 node].clone().MoveToOuterDisposeScope() ]
        else
            Map.empty

    { Estimates = estimates.MoveToOuterDisposeScope()
      Kept = []
      Memories = Array.init n remember }

let rule: Component<Rule> =
    settings {
        let! radius = Setting.real "radius" Interval.positive 1.0 "τ, the most that a message moves the result"
        and! iterations = Setting.whole "iterations" 1 10_000 1 "steps in an iteration"
        and! alpha = Setting.ratio "alpha" 0.5 "α, the weight of the own estimate in the update"

        return
            Rule.aggregating alpha (reference radius iterations)
            |> Rule.allAtOnce (network radius iterations)
            |> Rule.tolerating (fun _ neighbours -> neighbours)
            |> Rule.measuringFromOwn
            |> Rule.claiming
                [ Law.NeighbourOrder
                  Law.Translation
                  Law.Rotation
                  Law.Mirroring
                  Law.CoordinateRange
                  Law.Containment
                  Law.Fixpoint
                  Law.Precision ]
    }
    |> Define.Named "centered-clipping"
    |> Component.describedBy
        "moves the last result by a clipped part of each message"
        "> v ← v + (1/|N_i|) Σ_j min(1, τ/‖x_j − v‖)(x_j − v)\n\
         > R = v\n\n\
         v begins as what the rule gave in the iteration before, in the first one as x_i. An estimate that is not finite \
         moves nothing. A node whose own estimate is not finite in the first iteration starts from the coordinate-wise \
         median of the finite ones it received."
        "Karimireddy, He and Jaggi, Learning from History, ICML 2021"
