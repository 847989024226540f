/// Pulls the network apart along the way in which it mixes slowest.
[<RequireQualifiedAccess>]
module UbarFs.Core.Spectral

open System.Runtime.CompilerServices
open TorchSharp
open UbarFs.Kernels

/// The most benign nodes for which all eigenvectors are computed.
let private mostNodes = 2000

/// Eigenvalues are the same up to this share of the largest degree.
let private rounding = 1e-9

/// L of the benign graph, whose eigenvectors are computed with its constant ones out of the way: at twice the largest
/// eigenvalue.
let private shiftedLaplacian (network: Network) (nodes: int[]) : float[] * float =
    let count = nodes.Length
    let place = nodes |> Seq.mapi (fun place node -> node, place) |> Map.ofSeq

    let neighbours =
        nodes
        |> Array.map (fun node ->
            network.Neighbours[node] |> Array.choose (fun neighbour -> Map.tryFind neighbour place))

    let largest = neighbours |> Seq.map Array.length |> Seq.append [ 1 ] |> Seq.max |> float
    // No eigenvalue of L is above twice the largest degree.
    let laplacian = Array.create (count * count) (4.0 * largest / float count)

    neighbours
    |> Array.iteri (fun row others ->
        laplacian[row * count + row] <- laplacian[row * count + row] + float others.Length

        for other in others do
            laplacian[row * count + other] <- laplacian[row * count + other] - 1.0)

    laplacian, largest

/// The Fiedler vector e of the benign nodes' graph, in their order and of length 1: an eigenvector of L = D − A for its
/// smallest eigenvalue but that of (1, …, 1). Of several with that eigenvalue it is the one nearest to a unit vector, of
/// the lowest node where there are several of these. Nothing for a single node.
let fiedler (network: Network) : float[] =
    use _ = torch.NewDisposeScope()
    let nodes = Network.benign network
    let count = nodes.Length

    if count < 2 then
        Array.zeroCreate count
    else
        let laplacian, largest = shiftedLaplacian network nodes
        let matrix = torch.tensor (laplacian, int64 count, int64 count, dtype = torch.float64)
        let struct (values, vectors) = torch.linalg.eigh matrix
        let values = Transfers.Read<float> values
        let alike = values |> Seq.takeWhile (fun value -> value <= values[0] + rounding * largest) |> Seq.length
        let basis = vectors.narrow (1L, 0L, int64 alike)
        let lengths = Transfers.Read<float>((Native.square basis).sum 1L)
        let longest = Array.max lengths
        let node = lengths |> Array.findIndex (fun length -> length >= longest - rounding)
        let projected = basis.mv (basis[int64 node])
        Transfers.Read<float>(projected / projected.norm ())

// A run's network is one object in all its iterations.
let private found = ConditionalWeakTable<Network, float[]>()

let private fiedlerOf network = found.GetValue(network, fiedler)

/// x_i + s·e_i Σ_j e_j x_j to the benign node i.
let private sent (strength: float) (knowledge: Omniscience) : OwnState -> Sent =
    let nodes = Network.benign knowledge.Network
    let entries = fiedlerOf knowledge.Network
    let isKnown = System.Collections.Generic.HashSet(Omniscience.benign knowledge)
    let known = [| 0 .. nodes.Length - 1 |] |> Array.filter (fun place -> isKnown.Contains nodes[place])

    if known.Length = 0 then
        fun state -> Sent.Everyone state.Estimate
    else
        let pull =
            use inner = torch.NewDisposeScope()
            let rows = Estimate.rows (known |> Array.map (fun place -> nodes[place])) knowledge.Estimates
            let weights = known |> Array.map (fun place -> entries[place])
            // A copy begins where tensors do, so that it is rounded in the same way each time.
            let weights = torch.tensor(weights, device = rows.device).clone()
            rows.to_type(torch.float64).t().mv(weights).MoveToOuterDisposeScope()

        let moved place =
            use inner = torch.NewDisposeScope()
            let own = knowledge.Estimates[int64 nodes[place]]
            let moved = Native.sum (own.to_type torch.float64) (Native.scaled (strength * entries[place]) pull)
            moved.to_type(own.dtype).MoveToOuterDisposeScope()

        let vectors = known |> Seq.map (fun place -> nodes[place], moved place) |> Map.ofSeq

        fun state -> Sent.Each(fun receiver -> Map.tryFind receiver vectors |> Option.defaultValue state.Estimate)

let private objection (network: Network) (_: int[]) =
    match (Network.benign network).Length with
    | _ when network.Server.IsSome -> Some "spectral pulls benign neighbours apart, and with a server there are none"
    | benign when benign > mostNodes ->
        Some $"spectral computes eigenvectors of at most {mostNodes} benign nodes; here are {benign}"
    | _ -> None

let attack: Component<Behaviour> =
    settings {
        let! strength = Setting.real "strength" Interval.unbounded 1.0 "s, how far the network is pulled apart"
        let at strength = Strategy.Omniscient(Adversary.sending (sent strength))

        return
            { Attack.ofStrength "strength" (0.0, 10.0) at strength with
                Objection = objection }
    }
    |> Define.Named "spectral"
    |> Component.describedBy
        "pulls the network apart where it mixes slowest"
        "> to node i:  x̂ = x_i + s·e_i Σ_j e_j x_j\n\n\
         e is the Fiedler vector of the benign graph, of length 1: the eigenvector of D − A (degrees and adjacency among \
         benign nodes) for its smallest eigenvalue but that of (1, …, 1). The sum is over all benign nodes j. Its signs \
         split the network at its bottleneck, and both sides are told to move away from the other.\n\n\
         Where sources differ: nothing says which eigenvector is meant where several share the eigenvalue, as in a \
         complete graph or a ring. Here it is the one nearest to a unit vector, of the lowest node where there are \
         several. The authors' code searches s for each rule, from 16 evaluations on: see `strongest`."
        "Gaucher, Dieuleveut, Hendrikx, ICML 2025 (Unified Breakdown Analysis for Byzantine Robust Gossip)"
