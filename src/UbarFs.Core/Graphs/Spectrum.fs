/// How fast averaging with one's neighbours mixes: the eigenvalues of W, whose rows sum to one. They are real: W is
/// symmetric, or, with equal weights, W = D⁻¹(A + I), where D holds the degrees plus one, and similar to the symmetric
/// D^(−1/2)(A + I)D^(−1/2).
[<RequireQualifiedAccess>]
module UbarFs.Core.Spectrum

open System
open TorchSharp
open UbarFs.Kernels

/// Largest graph whose eigenvalues are all computed; beyond it, the Lanczos method finds those that matter.
let private largestDense = 500

/// Steps of the Lanczos method, as many as a second allows: it spends steps²·n on keeping its basis orthogonal.
let private mostSteps (graph: Graph) =
    let affordable = int (sqrt (5e8 / float graph.Length))
    min (graph.Length - 1) (max 200 (min 600 affordable))

/// S, symmetric, with the eigenvalues of W.
type private Similar =
    {
        Graph: Graph
        /// S_ij for neighbours i and j.
        Between: int -> int -> float
        /// S_ii.
        Own: float[]
        /// An eigenvector of the eigenvalue 1.
        Fixed: float[]
    }

let private similar (weights: MixingWeights) (graph: Graph) : Similar =
    match weights with
    | MixingWeights.Equal ->
        let roots = graph |> Array.map (fun neighbours -> sqrt (float (neighbours.Length + 1)))

        { Graph = graph
          Between = fun node other -> 1.0 / (roots[node] * roots[other])
          Own = roots |> Array.map (fun root -> 1.0 / (root * root))
          Fixed = roots }
    | MixingWeights.Metropolis
    | MixingWeights.MaxDegree
    | MixingWeights.LazyMetropolis ->
        let between = MixingWeights.between weights graph
        let own node = Array.sumBy (between node) >> (-) 1.0

        { Graph = graph
          Between = between
          Own = Array.mapi own graph
          Fixed = Array.create graph.Length 1.0 }

let private eigenvalues (size: int) (symmetric: float[]) : float[] =
    use _ = torch.NewDisposeScope()
    let matrix = torch.tensor (symmetric, int64 size, int64 size, dtype = torch.float64)
    torch.linalg.eigvalsh(matrix).data<float>().ToArray()

/// All eigenvalues, ascending. The last is 1.
let private dense (similar: Similar) =
    let size = similar.Graph.Length
    let entries = Array.zeroCreate<float>(size * size)

    for node in 0 .. size - 1 do
        entries[node * size + node] <- similar.Own[node]

        for other in similar.Graph[node] do
            entries[node * size + other] <- similar.Between node other

    eigenvalues size entries

let private dot (one: float[]) (other: float[]) =
    let mutable sum = 0.0

    for position in 0 .. one.Length - 1 do
        sum <- sum + one[position] * other[position]

    sum

/// one ← one − scale·other
let private subtract (one: float[]) scale (other: float[]) =
    for position in 0 .. one.Length - 1 do
        one[position] <- one[position] - scale * other[position]

let private normalised (vector: float[]) =
    let length = sqrt (dot vector vector)
    Array.map (fun coordinate -> coordinate / length) vector

/// S·v
let private multiply (similar: Similar) (vector: float[]) =
    Array.init vector.Length (fun node ->
        let mutable sum = similar.Own[node] * vector[node]

        for other in similar.Graph[node] do
            sum <- sum + similar.Between node other * vector[other]

        sum)

/// S on a Krylov space orthogonal to its first eigenvector, as the diagonal and the off-diagonal of a tridiagonal
/// matrix: the Lanczos method with full reorthogonalisation, from a fixed start.
let private krylov (similar: Similar) =
    let graph = similar.Graph
    let basis = ResizeArray [ normalised similar.Fixed ]

    let orthogonal (vector: float[]) =
        for _ in 1..2 do
            for direction in basis do
                subtract vector (dot vector direction) direction

        vector

    let steps = mostSteps graph
    let random = KeyedRandom(0L, "spectrum", 0, 0L)

    let mutable next =
        orthogonal (Array.init graph.Length (fun _ -> random.NextDouble() - 0.5)) |> normalised

    let diagonal, off = ResizeArray<float>(), ResizeArray<float>()
    let mutable isDone = false

    while not isDone do
        basis.Add next
        let image = multiply similar next
        diagonal.Add(dot image next)
        let rest = orthogonal image
        let length = sqrt (dot rest rest)

        if length < 1e-10 || diagonal.Count = steps then
            isDone <- true
        else
            off.Add length
            next <- normalised rest

    diagonal.ToArray(), off.ToArray()

let private tridiagonal (diagonal: float[], off: float[]) =
    let size = diagonal.Length
    let entries = Array.zeroCreate<float>(size * size)
    diagonal |> Array.iteri (fun row value -> entries[row * size + row] <- value)

    off
    |> Array.iteri (fun row value ->
        entries[row * size + row + 1] <- value
        entries[(row + 1) * size + row] <- value)

    eigenvalues size entries

let private gap (second: float[]) = max 0.0 (1.0 - Array.max (Array.map abs second))

/// The spectral gap of W, 1 − |λ₂|, from all eigenvalues of a graph with two nodes or more.
let denseGap weights (graph: Graph) = dense (similar weights graph) |> Array.truncate (graph.Length - 1) |> gap

/// The spectral gap by the Lanczos method, in time that grows with the edges. It approaches the gap from above; in rings
/// and chains of many thousand nodes, whose gap is far below 10⁻⁴, it stays an upper bound.
let lanczosGap weights (graph: Graph) = krylov (similar weights graph) |> tridiagonal |> gap

/// The spectral gap of W, 1 − |λ₂|: the factor by which a step of averaging shrinks the disagreement is |λ₂|. It is 1
/// for a complete graph (½ with lazy weights) and for a single node, and 0 for a graph that is not connected.
let spectralGap weights (graph: Graph) =
    if graph.Length <= 1 then
        1.0
    elif graph.Length <= largestDense then
        denseGap weights graph
    else
        lanczosGap weights graph
