/// FoolsGold: senders whose differences have long been alike share one voice at most.
[<RequireQualifiedAccess>]
module UbarFs.Core.FoolsGold

open System
open TorchSharp
open UbarFs.Kernels
open UbarFs.Kernels.Estimates

let private sendersKey = "senders"
let private historyKey = "history"

/// What differs from 1 by less is a cosine of equal directions: rounding must not be taken for a difference.
let private rounding = 1e-9

/// H_j, the sums of the differences x_j − x_i of each iteration, rows in the order of the senders.
type private History = { Senders: int[]; Sums: torch.Tensor }

let private recall (memory: Memory) : History option =
    match Map.tryFind sendersKey memory, Map.tryFind historyKey memory with
    | Some senders, Some sums -> Some { Senders = Transfers.Read<float> senders |> Array.map int; Sums = sums }
    | _ -> None

let private remember (history: History) : Memory =
    Map.ofList
        [ sendersKey, torch.tensor(history.Senders |> Array.map float).MoveToOuterDisposeScope()
          historyKey, history.Sums.MoveToOuterDisposeScope() ]

/// The history with room for these senders, who have none yet.
let private widened (senders: int[]) (history: History) : History =
    match senders |> Array.except history.Senders with
    | [||] -> history
    | newcomers ->
        let all = Array.append history.Senders newcomers
        let none = torch.zeros_like(history.Sums[0L]).unsqueeze(0L).expand(int64 newcomers.Length, -1L)
        let order = all |> Array.indexed |> Array.sortBy snd |> Array.map fst
        let sums = torch.cat ([| history.Sums; none |], 0L)
        { Senders = Array.sort all; Sums = Estimate.rows order sums }

/// The history before an iteration in which these senders sent estimates `[m, d]`, with room for all of them.
let private before (memory: Memory) (senders: int[]) (estimates: torch.Tensor) : History =
    match recall memory with
    | Some history -> widened senders history
    | None -> { Senders = senders; Sums = torch.zeros_like estimates }

let private placesOf (senders: int[]) (history: History) =
    senders |> Array.map (fun sender -> Array.IndexOf(history.Senders, sender))

/// H_j of some senders.
let private sumsOf (senders: int[]) (history: History) : torch.Tensor =
    if history.Senders = senders then
        history.Sums
    else
        Estimate.rows (placesOf senders history) history.Sums

/// The history with other H_j of some senders.
let private updated (senders: int[]) (sums: torch.Tensor) (history: History) : History =
    if history.Senders = senders then
        { history with Sums = sums }
    else
        let places = Transfers.Send(placesOf senders history, sums.device)
        { history with Sums = history.Sums.index_copy (0L, places, sums) }

/// Takes back what made sums no longer finite, given which are.
let private repair (isFinite: bool[]) (before: torch.Tensor) (sums: torch.Tensor) =
    isFinite
    |> Array.iteri (fun row isFinite ->
        if not isFinite then
            sums[int64 row].copy_ before[int64 row] |> ignore)

/// The source's algorithm 1: α_j of the senders from the scalar products of their histories.
let private trust confidence (products: float[][]) : float[] =
    let senders = [| 0 .. products.Length - 1 |]

    let cosine one other =
        let length row = sqrt (products[row][row])
        let cosine = products[one][other] / (length one * length other)

        if not (Double.IsFinite cosine) then 0.0
        elif cosine >= 1.0 - rounding then 1.0
        else cosine

    let others one = senders |> Array.filter (fun other -> other <> one)
    let largest numbers = Array.fold max 0.0 numbers
    let nearest = senders |> Array.map (fun one -> others one |> Array.map (cosine one) |> largest)

    // Pardoning: whoever is like one that is more like another.
    let pardoned one other =
        let cosine = cosine one other

        if nearest[other] > nearest[one] then
            cosine * nearest[one] / nearest[other]
        else
            cosine

    let alphas = senders |> Array.map (fun one -> 1.0 - (others one |> Array.map (pardoned one) |> largest))
    let most = largest alphas

    alphas
    |> Array.map (fun alpha ->
        let alpha = if most > 0.0 then alpha / most else 0.0
        confidence * (log (alpha / (1.0 - alpha)) + 0.5) |> max 0.0 |> min 1.0)

/// x_i + (1/m) Σ_j α_j (x_j − x_i) over what is finite.
let private weigh confidence (standing: LocalView) (isFinite: bool[]) (products: float[][]) : Mixing.Mix =
    let share = 1.0 / float standing.Neighbours

    let weights =
        trust confidence products
        |> Array.mapi (fun place trust -> if isFinite[place] then share * trust else 0.0)

    { Received = weights; Own = 1.0 - Array.sum weights }

let private reference confidence (view: View) =
    use scope = torch.NewDisposeScope()

    if Estimate.isFinite view.Own then
        let history = before view.Memory view.Senders view.Received
        let past = sumsOf view.Senders history
        let sums = Native.sum (view.Received - view.Own) past
        repair (Estimate.finiteRows sums) past sums

        let mix =
            Transfers.Read<float>(Estimate.products (Estimate.tamed sums))
            |> Array.chunkBySize view.Senders.Length
            |> weigh confidence (Weighing.standingOf view) (Estimate.finiteRows view.Received)

        let aggregate = Mixing.aggregate [ "trust" ] true mix view
        aggregate.Estimate.MoveToOuterDisposeScope() |> ignore
        { aggregate with Memory = history |> updated view.Senders sums |> remember }
    else
        { Aggregate.ofSelection "trust" [||] ((Finite.restart view).MoveToOuterDisposeScope()) with
            Memory = view.Memory }

/// What a node is to add to the history of each sender that it has ever heard.
let private toAdd (view: NetworkView) node : int[] * DifferencesToAdd =
    let heard, senders = view.Received.Lists[node], view.Senders[node]
    let history = recall view.Memories[node]
    let known = history |> Option.map _.Senders |> Option.defaultValue [||]
    let all = Array.append known (Array.except known senders) |> Array.sort
    let sums = history |> Option.map _.Sums |> Option.toObj

    // -1, nobody, where a sender is new or silent.
    let row senders rows sender =
        Array.IndexOf(senders, sender) |> fun place -> if place < 0 then place else rows place

    let past = all |> Array.map (row known id)
    all, DifferencesToAdd(view.Own[node], sums, past, all |> Array.map (row senders (fun place -> heard[place])))

let private network confidence (view: NetworkView) =
    use scope = torch.NewDisposeScope()
    let finite = NetworkView.finiteRows view
    let standings = Array.init (NetworkView.nodes view) (Weighing.standingIn view)

    let learning =
        [| 0 .. standings.Length - 1 |]
        |> Array.filter (fun node -> finite[view.Own[node]] && standings[node].Neighbours > 0)

    let senders, differences = learning |> Array.map (toAdd view) |> Array.unzip
    let made = view.Rows.AddDifferences(view.Pool, differences)
    let mixes = standings |> Array.map (fun standing -> Mixing.meanOf standing [||])
    let memories = Array.copy view.Memories

    learning
    |> Array.iteri (fun item node ->
        let isFinite = view.Received.Lists[node] |> Array.map (fun row -> finite[row])
        let products = made[item].Products |> Array.chunkBySize isFinite.Length
        mixes[node] <- weigh confidence standings[node] isFinite products
        memories[node] <- remember { Senders = senders[item]; Sums = made[item].Sums })

    let mixed = Mixing.aggregateTogether [ "trust" ] true mixes view

    { Estimates = mixed.Estimates.MoveToOuterDisposeScope()
      Kept = mixed.Kept |> List.map _.MoveToOuterDisposeScope()
      Memories = memories }

let rule: Component<Rule> =
    settings {
        let! confidence =
            Setting.real "confidence" Interval.positive 1.0 "κ, how sharply likeness is told from difference"

        and! alpha = Setting.ratio "alpha" 0.5 "α, the weight of the own estimate in the update"

        return
            Rule.aggregating alpha (reference confidence)
            |> Rule.allAtOnce (network confidence)
            |> Rule.selecting [ "trust" ]
            |> Rule.judgingSenders
            |> Rule.costing Cost.Quadratic
            |> Rule.tolerating (fun _ neighbours -> neighbours)
            |> Rule.measuringFromOwn
            |> Rule.claiming (Law.Precision :: Law.ofWeightedMean)
    }
    |> Define.Named "fools-gold"
    |> Component.describedBy
        "counts senders less whose differences have long been alike"
        "> H_j = the sum of x_j − x_i over all iterations so far\n\
         > c_jk = cos(H_j, H_k),   v_j = max(0, max_k c_jk)\n\
         > pardoned: c_jk ← c_jk·v_j/v_k where v_k > v_j\n\
         > a_j = 1 − max(0, max_k c_jk), then as a share of the largest\n\
         > w_j = κ(ln(a_j/(1 − a_j)) + ½), cut to [0, 1]\n\
         > R = x_i + (1/|N_i|) Σ_j w_j (x_j − x_i)\n\n\
         Sybils that push the same way are alike, and weigh nothing; so do benign senders that are. Every node keeps H_j \
         for each of its neighbours, which takes as much memory as their estimates. If all histories have one direction \
         nobody weighs anything, and R = x_i.\n\n\
         Adapted: the differences x_j − x_i take the place of updates. The source adds the weighed updates up; here their \
         sum is divided by the number of neighbours, so that R stays among the estimates. The source can weigh coordinates \
         by their importance to the output; here all count alike. An estimate that is not finite adds nothing to its \
         history and weighs nothing. A node whose own estimate is not finite restarts from the coordinate-wise \
         median of the finite ones it received, and learns nothing of its neighbours then."
        "Fung, Yoon and Beschastnikh, The Limitations of Federated Learning in Sybil Settings, RAID 2020 (FoolsGold)"
