/// UBAR, the paper's two-stage rule.
[<RequireQualifiedAccess>]
module UbarFs.Core.Ubar

open System
open TorchSharp
open UbarFs.Kernels

/// How many of m neighbours stage 1 keeps: max(1, ⌊ρm⌋), where ρm may fall short of a whole number by rounding.
let shortlistSize (benignRatio: float) neighbours =
    min neighbours (max 1 (int (floor (benignRatio * float neighbours + 1e-9))))

/// Stage 1, N^s: the nearest neighbours, ties to the lowest row; ascending.
let stage1 benignRatio (distances: float[]) =
    Array.indexed distances
    |> Array.sortBy (fun (row, distance) -> struct (distance, row))
    |> Array.truncate (shortlistSize benignRatio distances.Length)
    |> Array.map fst
    |> Array.sort

/// Stage 2, N^r: the candidates with loss ≤ own loss; if there are none, the one with the smallest loss (equation
/// 12). `losses` belongs to `candidates` item by item. A candidate whose loss is not finite is out, and an own loss
/// that is not finite admits all others. Empty only without candidates.
let stage2 (ownLoss: float) (candidates: int[]) (losses: float[]) =
    let ranked = Array.zip candidates losses |> Array.filter (fun (_, loss) -> Double.IsFinite loss)
    let bound = if Double.IsFinite ownLoss then ownLoss else infinity

    match ranked |> Array.filter (fun (_, loss) -> loss <= bound) with
    | [||] when Array.isEmpty ranked -> [||]
    | [||] -> [| ranked |> Array.minBy (fun (row, loss) -> struct (loss, row)) |> fst |]
    | kept -> Array.map fst kept

/// Which of the two stages are used: the ablations of the rule.
[<RequireQualifiedAccess>]
type private Stages =
    | Both
    | DistanceOnly
    | LossOnly

let private reference rho stages (view: View) =
    let neighbours = int view.Received.shape[0]

    let shortlist =
        match stages with
        | Stages.LossOnly -> [| 0 .. neighbours - 1 |]
        | _ -> stage1 (BenignRatio.inForce rho view) (Estimate.distances view.Own view.Received)

    let finite = Estimate.finiteRows view.Received
    let candidates = shortlist |> Array.filter (fun row -> finite[row])

    let kept =
        match stages with
        | Stages.DistanceOnly -> candidates
        | _ ->
            let ownLoss =
                if Estimate.isFinite view.Own then
                    view.OwnLoss
                else
                    infinity

            stage2 ownLoss candidates (view.Losses candidates)

    { Aggregate.ofEstimate (
          if Array.isEmpty kept then
              view.Own.clone ()
          else
              Estimate.meanOf kept view.Received
      ) with
        Stages = [ { Name = "stage 1"; Kept = shortlist }; { Name = "stage 2"; Kept = kept } ] }

/// Stage 2 of all nodes, for candidates that are finite and at most so many of each node: a selection.
let private lossSelected (most: int[]) candidates (view: NetworkView) : torch.Tensor =
    use scope = torch.NewDisposeScope()
    let losses = NetworkView.losses most candidates view
    let isCandidate = candidates &&& Numbers.IsFinite losses
    let isJudge = NetworkView.ownFinite view &&& Numbers.IsFinite view.OwnLosses

    let bound =
        Native.number infinity (fun none -> view.OwnLosses.masked_fill (isJudge.bitwise_not (), none))

    let isGood = isCandidate &&& losses.le (bound.unsqueeze 1L)
    let best = Selection.smallest (most |> Array.map (fun _ -> 1)) losses isCandidate
    (isGood |> Selection.orElse best).MoveToOuterDisposeScope()

let private network rho stages (view: NetworkView) =
    let all = NetworkView.all view

    let sizes =
        NetworkView.counts view
        |> Array.map (fun m -> shortlistSize (BenignRatio.ofNode rho view.BenignRatio m) m)

    let shortlist, most =
        match stages with
        | Stages.LossOnly -> all, NetworkView.counts view
        | _ -> Selection.smallest sizes (NetworkView.distances view) all, sizes

    let candidates = shortlist &&& NetworkView.finite view

    let kept =
        match stages with
        | Stages.DistanceOnly -> candidates
        | _ -> lossSelected most candidates view

    view |> NetworkView.meansOf kept |> NetworkView.withStages [ shortlist; kept ] view

let private claims = (Law.MeanOfKept :: Law.Precision :: Law.ofWeightedMean)

let rule: Component<Rule> =
    settings {
        let! rho = BenignRatio.setting
        and! alpha = Setting.ratio "alpha" 0.5 "α, the weight of the own estimate in the update"

        and! stages =
            Setting.choice
                "stages"
                [ "both"; "distance"; "loss" ]
                "both"
                "for ablations: both stages, stage 1 alone (by distance) or stage 2 alone (by loss)"

        let stages =
            match stages with
            | "distance" -> Stages.DistanceOnly
            | "loss" -> Stages.LossOnly
            | _ -> Stages.Both

        return
            Rule.aggregating alpha (reference rho stages)
            |> Rule.allAtOnce (network rho stages)
            |> Rule.selecting [ "stage 1"; "stage 2" ]
            |> Rule.costing Cost.LinearWithLosses
            |> Rule.tolerating (fun _ neighbours -> neighbours)
            |> Rule.claiming (
                claims
                @ (if stages = Stages.Both && rho = Error "network" then
                       [ Law.TwoStages ]
                   else
                       [])
            )
    }
    |> Define.Named "ubar"
    |> Component.describedBy
        "nearest neighbours first, then those with no greater loss"
        "> N^s = the max(1, ⌊ρ|N_i|⌋) neighbours nearest to x_i\n\
         > N^r = {j ∈ N^s : l(x_j, ξ_i) ≤ l(x_i, ξ_i)}\n\
         > R = (1/|N^r|) Σ_{j ∈ N^r} x_j\n\n\
         Stage 1 shortlists by Euclidean distance, ties to the lowest index. Stage 2 keeps those whose loss on the \
         node's own mini-batch is no worse than the own; if there are none, R is the candidate with the smallest \
         loss. An estimate that is not finite is infinitely far, and stage 2 never keeps it; if no candidate is \
         left, R = x_i. An own estimate that is not finite has an infinite loss, so a node that has diverged \
         recovers from its neighbours."
        "UBAR paper, definition 3 and algorithm 1"
