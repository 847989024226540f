/// Weights of untrusted sources by how much they differ from a trusted one.
[<RequireQualifiedAccess>]
module UbarFs.Core.TrustedWeights

open TorchSharp
open UbarFs.Kernels

let private countKey, private sumsKey = "count", "sums"

/// The weights α on the simplex that minimise Σ α_j d_j + c‖α‖, from discrepancies in ascending order: α_j is as
/// (ν − d_j)₊ with Σ (ν − d_j)₊² = c².
let private ascending (c: float) (discrepancies: float[]) : float[] =
    // ν if the first k are in: the larger root of k ν² − 2 ν Σ d + Σ d² = c².
    let level k =
        let first = Array.truncate k discrepancies
        let sum, squares = Array.sum first, Array.sumBy (fun d -> d * d) first
        let inside = max 0.0 (sum * sum - float k * (squares - c * c))
        (sum + sqrt inside) / float k

    let isWhole k = k = discrepancies.Length || level k <= discrepancies[k]
    let k = Seq.find isWhole (seq { 1 .. discrepancies.Length })
    let level = level k

    let weights =
        discrepancies |> Array.mapi (fun place d -> if place < k then max 0.0 (level - d) else 0.0)

    let total = Array.sum weights

    if total > 0.0 then
        weights |> Array.map (fun weight -> weight / total)
    else
        // c = 0 and equal discrepancies: the first.
        discrepancies |> Array.mapi (fun place _ -> if place = 0 then 1.0 else 0.0)

/// The same for discrepancies in any order, with c = λ √m times their median.
let weights (lambda: float) (discrepancies: float[]) : float[] =
    let c = lambda * sqrt (float discrepancies.Length) * OrderStatistics.medianOf discrepancies

    let order =
        [| 0 .. discrepancies.Length - 1 |]
        |> Array.sortBy (fun place -> struct (discrepancies[place], place))

    let sorted = ascending c (order |> Array.map (fun place -> discrepancies[place]))
    let made = Array.zeroCreate discrepancies.Length
    Array.iter2 (fun place weight -> made[place] <- weight) order sorted
    made

/// What is remembered by sender, with room for these; zeros at first.
let private remembered key (senders: int[]) (memory: Memory) : float[] =
    let known = memory |> Map.tryFind key |> Option.map Transfers.Read<float> |> Option.defaultValue [||]
    let room = 1 + Array.fold max -1 senders
    Array.init (max room known.Length) (fun sender -> if sender < known.Length then known[sender] else 0.0)

let private reference lambda (view: View) : Aggregate =
    use scope = torch.NewDisposeScope()
    let senders = view.Senders
    let counts, sums = remembered countKey senders view.Memory, remembered sumsKey senders view.Memory
    let finite = Finite.rows view.Received
    let received = Estimate.rows finite view.Received
    let distances = Estimate.distances view.Own received

    // What differs by more than numbers can say, or has no own to differ from, is not judged.
    let judged = Array.zip finite distances |> Array.filter (snd >> System.Double.IsFinite) |> Array.map fst

    Array.iter2
        (fun row distance ->
            if System.Double.IsFinite distance then
                counts[senders[row]] <- counts[senders[row]] + 1.0
                sums[senders[row]] <- sums[senders[row]] + distance)
        finite
        distances

    let estimate, kept =
        match judged with
        | [||] -> Finite.own view, [||]
        | judged ->
            let weights =
                judged |> Array.map (fun row -> sums[senders[row]] / counts[senders[row]]) |> weights lambda

            let kept = Array.zip judged weights |> Array.filter (fun (_, weight) -> weight > 0.0) |> Array.map fst
            Estimate.weightedMean weights (Estimate.rows judged view.Received), kept

    let keep (numbers: float[]) = torch.tensor(numbers).MoveToOuterDisposeScope()

    { Aggregate.ofSelection "weights" kept (estimate.MoveToOuterDisposeScope()) with
        Memory = Map [ countKey, keep counts; sumsKey, keep sums ] }

let rule: Component<Rule> =
    settings {
        let! lambda =
            Setting.real
                "lambda"
                Interval.nonNegative
                1.0
                "λ, how much it is worth to have many sources rather than near ones"

        return
            Rule.aggregating 0.0 (reference lambda)
            |> Rule.selecting [ "weights" ]
            |> Rule.central Allocation.Each
            |> Rule.judgingSenders
            |> Rule.tolerating (fun _ neighbours -> neighbours)
            |> Rule.claiming [ Law.CoordinateRange; Law.Containment; Law.Fixpoint ]
    }
    |> Define.Named "trusted-weights"
    |> Component.describedBy
        "weighs nodes by their discrepancy from root images"
        "> D_j = the mean over the iterations so far of ‖m_j − m_0‖\n\
         > α minimises Σ_j α_j D_j + λ√m·median(D)·‖α‖ on the simplex\n\
         > R = Σ_j α_j m_j\n\n\
         m_0 is the direction on the server's `root` images, the trusted source. α_j falls linearly with D_j and is 0 \
         beyond a level that λ sets: with λ = 0 only the nearest counts, with a large λ all count alike, and with 1 those \
         farther than about twice the typical discrepancy do not count.\n\n\
         Adapted: the source learns once from data of several sources, with the weights that minimise Σ α_i d_i + \
         λ √(Σ α_i²/m_i), where d_i is the discrepancy: the most by which the loss of any model can differ on source i and \
         on the trusted data. For losses that are linear around x_k, and models within a distance of 1, that is ‖m_j − \
         m_0‖; it is averaged over iterations, since sources stay the same and batches do not. All sources have batches of \
         one size. λ is taken in units of the median, so that it means the same while directions shrink. A direction that \
         is not finite is left out."
        "Konstantinov and Lampert, Robust Learning from Untrusted Sources, ICML 2019"
