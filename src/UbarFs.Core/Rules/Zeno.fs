/// Zeno and Zeno++: how much descent on the node's own data does each neighbour offer?
[<RequireQualifiedAccess>]
module UbarFs.Core.Zeno

open System
open TorchSharp
open UbarFs.Kernels
open UbarFs.Kernels.Estimates

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
            |> Rule.tolerating (Liars.tolerance liars)
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
         Adapted: the source scores gradients u on the server's validation batch, by l(x) − l(x − γu) − ρ‖u‖²; here \
         x_j stands for x − γu and the node's own batch for the validation data. An estimate that is not finite, or \
         whose loss is not, is never kept; if none is left, R = x_i."
        "Xie, Koyejo and Gupta, Zeno, ICML 2019"

let private memoryKey = "validation gradient"

// v: the gradient of the last iteration that is a multiple of the period, or the first finite one.
let private validationGradient period (view: View) =
    let remembered = Map.tryFind memoryKey view.Memory

    if remembered.IsSome && view.Iteration % int64 (period: int) <> 0L then
        remembered
    elif Estimate.isFinite view.Gradient then
        Some(view.Gradient.clone ())
    else
        remembered

/// The candidate gradients g_j of some neighbours, `[m, d]` in float64: x_i − x_j, brought to the length of v, or else
/// divided by λ, so that a step x_i − λg_j leads to x_j.
let private candidates rescale (view: View) (v: torch.Tensor) finite =
    let received = Estimate.rows finite view.Received
    let updates = view.Own.to_type torch.float64 - received.to_type torch.float64

    let factor =
        if rescale then
            let length = Transfers.Read<float>(v.norm ())[0]
            // An update of no length is one of length 0 in every scale.
            fun distance -> if distance > 0.0 then length / distance else 0.0
        else
            fun _ -> 1.0 / view.Rate

    let factors = Estimate.distances view.Own received |> Array.map factor
    updates * torch.tensor(factors, device = updates.device).unsqueeze 1L

/// Keeps the neighbours with γ⟨v, g_j⟩ − ρ‖g_j‖² ≥ −γε, the source's first-order score, where
/// γ = λ(k); R = x_i − γ·mean g_j, what their steps lead to on average.
let private accept penalty epsilon rescale (view: View) (v: torch.Tensor) =
    use scope = torch.NewDisposeScope()
    let finite = Finite.rows view.Received
    let v = v.to_type torch.float64
    let gradients = candidates rescale view v finite

    let gain =
        Native.scaled view.Rate (gradients.mv v) - Native.scaled penalty ((Native.square gradients).sum 1L)

    let accepted =
        Transfers.Read<float> gain
        |> Array.indexed
        |> Array.filter (fun (_, gain) -> gain >= -view.Rate * epsilon)
        |> Array.map fst

    let estimate =
        if Array.isEmpty accepted then
            view.Own.clone ()
        else
            let step = Estimate.meanOf accepted gradients |> Native.scaled view.Rate
            (view.Own.to_type torch.float64 - step).to_type view.Own.dtype

    let kept = accepted |> Array.map (fun index -> finite[index])
    Aggregate.ofSelection "score" kept (estimate.MoveToOuterDisposeScope())

let private asynchronousReference penalty epsilon period rescale (view: View) =
    if Estimate.isFinite view.Own then
        match validationGradient period view with
        | Some v ->
            { accept penalty epsilon rescale view v with
                Memory = Map.ofList [ memoryKey, v ] }
        | None -> Aggregate.ofSelection "score" [||] (view.Own.clone ())
    else
        { Aggregate.ofSelection "score" [||] (Finite.restart view) with
            Memory = view.Memory }

// What scales x_i − x_j to the candidate gradient g_j, given the length of v.
let private scaleOf rescale rate length distance =
    if not rescale then 1.0 / rate
    // An update of no length is one of length 0 in every scale.
    elif distance > 0.0 then length / distance
    else 0.0

/// The validation gradients of all nodes as rows behind those of the pool, their lengths, and who has one.
let private validationRows period (finite: bool[]) (view: NetworkView) =
    let gradients = NetworkView.gradients view
    let isUsable = Transfers.Read<bool>(view.Rows.FiniteRows gradients)

    let remembered =
        Array.init (NetworkView.nodes view) (fun node ->
            let remembered = Map.tryFind memoryKey view.Memories[node]

            if not finite[view.Own[node]] then
                None
            elif remembered.IsSome && view.Iteration % int64 (period: int) <> 0L then
                remembered
            elif isUsable[node] then
                Some gradients[int64 node]
            else
                remembered)

    let none = torch.zeros_like view.Pool[0L]
    let rows = remembered |> Array.map (Option.defaultValue none) |> torch.stack
    remembered, torch.cat ([| view.Pool; rows |], 0L)

let private asynchronousNetwork penalty epsilon period rescale (view: NetworkView) =
    use scope = torch.NewDisposeScope()
    let finite, p = NetworkView.finiteRows view, NetworkView.rows view
    let gradients, pool = validationRows period finite view

    let places =
        view.Received.Lists
        |> Array.mapi (fun node received ->
            if gradients[node].IsSome then
                [| 0 .. received.Length - 1 |] |> Array.filter (fun place -> finite[received[place]])
            else
                [||])

    let lists = NetworkView.atPlaces places view
    let rays = view.Own |> Array.mapi (fun node own -> Ray(own, p + node, TrimmedMeans.Nobody))
    let seen = view.Rows.Project(pool, lists, rays)
    let ends = rays |> Array.map (fun ray -> Ray(TrimmedMeans.Nobody, ray.Tip, TrimmedMeans.Nobody))
    let lengths = view.Rows.Project(pool, rays |> Array.map (fun ray -> [| ray.Tip |]), ends)

    let judged node =
        let length = lengths.Squares[node] |> Array.head |> sqrt

        Array.map3
            (fun place product square ->
                let distance = sqrt square
                let scale = scaleOf rescale view.Rate length distance
                let gain = -view.Rate * scale * product - penalty * (scale * distance) ** 2.0
                place, view.Rate * scale, gain >= -view.Rate * epsilon)
            places[node]
            seen.Products[node]
            seen.Squares[node]
        |> Array.filter (fun (_, _, isAccepted) -> isAccepted)

    let accepted = Array.init (NetworkView.nodes view) judged
    let kept = accepted |> Array.map (Array.map (fun (place, _, _) -> place))

    // x_i − λ·mean g_j as a sum of estimates.
    let mixture node accepted =
        let shares = accepted |> Array.map (fun (_, step, _) -> step / float accepted.Length)
        let received = view.Received.Lists[node]

        Array.append [| view.Own[node] |] (kept[node] |> Array.map (fun place -> received[place])),
        Array.append [| 1.0 - Array.sum shares |] shares

    let rows, shares = accepted |> Array.mapi mixture |> Array.unzip
    let estimates = view.Rows.WeightedSums(view.Pool, rows, shares)
    let lost = [| 0 .. rows.Length - 1 |] |> Array.filter (fun node -> not finite[view.Own[node]])
    Finite.restarted lost finite view estimates

    let remember node gradient =
        match gradient, Map.tryFind memoryKey view.Memories[node] with
        | Some(gradient: torch.Tensor), Some(remembered: torch.Tensor) when obj.ReferenceEquals(gradient, remembered) ->
            view.Memories[node]
        | Some gradient, _ -> Map.ofList [ memoryKey, gradient.clone().MoveToOuterDisposeScope() ]
        | None, _ -> view.Memories[node]

    { Estimates = estimates.MoveToOuterDisposeScope()
      Kept = [ (NetworkView.selectionOf kept view).MoveToOuterDisposeScope() ]
      Memories = gradients |> Array.mapi remember }

let zenoPlusPlus: Component<Rule> =
    settings {
        let! alpha = Setting.ratio "alpha" 0.5 "α, the weight of the own estimate in the update"

        and! penalty = Setting.real "penalty" Interval.nonNegative 0.001 "the source's ρ, the weight of ‖g_j‖²"

        and! epsilon =
            Setting.real "epsilon" Interval.nonNegative 0.0 "ε: how much ascent, as a multiple of λ, is still accepted"

        and! period =
            Setting.whole "period" 1 System.Int32.MaxValue 10 "iterations between two refreshes of v, the source's k"

        and! rescale =
            Setting.truth
                "rescale"
                true
                "whether g_j is brought to the length of v, as in the source. If not, R is the mean of the accepted \
                 estimates themselves"

        return
            Rule.aggregating alpha (asynchronousReference penalty epsilon period rescale)
            |> Rule.allAtOnce (asynchronousNetwork penalty epsilon period rescale)
            |> Rule.selecting [ "score" ]
            |> Rule.tolerating (fun _ neighbours -> neighbours)
            |> Rule.claiming
                [ Law.NeighbourOrder
                  Law.Mirroring
                  Law.Containment
                  Law.Fixpoint
                  Law.Precision ]
    }
    |> Define.Named "zeno++"
    |> Component.describedBy
        "accepts neighbours in a direction of descent, maybe stale"
        "> g_j = (‖v‖/‖x_i − x_j‖)(x_i − x_j)\n\
         > accepted if λ⟨v, g_j⟩ − penalty·‖g_j‖² ≥ −λε\n\
         > R = x_i − λ·(the mean of the accepted g_j)\n\n\
         v is the node's own mini-batch gradient of the last iteration that was a multiple of `period`. If nobody \
         is accepted, R = x_i.\n\n\
         Adapted: the source is an asynchronous server, which applies the gradients one by one as they come and \
         takes v from validation data; here those of one iteration are averaged, and the node's batch stands for \
         the validation data. An estimate that is not finite is never accepted. A node whose own estimate is not \
         finite restarts from the coordinate-wise median of the finite ones it received."
        "Xie, Koyejo and Gupta, Zeno++, ICML 2020 (arXiv:1903.07020)"
