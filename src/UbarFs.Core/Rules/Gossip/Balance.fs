/// BALANCE: similar enough to the own estimate, and more and more so.
[<RequireQualifiedAccess>]
module UbarFs.Core.Balance

open System
open TorchSharp
open UbarFs.Kernels
open UbarFs.Kernels.Estimates

let private reference gamma kappa (view: View) =
    let length = Estimate.distances (torch.zeros_like view.Own) (view.Own.unsqueeze 0L) |> Array.head

    if Double.IsFinite length then
        let kept =
            Estimate.distances view.Own view.Received
            |> Similar.near (Similar.radius gamma kappa view.Progress length)

        Aggregate.ofSelection "similar" kept (Finite.meanOrOwn kept view)
    else
        Aggregate.ofSelection "similar" [||] (Finite.restart view)

let private network gamma kappa (view: NetworkView) =
    let rays = view.Own |> Array.map (fun own -> Ray(TrimmedMeans.Nobody, own, TrimmedMeans.Nobody))
    let lengths = view.Rows.Project(view.Pool, view.Own |> Array.map Array.singleton, rays).Squares

    let radii =
        lengths
        |> Array.map (fun squares -> squares |> Array.head |> sqrt |> Similar.radius gamma kappa view.Progress)

    use radii = Transfers.Send(torch.tensor radii, view.Pool.device)
    let isNear = (NetworkView.distances view).le(radii.unsqueeze 1L)
    let kept = isNear &&& NetworkView.finite view &&& (NetworkView.ownFinite view).unsqueeze 1L
    view |> Finite.meansOrOwn kept |> NetworkView.withStages [ kept ] view

let rule: Component<Rule> =
    settings {
        let! gamma =
            Setting.real "gamma" Interval.positive 0.3 "γ, how far a similar estimate may be, as a share of ‖x_i‖"

        and! kappa = Setting.real "kappa" Interval.nonNegative 1.0 "κ, how fast that shrinks over the run"
        and! alpha = Setting.ratio "alpha" 0.5 "α, the weight of the own estimate in the update"

        return
            Rule.aggregating alpha (reference gamma kappa)
            |> Rule.allAtOnce (network gamma kappa)
            |> Rule.selecting [ "similar" ]
            |> Rule.tolerating (fun _ neighbours -> neighbours)
            |> Rule.claiming
                [ Law.NeighbourOrder
                  Law.Scaling
                  Law.Rotation
                  Law.Mirroring
                  Law.CoordinateRange
                  Law.Containment
                  Law.Fixpoint
                  Law.MeanOfKept
                  Law.Precision ]
    }
    |> Define.Named "balance"
    |> Component.describedBy
        "averages those near the own estimate, for its length"
        "> kept: ‖x_i − x_j‖ ≤ γ·e^(−κ·t/T)·‖x_i‖\n\
         > R = the mean of the kept; x_i if there are none\n\n\
         t/T is the share of the run that is done. An estimate that is not finite is never kept. A node whose own \
         estimate is not finite restarts from the coordinate-wise median of the finite ones it received."
        "Fang et al., Byzantine-Robust Decentralized Federated Learning (BALANCE), CCS 2024"
