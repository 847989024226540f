/// Adaptive federated averaging: screening by cosine similarity, with a reputation for every sender.
[<RequireQualifiedAccess>]
module UbarFs.Core.Afa

open System
open TorchSharp
open UbarFs.Kernels
open UbarFs.Kernels.Estimates

/// What the posterior of a sender, Beta(α0 + good, β0 + bad), starts from and when it is blocked.
type Prior = { Alpha: int; Beta: int; Block: float }

/// I_{1/2}(a, b), the regularised incomplete beta function at ½ for whole a and b: the chance that a fair coin shows at
/// least a heads in a + b − 1 throws (DLMF 8.17.5).
let halfBeta (a: int) (b: int) =
    let throws = a + b - 1

    // ln (throws choose heads)/2^throws, from one number of heads to the next: the terms themselves underflow.
    let logTerms =
        Seq.unfold
            (fun (heads, logTerm) ->
                Some(logTerm, (heads + 1, logTerm + log (float (throws - heads) / float (heads + 1)))))
            (0, -float throws * log 2.0)

    1.0 - (logTerms |> Seq.take a |> Seq.sumBy exp)

/// p_k, the mean of a sender's posterior.
let private reputation prior good bad = float (prior.Alpha + good) / float (prior.Alpha + prior.Beta + good + bad)

// The chance that the sender is bad more often than not exceeds δ. It is at most ½ unless β exceeds α.
let private isBlocked prior good bad =
    let alpha, beta = prior.Alpha + good, prior.Beta + bad
    beta > alpha && halfBeta alpha beta > prior.Block

// Differences of cosines below this are rounding, and no reason to call a neighbour bad.
let private rounding = 1e-12

/// s_k = cos(w, x_k) for the members, where w = Σ p_k x_k / Σ p_k over them, from all scalar products ⟨x_k, x_l⟩.
let private similarities (products: float[][]) (weights: float[]) (members: int[]) =
    let product row = members |> Array.sumBy (fun other -> weights[other] * products[row][other])
    let norm = members |> Array.sumBy (fun row -> weights[row] * product row) |> sqrt

    members
    |> Array.map (fun row ->
        let cosine = product row / (norm * sqrt (products[row][row]))
        if Double.IsFinite cosine then cosine else 0.0)

let private median (numbers: float[]) =
    let sorted = Array.sort numbers
    (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2.0

/// Algorithm 1 of the source: members whose similarity lies more than ξ standard deviations from the median, on the
/// side to which the mean leans, are bad; repeated with ξ + Δξ for the others until all are good.
let rec private screen slack growth products weights members =
    let similarities = similarities products weights members
    let mean, median = Array.average similarities, median similarities
    let deviation = similarities |> Array.averageBy (fun s -> (s - mean) ** 2.0) |> sqrt
    let distance = slack * deviation + rounding

    let isBad similarity =
        if mean < median - rounding then
            similarity < median - distance
        else
            similarity > median + distance

    let good = Array.zip members similarities |> Array.filter (fun (_, s) -> not (isBad s)) |> Array.map fst

    if good.Length = members.Length then
        good
    else
        screen (slack + growth) growth products weights good

let private memoryKey = "judgements"

/// How often each node, by its number, was judged good and bad, with room for these senders.
let private recall (senders: int[]) (memory: Memory) =
    let size = 1 + Array.fold max -1 senders

    let padded (counts: float[]) =
        Array.append (Array.map int counts) (Array.zeroCreate (max 0 (size - counts.Length)))

    match Map.tryFind memoryKey memory with
    | None -> padded [||], padded [||]
    | Some judgements ->
        let counts = Transfers.Read<float> judgements |> Array.splitInto 2
        padded counts[0], padded counts[1]

let private remember (good: int[]) (bad: int[]) =
    let counts = Array.append good bad |> Array.map float
    Map.ofList [ memoryKey, torch.tensor(counts).view(2L, -1L).MoveToOuterDisposeScope() ]

/// ⟨x_k, x_l⟩ for all rows of `[m, d]`.
let private scalarProducts (estimates: torch.Tensor) =
    let estimates = estimates.to_type torch.float64

    Transfers.Read<float>(estimates.matmul (estimates.t ()))
    |> Array.chunkBySize (int estimates.shape[0])

/// R = Σ p_k x_k / Σ p_k over the good.
let private weightedMean (weights: float[]) kept (view: View) =
    let estimates = (Estimate.rows kept view.Received).to_type torch.float64
    let weights = kept |> Array.map (fun row -> weights[row])

    let shares =
        torch.tensor (weights |> Array.map (fun weight -> weight / Array.sum weights), device = estimates.device)

    // Rounding must not carry a mean out of what it is of: with the largest numbers, to infinity.
    let lowest, highest = estimates.amin [| 0L |], estimates.amax [| 0L |]
    estimates.t().mv(shares).minimum(highest).maximum(lowest).to_type view.Own.dtype

/// What a node thinks of its senders: of each by its place p_k, who is heard, and the books.
type private Opinion = { Weights: float[]; Heard: int[]; Good: int[]; Bad: int[] }

let private opinion prior (senders: int[]) memory =
    let good, bad = recall senders memory
    let places = [| 0 .. senders.Length - 1 |]
    let of' (counts: int[]) place = counts[senders[place]]

    { Weights = places |> Array.map (fun place -> reputation prior (of' good place) (of' bad place))
      Heard = places |> Array.filter (fun place -> not (isBlocked prior (of' good place) (of' bad place)))
      Good = good
      Bad = bad }

/// The places that stay of some candidates with these scalar products.
let private screened slack growth (opinion: Opinion) (candidates: int[]) (products: float[][]) =
    if Array.isEmpty candidates then
        [||]
    else
        let weights = candidates |> Array.map (fun place -> opinion.Weights[place])

        screen slack growth products weights [| 0 .. candidates.Length - 1 |]
        |> Array.map (fun member' -> candidates[member'])

/// The books after an iteration, in which some of those heard were kept, and what each place weighs by them: the judgement
/// counts in the mean that it is made for.
let private judged prior (opinion: Opinion) (senders: int[]) kept : Memory * float[] =
    for place in opinion.Heard do
        let counts =
            if Array.contains place kept then
                opinion.Good
            else
                opinion.Bad

        counts[senders[place]] <- counts[senders[place]] + 1

    remember opinion.Good opinion.Bad,
    senders |> Array.map (fun sender -> reputation prior opinion.Good[sender] opinion.Bad[sender])

let private reference prior slack growth (view: View) =
    use scope = torch.NewDisposeScope()
    let opinion = opinion prior view.Senders view.Memory
    let candidates = Finite.rows view.Received |> Array.filter (fun row -> Array.contains row opinion.Heard)

    let products =
        if Array.isEmpty candidates then
            [||]
        else
            scalarProducts (Estimate.rows candidates view.Received)

    let kept = screened slack growth opinion candidates products
    let memory, weights = judged prior opinion view.Senders kept

    let estimate =
        if Array.isEmpty kept then
            Finite.own view
        else
            weightedMean weights kept view

    { Aggregate.ofSelection "similarity" kept (estimate.MoveToOuterDisposeScope()) with
        Memory = memory }

let private network prior slack growth (view: NetworkView) =
    use scope = torch.NewDisposeScope()
    let finite, received = NetworkView.finiteRows view, view.Received.Lists
    let opinions = Array.map2 (opinion prior) view.Senders view.Memories

    let candidates =
        Array.map2
            (fun (received: int[]) opinion -> opinion.Heard |> Array.filter (fun place -> finite[received[place]]))
            received
            opinions

    let rows = NetworkView.atPlaces candidates view
    let products = view.Rows.Products(view.Pool, RowPairs.AmongAndWithin(NetworkView.rows view, rows))

    let kept =
        Array.map3
            (fun opinion candidates rows ->
                rows
                |> Array.map (fun one -> rows |> Array.map (fun other -> products[one, other]))
                |> screened slack growth opinion candidates)
            opinions
            candidates
            rows

    let memories, weights = Array.map3 (judged prior) opinions view.Senders kept |> Array.unzip

    let shares =
        Array.map2
            (fun kept (weights: float[]) ->
                let weights = kept |> Array.map (fun place -> weights[place])
                weights |> Array.map (fun weight -> weight / Array.sum weights))
            kept
            weights

    let orOwn = shares |> Array.map (fun shares -> if Array.isEmpty shares then [| 1.0 |] else shares)

    let estimates =
        view
        |> NetworkView.combined
            (fun lists -> view.Rows.WeightedSums(view.Pool, lists, orOwn))
            (NetworkView.atPlaces kept view)

    let lost =
        [| 0 .. kept.Length - 1 |]
        |> Array.filter (fun node -> Array.isEmpty kept[node] && not finite[view.Own[node]])

    Finite.restarted lost finite view estimates

    { Estimates = estimates.MoveToOuterDisposeScope()
      Kept = [ (NetworkView.selectionOf kept view).MoveToOuterDisposeScope() ]
      Memories = memories }

let rule: Component<Rule> =
    settings {
        let! alpha = Setting.ratio "alpha" 0.5 "α, the weight of the own estimate in the update"

        and! good =
            Setting.whole "prior-good" 1 1_000_000 3 "α0, the good judgements that every sender starts with"

        and! bad = Setting.whole "prior-bad" 1 1_000_000 3 "β0, the bad judgements that every sender starts with"

        and! block =
            Setting.real
                "block"
                (Interval.below 0.5 1.0)
                0.95
                "δ: a sender is blocked for good when the chance that it is bad more often than good exceeds this"

        and! slack =
            Setting.real "slack" Interval.nonNegative 2.0 "ξ0, how many standard deviations from the median are good"

        and! growth = Setting.real "growth" Interval.nonNegative 0.5 "Δξ, by how much ξ grows with each pass"

        let prior = { Alpha = good; Beta = bad; Block = block }

        return
            Rule.aggregating alpha (reference prior slack growth)
            |> Rule.allAtOnce (network prior slack growth)
            |> Rule.selecting [ "similarity" ]
            |> Rule.judgingSenders
            |> Rule.costing Cost.Quadratic
            |> Rule.tolerating (fun _ neighbours -> (neighbours - 1) / 2)
            |> Rule.measuringFromOwn
            |> Rule.claiming
                [ Law.NeighbourOrder
                  Law.Scaling
                  Law.CoordinateRange
                  Law.Containment
                  Law.Fixpoint
                  Law.Rotation
                  Law.Mirroring
                  Law.Precision ]
    }
    |> Define.Named "afa"
    |> Component.describedBy
        "drops unusual cosines, and blocks senders of ill repute"
        "> w = Σ_j p_j x_j / Σ_j p_j,   s_j = cos(w, x_j)\n\
         > bad: s_j < median − ξσ if the mean of s is below its median,\n\
         >      s_j > median + ξσ otherwise\n\
         > R = Σ_j p_j x_j / Σ_j p_j over the good\n\n\
         The screening is repeated among the rest, each time with ξ + Δξ for ξ, until none is bad. p_j is the mean \
         of the sender's reputation Beta(α0 + times good, β0 + times bad), and a sender with I_½(α, β) > δ is not \
         heard any more. Every node keeps its own books. The judgement of an iteration counts in the p_j of its R, as \
         in both public programs.\n\n\
         Adapted: the source weighs also by the amount of data, which neighbours do not tell: here all have the \
         same. An estimate that is not finite is bad. If nobody is left, R = x_i."
        "Muñoz-González, Co and Lupu, Byzantine-Robust Federated Machine Learning through Adaptive Model Averaging, \
         2019 (arXiv:1909.05125)"
