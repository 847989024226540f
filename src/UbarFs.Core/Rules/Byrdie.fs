/// ByRDiE: Byzantine-resilient distributed coordinate descent.
[<RequireQualifiedAccess>]
module UbarFs.Core.Byrdie

open TorchSharp
open UbarFs.Kernels.Estimates

/// The first coordinate and the length of a block, when d coordinates are split as evenly as possible.
let block blocks dimension index =
    let first index = int (int64 dimension * int64 index / int64 blocks)
    first index, first (index + 1) - first index

let private cap neighbours = (neighbours - 1) / 2

/// What is left of the values of each coordinate without the `screened` smallest and largest, in float64.
let private screen screened received = OrderStatistics.trimmed screened (OrderStatistics.sorted received)

/// Per coordinate c of the block: x'_c = (1/(|N_i| − 2n̂ + 1)) Σ_{j ∈ N*_i(c) ∪ {i}} x_{j,c} − λ(∇l)_c, where
/// N*_i(c) is N_i without the n̂ smallest and the n̂ largest values of that coordinate (algorithm 1 of the source). If the
/// own value is screened as well, the sum is over what is left of N_i ∪ {i}.
let private descend screened isOwnScreened blocks (view: View) =
    let dimension = int view.Own.shape[0]
    let blocks = min blocks dimension
    let first, length = block blocks dimension (int (view.Iteration % int64 blocks))
    let part (tensor: torch.Tensor) = tensor.narrow (-1L, int64 first, int64 length)
    let own = (part view.Own).unsqueeze 0L

    let kept =
        if isOwnScreened then
            screen screened (torch.cat ([| part view.Received; own |], 0L))
        else
            torch.cat ([| screen screened (part view.Received); own.to_type torch.float64 |], 0L)

    let agreed = (Estimate.mean kept).to_type view.Own.dtype
    let next = view.Own.clone ()
    part(next).copy_(agreed - Native.scaled view.Rate (part view.Gradient)) |> ignore
    next

let private reference liars isOwnScreened blocks (view: View) =
    use scope = torch.NewDisposeScope()
    let screened = Liars.ofView liars view

    let next =
        if Estimate.isFinite view.Own then
            descend screened isOwnScreened blocks view
        else
            // Waiting for every block's turn would leave the node lost for a whole round.
            (Estimate.mean (screen screened view.Received)).to_type view.Own.dtype

    Aggregate.ofEstimate (next.MoveToOuterDisposeScope())

let private network liars isOwnScreened blocks (view: NetworkView) =
    use scope = torch.NewDisposeScope()
    let finite, lists = NetworkView.finiteRows view, view.Received.Lists
    let screened = Liars.ofNetwork liars view
    let isLost = view.Own |> Array.map (fun own -> not finite[own])
    let dimension = int view.Pool.shape[1]
    let blocks = min blocks dimension
    let first, length = block blocks dimension (int (view.Iteration % int64 blocks))
    let part (tensor: torch.Tensor) = tensor.narrow (-1L, int64 first, int64 length)
    let pool = (part view.Pool).contiguous()
    let means pool lists screened extra = view.Rows.TrimmedMeans(pool, lists, screened, extra)
    let heard = Array.map2 (fun own list -> if Array.isEmpty list then [| own |] else list) view.Own

    let agreed =
        if isOwnScreened then
            let nobody = Array.map (fun _ -> TrimmedMeans.Nobody) view.Own
            means pool (heard (NetworkView.withFiniteOwn view)) screened nobody
        else
            means pool (heard lists) screened view.Own

    let next = Estimate.rows view.Own view.Pool
    let slopes = Native.scaled view.Rate (part (NetworkView.gradients view))
    part(next).copy_(agreed - slopes) |> ignore

    for node in 0 .. lists.Length - 1 do
        if isLost[node] && lists[node].Length > 0 then
            let restart = means view.Pool [| lists[node] |] [| screened[node] |] [| TrimmedMeans.Nobody |]
            next[int64 node].copy_ restart[0L] |> ignore

    next.MoveToOuterDisposeScope() |> NetworkView.withoutStages view

let rule: Component<Rule> =
    settings {
        let! liars = Liars.setting cap 0.5

        and! own =
            Setting.choice
                "own"
                [ "true"; "screened" ]
                "true"
                "what becomes of the own value: true: it joins the mean unscreened, as in the source's algorithm 1; \
                 screened: it is screened together with the received ones, as in the authors' programs"

        and! blocks =
            Setting.whole
                "blocks"
                1
                System.Int32.MaxValue
                1
                "how many blocks the coordinates are split into; each iteration updates one of them. At least as many \
                 as the model has parameters is the source's one coordinate at a time"

        let isOwnScreened = own = "screened"

        return
            Rule.replacing (reference liars isOwnScreened blocks)
            |> Rule.allAtOnce (network liars isOwnScreened blocks)
            |> Liars.toleratedBy liars
            |> Rule.claiming [ Law.NeighbourOrder; Law.Mirroring; Law.Containment; Law.Precision ]
    }
    |> Define.Named "byrdie"
    |> Component.describedBy
        "coordinate descent: screens and updates a block at a time"
        "> x'[c] = (x_i[c] + Σ_{j ∈ N*_i(c)} x_j[c]) / (|N_i| − 2n̂ + 1) − λ(∇l)[c]\n\n\
         In iteration k this holds for the coordinates c of block k mod blocks, and the others keep their values. \
         N*_i(c) is N_i without the n̂ smallest and the n̂ largest values of coordinate c, with bridge's n̂ for \
         ρ_central = ½. The own value takes part unscreened, as in the source; with `own: screened` the n̂ smallest and \
         the n̂ largest of all |N_i| + 1 values are dropped, the own one among them or not, as in the authors' \
         programs.\n\n\
         Adapted: the source walks through single coordinates, with an inner loop of T updates for each; with the \
         10⁵ coordinates of a neural network that never comes round, so here whole blocks take turns, once a visit, \
         and the gradient is that of the mini-batch. Every coordinate gets a share of 1/blocks of the iterations, \
         hence one block by default, a trimmed mean and a gradient step: with more, no comparison with rules that move \
         every coordinate is fair unless it trains as much longer. A node whose own \
         estimate is not finite takes the screened mean in every coordinate."
        "Yang and Bajwa, ByRDiE, IEEE Transactions on Signal and Information Processing over Networks 5(4), 2019"
