/// Random networks: every pair of nodes is connected with one probability, the connection ratio.
[<RequireQualifiedAccess>]
module UbarFs.Core.RandomTopology

open System
open UbarFs.Kernels

/// ln(1 − p), without losing the digits of a small p (Kahan's correction).
let private logOfComplement (p: float) =
    match 1.0 - p with
    | 1.0 -> -p
    | rest -> -p * Math.Log rest / (rest - 1.0)

/// The edges (j, i), j < i, of the nodes i from `first` to `last`, each kept with the ratio. Instead of asking every
/// pair, it draws how many pairs are passed over until the next edge, which is geometrically distributed
/// (Batagelj and Brandes, 2005). A ratio of 1 passes over none.
let private edges (random: KeyedRandom) ratio first last =
    let kept = ResizeArray<struct (int * int)>()
    let logOfMiss = logOfComplement ratio
    let passedOver () = floor (Math.Log(1.0 - random.NextDouble()) / logOfMiss)
    // Pairs are numbered row by row, i(i−1)/2 + j: exact in a float64 for 10⁸ nodes.
    let ``end`` = float (last + 1) * float last / 2.0
    let mutable position = float first * float (first - 1) / 2.0 + passedOver ()
    let mutable row, start = first, float first * float (first - 1) / 2.0

    while position < ``end`` do
        while position >= start + float row do
            start <- start + float row
            row <- row + 1

        kept.Add(struct (int (position - start), row))
        position <- position + 1.0 + passedOver ()

    kept

let private draw ratio nodes random : Graph = Graph.ofEdges nodes (edges random ratio 0 (nodes - 1))

let private join ratio (graph: Graph) nodes random =
    Graph.extend graph nodes (edges random ratio graph.Length (nodes - 1))

let topology: Component<Topology> =
    settings {
        let! ratio = Setting.real "ratio" (Interval.above 0.0 1.0) 0.4 "probability that two nodes are connected"

        return
            Topology.Family
                { IsRandom = true
                  Draw = fun nodes random -> Ok(draw ratio nodes random)
                  Join = Some(join ratio)
                  Advice =
                    fun benign ->
                        $"raise the ratio, {ratio} (about ln n / n = %.2g{log (float benign) / float benign} is the \
                          least that works)" }
    }
    |> Define.Named "random"
    |> Component.describedBy
        "each pair of nodes is connected with the same probability"
        "> P(i and j are neighbours) = the connection ratio\n\n\
         Benign edges are drawn first and redrawn until the benign subgraph is connected (assumption 1). Then the \
         Byzantine nodes join, each connected to every other node with the same ratio. They are the last nodes, or \
         those that the placement lists; with the placement `degree` all nodes are drawn alike, again until the \
         benign ones are connected, and those with the most neighbours are Byzantine. Random Byzantine edges of a \
         benign node are dropped until its Byzantine share is below 1 − ρ."
        "UBAR paper, section VI-A"
