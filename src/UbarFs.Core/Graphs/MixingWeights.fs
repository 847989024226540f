namespace UbarFs.Core

/// How a node weighs what it receives when it mixes: W_ij for each neighbour j, and what is left, W_ii = 1 − Σ_j W_ij, for
/// itself.
[<RequireQualifiedAccess>]
type MixingWeights =
    /// 1/(m + 1) for each of the m messages that came.
    | Equal
    /// 1/(1 + max(|N_i|, |N_j|)): symmetric.
    | Metropolis
    /// 1/(1 + max_v |N_v|): symmetric.
    | MaxDegree
    /// Half of metropolis: W has no negative eigenvalue.
    | LazyMetropolis

[<RequireQualifiedAccess>]
module MixingWeights =

    /// The words of the language.
    let all =
        [ "equal", MixingWeights.Equal
          "metropolis", MixingWeights.Metropolis
          "max-degree", MixingWeights.MaxDegree
          "lazy-metropolis", MixingWeights.LazyMetropolis ]

    let private largestDegree (graph: Graph) = graph |> Array.fold (fun largest next -> max largest next.Length) 0

    /// 1/W_ij, a whole number, for neighbours i and j where nobody is silent.
    let reciprocal (weights: MixingWeights) (graph: Graph) : int -> int -> float =
        let one node = 1.0 + float graph[node].Length
        let larger node other = max (one node) (one other)

        match weights with
        | MixingWeights.Equal -> fun node _ -> one node
        | MixingWeights.Metropolis -> larger
        | MixingWeights.LazyMetropolis -> fun node other -> 2.0 * larger node other
        | MixingWeights.MaxDegree ->
            let largest = 1.0 + float (largestDegree graph)
            fun _ _ -> largest

    /// W_ij for neighbours i and j where nobody is silent: how much i makes of what j sends.
    let between weights graph : int -> int -> float =
        let reciprocal = reciprocal weights graph
        fun node sender -> 1.0 / reciprocal node sender

    /// W_ij of a node for those of its neighbours that it hears, in their order, and W_ii. Whoever is silent leaves
    /// its weight to the node itself.
    let heard (weights: MixingWeights) (graph: Graph) : int -> int[] -> float[] * float =
        let between = between weights graph

        fun node senders ->
            match weights with
            | MixingWeights.Equal ->
                let share = 1.0 / float (senders.Length + 1)
                Array.map (fun _ -> share) senders, share
            | MixingWeights.Metropolis
            | MixingWeights.LazyMetropolis
            | MixingWeights.MaxDegree ->
                let weights = senders |> Array.map (between node)
                weights, 1.0 - Array.sum weights
