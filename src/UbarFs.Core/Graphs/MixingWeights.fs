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

    /// W_ij of a node for those of its neighbours that it hears, in their order, and W_ii. Whoever is silent leaves
    /// its weight to the node itself.
    let heard (weights: MixingWeights) (graph: Graph) (node: int) (senders: int[]) : float[] * float =
        let degree node = graph[node].Length

        let each weight =
            let weights = Array.map weight senders
            weights, 1.0 - Array.sum weights

        let metropolis sender = 1.0 / (1.0 + float (max (degree node) (degree sender)))

        match weights with
        | MixingWeights.Equal ->
            let share = 1.0 / float (senders.Length + 1)
            Array.map (fun _ -> share) senders, share
        | MixingWeights.Metropolis -> each metropolis
        | MixingWeights.LazyMetropolis -> each (fun sender -> metropolis sender / 2.0)
        | MixingWeights.MaxDegree ->
            let share = 1.0 / (1.0 + float (largestDegree graph))
            each (fun _ -> share)
