namespace UbarFs.Core

open System.Collections.Generic

/// How far one wrong message travels under the average rule (theorem 1): questions about the network alone.
///
/// W is the averaging matrix: what a node makes of each neighbour's message and of its own estimate.
[<RequireQualifiedAccess>]
module Propagation =

    /// The length of the shortest path from each node to `target` over benign nodes (the first node of a path need not
    /// be benign, `target` counts as one that is); −1 where there is none.
    let benignDistances (network: Network) target : int[] =
        let distances = Array.create (Network.size network) -1
        let waiting = Queue [ target ]
        distances[target] <- 0

        while waiting.Count > 0 do
            let node = waiting.Dequeue()

            for neighbour in network.Neighbours[node] do
                if distances[neighbour] < 0 then
                    distances[neighbour] <- distances[node] + 1

                    if not network.Byzantine[neighbour] then
                        waiting.Enqueue neighbour

        distances

    /// i_1, …, i_τ': the shortest path of benign nodes from the Byzantine node `source` to the benign node `victim`,
    /// which is its last node. Of several the first in lexicographic order; none if there is no path.
    let path (network: Network) source victim : int list option =
        let distances = benignDistances network victim

        let rec walk node =
            if node = victim then
                []
            else
                let next =
                    network.Neighbours[node]
                    |> Array.find (fun neighbour ->
                        not network.Byzantine[neighbour] && distances[neighbour] = distances[node] - 1)

                next :: walk next

        if distances[source] < 1 then None else Some(walk source)

    /// ∏_{s=1..τ'} 1/W_{i_s, i_{s−1}} over a path from the node i_0: with equal weights ∏ (|N_{i_s}| + 1), the factor of
    /// equation 4.
    let product (weights: MixingWeights) (network: Network) source (path: int list) =
        let reciprocal = MixingWeights.reciprocal weights network.Neighbours
        let steps = List.pairwise (source :: path)
        steps |> List.fold (fun product (sender, node) -> product * reciprocal node sender) 1.0

    /// W v.
    let averaged (weights: MixingWeights) (network: Network) : float[] -> float[] =
        let heard = MixingWeights.heard weights network.Neighbours

        fun values ->
            network.Neighbours
            |> Array.mapi (fun node neighbours ->
                let received, own = heard node neighbours
                let sum = Array.fold2 (fun sum weight neighbour -> sum + weight * values[neighbour])
                sum (own * values[node]) received neighbours)

    /// What a unit that `source` adds once, in iteration k, to its message to all neighbours, but not to its own
    /// estimate, adds to each node's estimate in iteration k + t, t ≥ 1: W^(t−1) (W − diag W) e_source, when every node
    /// averages and sends what it has.
    let injected (weights: MixingWeights) (network: Network) source t : float[] =
        let weight = MixingWeights.between weights network.Neighbours

        let received =
            network.Neighbours
            |> Array.mapi (fun node neighbours ->
                if Array.contains source neighbours then
                    weight node source
                else
                    0.0)

        let averaged = averaged weights network
        Seq.init (t - 1) ignore |> Seq.fold (fun values () -> averaged values) received
