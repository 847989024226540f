/// SketchGuard: BALANCE's test on Count-Sketches of the estimates.
[<RequireQualifiedAccess>]
module UbarFs.Core.SketchGuard

open TorchSharp
open UbarFs.Kernels

/// The hash that all nodes share, as a table: a line for each bucket that something falls into holds its coordinates,
/// and their signs; behind its end the sign is 0.
type private Sketch = { Coordinates: torch.Tensor; Signs: torch.Tensor }

/// Each of d coordinates falls into one of so many buckets with a sign. The hash is the same in all runs and iterations:
/// nodes that cannot agree on one could not compare what they send.
let private hash buckets (dimension: int64) (device: torch.Device) : Sketch =
    let random = Random.shared 0L (Purpose.Aggregation "sketch-guard")
    let counts = Array.zeroCreate<int> buckets

    let falls =
        Array.init (int dimension) (fun _ ->
            let bucket = random.NextInt buckets
            counts[bucket] <- counts[bucket] + 1
            struct (bucket, (if random.NextUInt32() &&& 1u = 0u then 1.0 else -1.0)))

    let occupied = [| 0 .. buckets - 1 |] |> Array.filter (fun bucket -> counts[bucket] > 0)
    let lines = Array.zeroCreate<int> buckets
    occupied |> Array.iteri (fun line bucket -> lines[bucket] <- line)
    let coordinates = Array2D.zeroCreate<int64> occupied.Length (Array.max counts)
    let signs = Array2D.zeroCreate<float> occupied.Length (Array.max counts)
    let filled = Array.zeroCreate<int> buckets

    falls
    |> Array.iteri (fun coordinate (struct (bucket, sign)) ->
        let line, place = lines[bucket], filled[bucket]
        coordinates[line, place] <- int64 coordinate
        signs[line, place] <- sign
        filled[bucket] <- place + 1)

    { Coordinates = Transfers.Send(torch.tensor(coordinates).flatten(), device)
      Signs = Transfers.Send(torch.tensor signs, device) }

/// The sketch of an estimate `[d]`, in float64 and without the buckets that are empty.
let private sketched (sketch: Sketch) (estimate: torch.Tensor) : torch.Tensor =
    use scope = torch.NewDisposeScope()
    let values = estimate.index_select (0L, sketch.Coordinates)
    let terms = values.to_type(torch.float64).view(sketch.Signs.shape) * sketch.Signs
    (terms.sum 1L).MoveToOuterDisposeScope()

/// BALANCE's test on the sketches of the own and the received estimates.
let private similar gamma kappa progress (own: torch.Tensor) (received: torch.Tensor) : int[] =
    use origin = torch.zeros_like own
    use line = own.unsqueeze 0L
    let length = Estimate.distances origin line |> Array.head
    Estimate.distances own received |> Similar.near (Similar.radius gamma kappa progress length)

let private reference buckets gamma kappa (view: View) =
    use scope = torch.NewDisposeScope()

    if Estimate.isFinite view.Own then
        let sketch = hash buckets view.Own.shape[0] view.Own.device
        let received = Finite.rows view.Received

        let sketches =
            Array.append [| view.Own |] (received |> Array.map (fun row -> view.Received[int64 row]))
            |> Array.map (sketched sketch)

        let kept =
            if Array.isEmpty received then
                [||]
            else
                similar gamma kappa view.Progress sketches[0] (torch.stack (Array.tail sketches))
                |> Array.map (fun place -> received[place])

        Aggregate.ofSelection "similar" kept ((Finite.meanOrOwn kept view).MoveToOuterDisposeScope())
    else
        Aggregate.ofSelection "similar" [||] ((Finite.restart view).MoveToOuterDisposeScope())

let private network buckets gamma kappa (view: NetworkView) =
    use scope = torch.NewDisposeScope()
    let finite = NetworkView.finiteRows view
    let sketch = hash buckets view.Pool.shape[1] view.Pool.device

    // One read: sketches are short, and who is similar is found on the host.
    let sketches =
        Array.init (NetworkView.rows view) (fun row -> sketched sketch view.Pool[int64 row])
        |> torch.stack
        |> _.cpu()

    let keptBy own (received: int[]) =
        let places = [| 0 .. received.Length - 1 |] |> Array.filter (fun place -> finite[received[place]])

        if finite[own] && places.Length > 0 then
            let rows = places |> Array.map (fun place -> received[place])

            similar gamma kappa view.Progress sketches[int64 own] (Estimate.rows rows sketches)
            |> Array.map (fun place -> places[place])
        else
            [||]

    let kept = NetworkView.selectionOf (Array.map2 keptBy view.Own view.Received.Lists) view

    view
    |> Finite.meansOrOwn kept
    |> _.MoveToOuterDisposeScope()
    |> NetworkView.withStages [ kept.MoveToOuterDisposeScope() ] view

let rule: Component<Rule> =
    settings {
        let! buckets = Setting.whole "sketch" 1 1_000_000 1000 "k, the numbers of a sketch"

        and! gamma =
            Setting.real "gamma" Interval.positive 0.3 "γ, how far a similar sketch may be, as a share of ‖S(x_i)‖"

        and! kappa = Setting.real "kappa" Interval.nonNegative 1.0 "κ, how fast that shrinks over the run"
        and! alpha = Setting.ratio "alpha" 0.5 "α, the weight of the own estimate in the update"

        return
            Rule.aggregating alpha (reference buckets gamma kappa)
            |> Rule.allAtOnce (network buckets gamma kappa)
            |> Rule.selecting [ "similar" ]
            |> Rule.tolerating (fun _ neighbours -> neighbours)
            |> Rule.claiming
                [ Law.NeighbourOrder
                  Law.Scaling
                  Law.Mirroring
                  Law.CoordinateRange
                  Law.Containment
                  Law.Fixpoint
                  Law.MeanOfKept
                  Law.Precision ]
    }
    |> Define.Named "sketch-guard"
    |> Component.describedBy
        "balance, by short sketches in place of the estimates"
        "> S(x)[b] = Σ_c s(c)·x[c] over the coordinates c with h(c) = b\n\
         > kept: ‖S(x_i) − S(x_j)‖ ≤ γ·e^(−κ·t/T)·‖S(x_i)‖\n\
         > R = the mean of the kept x_j; x_i if there are none\n\n\
         S is a Count-Sketch: h puts each coordinate into one of k buckets, s gives it a sign. Both are drawn once for all: \
         they are the same at all nodes, in all iterations and in all runs, whatever the seed. t/T is the share of the run \
         that is done. An estimate that is not finite is never kept. A node whose own estimate is not finite restarts from \
         the coordinate-wise median of the finite ones it received.\n\n\
         Adapted: in the source neighbours send their sketches first, and a sketch that does not fit the estimate sent \
         after it is a reason to drop it; here sketches are always those of what was sent."
        "Rangwala et al., SketchGuard: Scaling Byzantine-Robust Decentralized Federated Learning via Sketch-Based \
         Screening, 2025 (arXiv:2510.07922)"
