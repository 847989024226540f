namespace UbarFs.Core

/// How many neighbours some nodes have, Byzantine ones included.
type Degrees = { Least: int; Mean: float; Most: int }

/// What there is to know about a network before anything trains on it.
type GraphFigures =
    {
        Benign: int
        Byzantine: int
        /// Whether a server hears all others, who do not hear each other: then all figures but the share say nothing.
        IsServed: bool
        Edges: int64
        /// Neighbours of the benign nodes.
        BenignDegrees: Degrees
        /// Neighbours of the Byzantine nodes; none if there are no such nodes.
        ByzantineDegrees: Degrees option
        /// Connected parts of the benign subgraph; assumption 1 asks for one.
        BenignParts: int
        /// τ of assumption 1: edges on the longest of the shortest paths between two benign nodes over benign ones.
        /// None when some cannot reach each other.
        Tau: int option
        /// The largest share of Byzantine nodes in a benign node's neighbourhood, or the share of them that a server hears.
        LargestByzantineShare: float
        /// 1 − |λ₂| of averaging on the benign subgraph, with the weights that the nodes mix by (see `Spectrum`).
        SpectralGap: float
    }

[<RequireQualifiedAccess>]
module GraphFigures =

    let private degrees (network: Network) (nodes: int[]) =
        let degrees = nodes |> Array.map (fun node -> network.Neighbours[node].Length)

        { Least = Array.min degrees
          Mean = Array.averageBy float degrees
          Most = Array.max degrees }

    /// The figures of the nodes that take part: with the attack `absent`, Byzantine nodes do not.
    let ofParticipants weights (participants: int[]) (network: Network) =
        let byzantine, benign = participants |> Array.partition (fun node -> network.Byzantine[node])
        let subgraph = Graph.induced benign network.Neighbours
        let parts = (Network.benignParts network).Length

        { Benign = benign.Length
          Byzantine = byzantine.Length
          IsServed = network.Server.IsSome
          Edges = Graph.edgeCount network.Neighbours
          BenignDegrees = degrees network benign
          ByzantineDegrees =
            if byzantine.Length = 0 then
                None
            else
                Some(degrees network byzantine)
          BenignParts = parts
          Tau = if parts <= 1 then Some(Diameter.ofGraph subgraph) else None
          LargestByzantineShare =
            Network.aggregators network benign |> Seq.map (Network.byzantineShare network) |> Seq.fold max 0.0
          SpectralGap =
            if parts <= 1 then
                Spectrum.spectralGap weights subgraph
            else
                0.0 }

    let ofNetwork weights (network: Network) = ofParticipants weights [| 0 .. Network.size network - 1 |] network
