/// Zeno and Zeno++: how much descent on the node's own data does each neighbour offer?
[<RequireQualifiedAccess>]
module UbarFs.Core.Zeno

open System
open TorchSharp
open UbarFs.Kernels
open UbarFs.Kernels.Estimates

let private screenedBy rho = BenignRatio.byzantine rho 1.0 (fun neighbours -> neighbours - 1)

/// The source's stochastic descendant score: l(x_i) − l(x_j) − penalty·‖x_j − x_i‖².
let score penalty ownLoss loss distance = ownLoss - loss - penalty * distance * distance

let private reference rho penalty (view: View) =
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

    let kept = Finite.best (neighbours - screenedBy rho view.BenignRatio neighbours) finite scores
    Aggregate.ofSelection "score" kept (Finite.meanOrOwn kept view)

let private network rho penalty (view: NetworkView) =
    let squares =
        SquaredDistances.Of(view.Pool, RowPairs.Between(NetworkView.rows view, view.Own, view.Received))

    let finite = Array.init (NetworkView.rows view) squares.IsFinite
    let candidates = Finite.places finite view
    let losses = view.Losses(NetworkView.atPlaces candidates view)

    let scored node places losses =
        let own, received = view.Own[node], view.Received[node]

        if finite[own] then
            let ownLoss = view.OwnLosses.Value[node]
            let ownLoss = if Double.IsFinite ownLoss then ownLoss else 0.0
            let distance place = sqrt squares[own, received[place]]
            Array.map2 (score penalty ownLoss) losses (Array.map distance places)
        else
            Array.map (~-) losses

    let keep node =
        let neighbours = view.Received[node].Length

        scored node candidates[node] losses[node]
        |> Finite.best (neighbours - screenedBy rho view.BenignRatio neighbours) candidates[node]

    let kept = Array.init view.Own.Length keep
    view |> Finite.meansOrOwn kept finite |> NetworkView.withStages [ "score", kept ] view

let zeno: Component<Rule> =
    settings {
        let! rho = BenignRatio.setting
        and! alpha = Setting.ratio "alpha" 0.5 "α, the weight of the own estimate in the update"

        and! penalty =
            Setting.real
                "penalty"
                Interval.nonNegative
                0.05
                "the weight of the squared distance. The source's 0.0005 for gradients is this for estimates, which a \
                 step of its rate 0.1 moves by a tenth: 0.0005/0.1²"

        return
            Rule.aggregating alpha (reference rho penalty)
            |> Rule.allAtOnce (network rho penalty)
            |> Rule.selecting [ "score" ]
            |> Rule.costing Cost.LinearWithLosses
            |> Rule.tolerating (screenedBy rho)
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
        "keeps those that promise the most descent for their distance"
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
