/// UBAR, the paper's two-stage rule.
[<RequireQualifiedAccess>]
module UbarFs.Core.Ubar

open System
open TorchSharp
open UbarFs.Kernels
open UbarFs.Kernels.Estimates

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

let private everyPlace (view: NetworkView) = view.Received |> Array.map (fun received -> [| 0 .. received.Length - 1 |])

/// Stage 1 of all nodes, and which rows of the pool are finite. Two honest neighbours share one distance.
let private shortlists rho stages (view: NetworkView) : int[][] * (int -> bool) =
    match stages with
    | Stages.LossOnly ->
        let finite = NetworkView.finiteRows view
        everyPlace view, (fun row -> finite[row])
    | _ ->
        let squares =
            SquaredDistances.Of(view.Pool, RowPairs.Between(NetworkView.rows view, view.Own, view.Received))

        let shortlist own (received: int[]) =
            received
            |> Array.map (fun row -> sqrt squares[own, row])
            |> stage1 (BenignRatio.ofNode rho view.BenignRatio received.Length)

        Array.map2 shortlist view.Own view.Received, squares.IsFinite

let private network rho stages (view: NetworkView) =
    let shortlists, isFinite = shortlists rho stages view

    let candidates =
        Array.map2
            (fun (received: int[]) -> Array.filter (fun place -> isFinite received[place]))
            view.Received
            shortlists

    let kept =
        match stages with
        | Stages.DistanceOnly -> candidates
        | _ ->
            let losses = view.Losses(NetworkView.atPlaces candidates view)

            let ownLosses =
                Array.map2 (fun row loss -> if isFinite row then loss else infinity) view.Own view.OwnLosses.Value

            Array.map3 stage2 ownLosses candidates losses

    view
    |> NetworkView.meansOf kept
    |> NetworkView.withStages [ "stage 1", shortlists; "stage 2", kept ] view

/// How many neighbours of each node stage 1 keeps.
let private shortlistSizes rho stages (view: DeviceView) =
    view.Received
    |> Array.map (fun received ->
        match stages with
        | Stages.LossOnly -> received.Length
        | _ -> shortlistSize (BenignRatio.ofNode rho view.BenignRatio received.Length) received.Length)

/// Stage 1 as a table of places in what was received, `[n, s]`: ascending, and past the end of a shortlist a place that
/// nobody has.
let private shortlistedPlaces stages (view: DeviceView) (received: PaddedLists) (isListed: torch.Tensor) =
    let length = isListed.shape[1]

    match stages with
    | Stages.LossOnly -> OnDevice.Places(length, view.Pool.device).expand_as isListed
    | _ ->
        let distances = OnDevice.Distances(view.Pool, view.Own, received)
        let struct (_, byDistance) = distances.sort (1L, stable = true)
        let nearest = byDistance.narrow (1L, 0L, length)
        let nobody (place: Scalar) = nearest.masked_fill (isListed.bitwise_not (), place)
        let struct (places, _) = (Native.number (float received.Longest) nobody).sort 1L
        places

/// Stage 2 for candidates in a table `[n, s]`, given their losses: infinite where there is no finite one.
let private lossSelected (ownLosses: torch.Tensor) (losses: torch.Tensor) : torch.Tensor =
    let isCandidate = OnDevice.IsFinite losses
    let isGood = isCandidate &&& losses.le (ownLosses.unsqueeze 1L)
    let hasNone = isGood.any(1L, true).bitwise_not()
    let isBest = OnDevice.Places(losses.shape[1], losses.device).eq(losses.argmin (1L, true))
    isGood ||| (isCandidate &&& hasNone &&& isBest)

/// The losses that are finite and of estimates in use; +∞ for others.
let private usable (isUsed: torch.Tensor) (losses: torch.Tensor) =
    let isUsable = isUsed &&& OnDevice.IsFinite losses
    Native.number infinity (fun infinity -> losses.masked_fill (isUsable.bitwise_not (), infinity))

/// The network form as tables of a line for each node, in which a mask says what counts: nothing is read.
let private onDevice rho stages (view: DeviceView) : DeviceAggregate =
    use scope = torch.NewDisposeScope()
    let device = view.Pool.device
    let received = PaddedLists(view.Received, device)
    let sizes = shortlistSizes rho stages view

    let isListed =
        OnDevice.Places(int64 (Array.fold max 1 sizes), device).less(Transfers.Send(sizes, device).unsqueeze 1L)

    let places = shortlistedPlaces stages view received isListed
    use last = (received.Longest - 1).ToScalar()
    let rows = received.Rows.gather (1L, places.clamp_max last)
    let finite = OnDevice.FiniteRows view.Pool
    let isCandidate = isListed &&& finite.index rows
    let own = Transfers.Send(view.Own, device)

    let kept =
        match stages with
        | Stages.DistanceOnly -> isCandidate
        | _ -> lossSelected (usable (finite.index own) view.OwnLosses) (usable isCandidate (view.Losses sizes rows))

    // A node that has kept nothing has its own estimate.
    let orOwn = torch.cat ([| kept; kept.any(1L, true).bitwise_not() |], 1L)
    let estimates = OnDevice.Means(view.Pool, torch.cat ([| rows; own.unsqueeze 1L |], 1L), orOwn)

    let ofReceived (mask: torch.Tensor) =
        let all = torch.zeros (int64 sizes.Length, int64 received.Longest + 1L, torch.bool, device)
        all.scatter(1L, places, mask).narrow(1L, 0L, int64 received.Longest).MoveToOuterDisposeScope()

    { Estimates = estimates.MoveToOuterDisposeScope()
      Kept = [ ofReceived isListed; ofReceived kept ] }

let private claims =
    [ Law.NeighbourOrder
      Law.Translation
      Law.Scaling
      Law.Rotation
      Law.Mirroring
      Law.CoordinateRange
      Law.Containment
      Law.Fixpoint
      Law.MeanOfKept
      Law.Precision ]

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
            |> Rule.onDevice (onDevice rho stages)
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
