/// Local model poisoning: the estimate that moves Krum, or a trimmed mean, most against the direction of training.
[<RequireQualifiedAccess>]
module UbarFs.Core.Fang

open TorchSharp

let private referenceName = "reference"

/// What the attack works with: the estimates that the adversary knows, `[m, d]`, and the mean that they had in the
/// iteration before, which takes the place of the global model.
type private Known = { Estimates: torch.Tensor; Byzantine: int }

/// s: +1 where the mean of the known estimates has risen since the last iteration, −1 elsewhere.
let private direction (known: Known) (reference: torch.Tensor) =
    let rise = Estimate.mean known.Estimates - reference
    torch.where (rise.gt (torch.zeros_like rise), torch.ones_like rise, torch.ones_like(rise).neg())

/// The start of the search, a bound that the source derives from Krum: 1/((n − 2f − 1)√d) times the smallest sum of
/// n − f − 2 distances between known estimates, plus 1/√d times the largest distance from the reference.
let private firstLambda n f (known: Known) (reference: torch.Tensor) =
    let count, root = KrumLine.count n f, sqrt (float known.Estimates.shape[1])

    let sum (squares: float[]) = squares |> Array.sort |> Seq.skip 1 |> Seq.truncate count |> Seq.sumBy sqrt

    let nearest = Estimate.pairwiseSquaresTogether known.Estimates |> Seq.map sum |> Seq.min
    let farthest = Estimate.distances reference known.Estimates |> Array.max
    nearest / (float (max 1 (n - 2 * f - 1)) * root) + farthest / root

/// Below this λ the source gives the search up.
let private smallestLambda = 1e-5

/// λ, halved until Krum picks one of the copies of w − λs among the known estimates; none if it gets too small.
let private halved (known: Known) reference (signs: torch.Tensor) copies count first =
    use away = signs.neg ()
    let line = KrumLine.create reference away known.Estimates copies count

    Seq.unfold
        (fun lambda ->
            if lambda < smallestLambda then
                None
            else
                Some(lambda, lambda / 2.0))
        first
    |> Seq.tryFind (KrumLine.picks line)

/// w − λs against Krum. An adversary that knows all benign estimates tries Krum over these and n_f copies; one that
/// knows only its colluders' takes them for benign and tries 1, 2, … copies among them.
let private krum full (known: Known) (reference: torch.Tensor) =
    let signs, size, f = direction known reference, int known.Estimates.shape[0], known.Byzantine

    let trials =
        if full then
            [ f, KrumLine.count (size + f) f ]
        else
            [ for copies in 1..size -> copies, KrumLine.count (size + copies) copies ]

    let first = firstLambda (size + fst trials[0]) (fst trials[0]) known reference

    let lambda =
        trials |> Seq.tryPick (fun (copies, count) -> halved known reference signs copies count first)

    match lambda with
    | Some lambda ->
        let vector = reference - Native.scaled lambda signs
        fun (_: OwnState) -> vector
    | None -> _.Estimate

/// The range of each coordinate that lies just beyond the known estimates, on the side away from s. With all of them
/// known: between the outermost benign number and b = 2 times (or half) that. Otherwise: 3 to 4 standard deviations
/// from the mean of the colluders.
let private beyond full (known: Known) (signs: torch.Tensor) =
    if full then
        let zeros, ones = torch.zeros_like signs, torch.ones_like signs

        let outermost =
            torch.where (signs.gt zeros, known.Estimates.amin [| 0L |], known.Estimates.amax [| 0L |])
        // Away from s means down where s = +1: twice a negative number is lower, half of a positive one is.
        let factor = torch.where ((signs * outermost).gt zeros, Native.scaled 0.5 ones, Native.scaled 2.0 ones)
        outermost, outermost * factor
    else
        let mean = Estimate.mean known.Estimates
        let deviation = (Native.square (known.Estimates - mean)).mean([| 0L |]).sqrt()
        mean - Native.scaled 3.0 (signs * deviation), mean - Native.scaled 4.0 (signs * deviation)

/// Each node's own uniformly random vector beyond the known estimates.
let private trimmedMean full (known: Known) (reference: torch.Tensor) =
    let near, far = beyond full known (direction known reference)

    fun (state: OwnState) ->
        use scope = torch.NewDisposeScope()
        let shares = Array.zeroCreate<float32>(int near.shape[0])
        state.Random.FillUniform(shares, 0.0f, 1.0f)
        let shares = torch.tensor(shares).``to``(near.dtype, near.device)
        (Native.sum near ((far - near) * shares)).MoveToOuterDisposeScope()

/// An attack of one target on what `know` extracts from the knowledge.
let private adversary target (know: 'knowledge -> Known) : Adversary<'knowledge> =
    let send knowledge =
        let known = know knowledge
        // The reference is the same tensor in the memories of all who share the knowledge.
        let made =
            System.Collections.Generic.Dictionary<torch.Tensor, OwnState -> torch.Tensor>(HashIdentity.Reference)

        let make reference =
            if not (made.ContainsKey reference) then
                made[reference] <- target known reference

            made[reference]

        fun (state: OwnState) ->
            match Map.tryFind referenceName state.Memory with
            | Some reference when known.Estimates.shape[0] > 0L -> Sent.Everyone(make reference state)
            | _ -> Sent.Everyone state.Estimate

    let remember knowledge =
        let known = know knowledge

        if known.Estimates.shape[0] > 0L then
            let memory = Map [ referenceName, Estimate.mean known.Estimates ]
            fun _ -> memory
        else
            fun (state: OwnState) -> state.Memory

    Adversary.sending send |> Adversary.remembering remember

let private ofEveryone (knowledge: Omniscience) =
    { Estimates = Estimate.rows (Omniscience.benign knowledge) knowledge.Estimates
      Byzantine = Omniscience.byzantine knowledge }

let private ofColluders (collusion: Collusion) =
    let finite = Estimate.finiteRows collusion.Estimates
    let rows = finite |> Seq.indexed |> Seq.filter snd |> Seq.map fst |> Array.ofSeq
    { Estimates = Estimate.rows rows collusion.Estimates; Byzantine = rows.Length }

let attack: Component<Behaviour> =
    settings {
        let! target =
            Setting.choice "target" [ "krum"; "trimmed-mean" ] "krum" "the rule that it is directed against"

        and! knowledge =
            Setting.choice
                "knowledge"
                [ "partial"; "full" ]
                "full"
                "whose estimates it knows: the Byzantine nodes' that follow it, or all"

        let against full = if target = "krum" then krum full else trimmedMean full

        return
            Attack.by (
                if knowledge = "full" then
                    Strategy.Omniscient(adversary (against true) ofEveryone)
                else
                    Strategy.Colluding(adversary (against false) ofColluders)
            )
    }
    |> Define.Named "fang"
    |> Component.describedBy
        "moves Krum, or a trimmed mean, against the way of training"
        "> s = sign(x̄_k − w), −1 where they are equal\n\
         > krum:          x̂ = w − λs\n\
         > trimmed-mean:  x̂ beyond the known values, on the side away from s\n\n\
         x̄_k is the mean of the known estimates and w the one they had in iteration k − 1. Known are all benign \
         estimates (full) or those of the Byzantine nodes that follow the attack (partial), which are then taken \
         for benign ones. Krum: all send the same; λ is halved from the bound of the source until Krum picks x̂. \
         Trimmed mean: each node sends in each coordinate a random number \
         between the outermost known one and twice or half of that, whichever is farther on that side; with partial \
         knowledge, 3 to 4 standard deviations from the mean.\n\n\
         Where sources differ: the paper halves λ until it is below 1e-5 and does not say what is sent when Krum picks x̂ \
         for none of them. The authors' code leaves the messages of the compromised nodes as they are then, and so a \
         node sends its own estimate here. With partial knowledge the paper then adds one more supposed copy at a time, \
         up to as many as there are known estimates.\n\n\
         Adapted: w takes the place of the global model; in the first iteration there is none, and the node follows \
         the protocol."
        "Fang, Cao, Jia, Gong, USENIX Security 2020"
