/// Zeno: how much descent on the node's own data does each neighbour offer?
[<RequireQualifiedAccess>]
module UbarFs.Core.Zeno

open System
open TorchSharp
open UbarFs.Kernels

let private cap neighbours = neighbours - 1

/// The source's stochastic descendant score: l(x_i) − l(x_j) − penalty·‖x_j − x_i‖².
let score penalty ownLoss loss distance = ownLoss - loss - penalty * distance * distance

// The authors' program divides the squared length by d.
let private perCoordinate normalise (penalty: float) (dimension: int64) =
    if normalise then
        penalty / float (max 1L dimension)
    else
        penalty

let private reference liars normalise penalty (view: View) =
    let penalty = perCoordinate normalise penalty view.Own.shape[0]
    let neighbours = int view.Received.shape[0]
    let finite = Finite.rows view.Received
    let losses = view.Losses finite

    let scores =
        if Estimate.isFinite view.Own then
            // The own loss only shifts all scores: one that is not finite must not void them.
            let ownLoss = if Double.IsFinite view.OwnLoss then view.OwnLoss else 0.0
            use received = Estimate.rows finite view.Received
            Array.map2 (score penalty ownLoss) losses (Estimate.distances view.Own received)
        else
            // A lost node is equally far from everyone, so the loss alone ranks.
            Array.map (~-) losses

    let kept = Finite.best (neighbours - Liars.ofView liars view) finite scores
    Aggregate.ofSelection "score" kept (Finite.meanOrOwn kept view)

let private network liars normalise (penalty: float) (view: NetworkView) =
    let penalty = perCoordinate normalise penalty view.Pool.shape[1]
    let counts = NetworkView.counts view

    let sizes = Array.map2 (-) counts (Liars.ofNetwork liars view)

    let losses = NetworkView.losses counts (NetworkView.finite view) view
    let hasLoss = Numbers.IsFinite view.OwnLosses

    let ownLosses =
        Native.number 0.0 (fun none -> view.OwnLosses.masked_fill (hasLoss.bitwise_not (), none))

    let distances = NetworkView.distances view
    let descents = ownLosses.unsqueeze(1L).subtract losses
    let scores = descents.subtract ((Native.scaled penalty distances).mul distances)
    let scores = torch.where ((NetworkView.ownFinite view).unsqueeze 1L, scores, losses.neg ())
    let kept = Selection.largest sizes scores (NetworkView.all view)
    view |> Finite.meansOrOwn kept |> NetworkView.withStages [ kept ] view

let zeno: Component<Rule> =
    settings {
        let! liars = Liars.setting cap 1.0
        and! alpha = Setting.ratio "alpha" 0.5 "α, the weight of the own estimate in the update"

        and! penalty =
            Setting.real
                "penalty"
                Interval.nonNegative
                0.05
                "the weight of the squared distance. The source's 0.0005 for gradients is this for estimates, which a \
                 step of its rate 0.1 moves by a tenth: 0.0005/0.1²"

        and! normalise =
            Setting.truth
                "normalise"
                false
                "whether ‖x_j − x_i‖² is divided by d, as in the authors' program but not in the paper"

        return
            Rule.aggregating alpha (reference liars normalise penalty)
            |> Rule.allAtOnce (network liars normalise penalty)
            |> Rule.selecting [ "score" ]
            |> Rule.costing Cost.LinearWithLosses
            |> Liars.toleratedBy liars
            |> Rule.measuringFromOwn
            |> Rule.claiming
                [ Law.NeighbourOrder
                  Law.Translation
                  Law.CoordinateRange
                  Law.Containment
                  Law.Fixpoint
                  Law.Rotation
                  Law.Mirroring
                  Law.MeanOfKept
                  Law.Precision ]
    }
    |> Define.Named "zeno"
    |> Component.describedBy
        "keeps those that promise most descent for their distance"
        "> score(j) = l(x_i, ξ_i) − l(x_j, ξ_i) − penalty·‖x_j − x_i‖²\n\
         > R = the mean of the |N_i| − n̂ estimates with the highest scores\n\
         > n̂ = min(⌈|N_i|(1−ρ)⌉, |N_i| − 1)\n\n\
         Ties go to the lowest index.\n\n\
         Under `protocol: server` with `root` images it is the source's score l(x) − l(x − λu) − penalty·‖u‖² of a \
         direction u, whose penalty is 0.0005.\n\n\
         Adapted: the source scores gradients u on the server's validation batch, by l(x) − l(x − γu) − ρ‖u‖²; elsewhere \
         x_j stands for x − γu and the node's own batch for the validation data. An estimate that is not finite, or \
         whose loss is not, is never kept; if none is left, R = x_i."
        "Xie, Koyejo and Gupta, Zeno, ICML 2019"
