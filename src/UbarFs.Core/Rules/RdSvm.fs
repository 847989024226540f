/// RD-SVM: screening by the loss on the node's own data.
[<RequireQualifiedAccess>]
module UbarFs.Core.RdSvm

// Losses are judged on the node's own data, so all but one neighbour may be liars.
let private cap neighbours = neighbours - 1

/// R = the mean of the |N_i| − n̂ received estimates with the smallest losses l(x_j, ξ_i).
let private reference liars (view: View) =
    let neighbours = int view.Received.shape[0]
    let finite = Finite.rows view.Received
    let scores = view.Losses finite |> Array.map (~-)
    let kept = Finite.best (neighbours - Liars.ofView liars view) finite scores
    Aggregate.ofSelection "loss" kept (Finite.meanOrOwn kept view)

let private network liars (view: NetworkView) =
    let counts = NetworkView.counts view

    let sizes = Array.map2 (-) counts (Liars.ofNetwork liars view)

    let losses = NetworkView.losses counts (NetworkView.finite view) view
    let kept = Selection.largest sizes (losses.neg ()) (NetworkView.all view)
    view |> Finite.meansOrOwn kept |> NetworkView.withStages [ kept ] view

let rule: Component<Rule> =
    settings {
        let! liars = Liars.setting cap 1.0
        and! alpha = Setting.ratio "alpha" 0.5 "α, the weight of the own estimate in the update"

        return
            Rule.aggregating alpha (reference liars)
            |> Rule.allAtOnce (network liars)
            |> Rule.selecting [ "loss" ]
            |> Rule.costing Cost.LinearWithLosses
            |> Liars.toleratedBy liars
            |> Rule.claiming (Law.OwnApart :: Law.MeanOfKept :: Law.Precision :: Law.ofWeightedMean)
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
