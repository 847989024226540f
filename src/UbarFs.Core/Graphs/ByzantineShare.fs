/// The bound on the share of Byzantine nodes in a benign neighbourhood, which the benign ratio ρ sets.
[<RequireQualifiedAccess>]
module UbarFs.Core.ByzantineShare

open UbarFs.Kernels

/// Whether b Byzantine neighbours of m are a share below 1 − ρ; binary fractions must not decide it.
let private respects benignRatio byzantine neighbours = float byzantine < (1.0 - benignRatio) * float neighbours - 1e-9

/// The most Byzantine neighbours, of b, that a node with some benign neighbours can keep.
let private allowed benignRatio benign byzantine =
    Seq.initInfinite (fun dropped -> byzantine - dropped)
    |> Seq.find (fun kept -> kept = 0 || respects benignRatio kept (benign + kept))

/// What a benign node keeps of its neighbours: all benign ones, and Byzantine ones drawn at random.
let private kept (random: KeyedRandom) benignRatio network node =
    let byzantine, benign =
        network.Neighbours[node] |> Array.partition (fun neighbour -> network.Byzantine[neighbour])

    match allowed benignRatio benign.Length byzantine.Length with
    | all when all = byzantine.Length -> network.Neighbours[node]
    | few ->
        let chosen = random.Permutation byzantine.Length |> Array.truncate few
        Array.sort (Array.append benign (chosen |> Array.map (fun position -> byzantine[position])))

/// Drops random Byzantine edges of each benign node until its Byzantine share is below 1 − ρ, or it has no Byzantine
/// neighbour. One node's drops leave the other benign nodes alone: every dropped edge has only one benign end.
let enforce (random: KeyedRandom) benignRatio network =
    let keeps =
        Array.init (Network.size network) (fun node ->
            if network.Byzantine[node] then
                network.Neighbours[node]
            else
                kept random benignRatio network node)

    // A Byzantine node keeps those benign neighbours that keep it. Going through the nodes in order sorts its list.
    let ofByzantine = Array.init keeps.Length (fun _ -> ResizeArray<int>())

    keeps
    |> Array.iteri (fun node neighbours ->
        for neighbour in neighbours do
            if network.Byzantine[neighbour] then
                ofByzantine[neighbour].Add node)

    { network with
        Neighbours =
            keeps
            |> Array.mapi (fun node neighbours ->
                if network.Byzantine[node] then
                    ofByzantine[node].ToArray()
                else
                    neighbours) }
