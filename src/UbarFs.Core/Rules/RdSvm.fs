/// RD-SVM: screening by the loss on the node's own data.
[<RequireQualifiedAccess>]
module UbarFs.Core.RdSvm

// Losses are judged on the node's own data, so all but one neighbour may be liars.
let private screenedBy rho = BenignRatio.byzantine rho 1.0 (fun neighbours -> neighbours - 1)

/// R = the mean of the |N_i| − n̂ received estimates with the smallest losses l(x_j, ξ_i).
let private reference rho (view: View) =
    let neighbours = int view.Received.shape[0]
    let finite = Finite.rows view.Received
    let scores = view.Losses finite |> Array.map (~-)
    let kept = Finite.best (neighbours - screenedBy rho view.BenignRatio neighbours) finite scores
    Aggregate.ofSelection "loss" kept (Finite.meanOrOwn kept view)

let private network rho (view: NetworkView) =
    let counts = NetworkView.counts view

    let sizes =
        counts |> Array.map (fun neighbours -> neighbours - screenedBy rho view.BenignRatio neighbours)

    let losses = view.Losses counts (NetworkView.finite view)
    let kept = Selection.largest sizes (losses.neg ()) (NetworkView.all view)
    view |> Finite.meansOrOwn kept |> NetworkView.withStages [ kept ] view

let rule: Component<Rule> =
    settings {
        let! rho = BenignRatio.setting
        and! alpha = Setting.ratio "alpha" 0.5 "α, the weight of the own estimate in the update"

        return
            Rule.aggregating alpha (reference rho)
            |> Rule.allAtOnce (network rho)
            |> Rule.selecting [ "loss" ]
            |> Rule.costing Cost.LinearWithLosses
            |> Rule.tolerating (screenedBy rho)
            |> Rule.claiming
                [ Law.NeighbourOrder
                  Law.Translation
                  Law.Scaling
                  Law.CoordinateRange
                  Law.Containment
                  Law.Fixpoint
                  Law.Rotation
                  Law.Mirroring
                  Law.OwnApart
                  Law.MeanOfKept
                  Law.Precision ]
    }
    |> Define.Named "rd-svm"
    |> Component.describedBy
        "drops the largest losses on the own data; for linear models"
        "> R = the mean of the |N_i| − n̂ estimates with the smallest l(x_j, ξ_i)\n\
         > n̂ = min(⌈|N_i|(1−ρ)⌉, |N_i| − 1)\n\n\
         Ties go to the lowest index. An estimate that is not finite, or whose loss is not, is never kept; if none \
         is left, R = x_i. This is RD-SVM's screening as the UBAR paper describes it: it compares the losses of the \
         neighbours' estimates, adopts the hinge loss and involves all data samples in each iteration. For that \
         setting take the model `softmax` (a linear one), the training loss `hinge` and a batch as large as a \
         node's share.\n\n\
         Adapted: the source's iteration is made for support vector machines; here the screened mean enters the \
         general update function with a subgradient step, so that any model and loss can be trained."
        "Yang and Bajwa, RD-SVM, IEEE ICASSP 2016"
