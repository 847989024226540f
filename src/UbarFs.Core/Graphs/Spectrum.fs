/// How fast averaging with one's neighbours mixes: the eigenvalues of W = D⁻¹(A + I), where D holds the degrees plus
/// one. The rows of W sum to one; W is similar to the symmetric S = D^(−1/2)(A + I)D^(−1/2): its eigenvalues are real.
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

let private roots (graph: Graph) = graph |> Array.map (fun neighbours -> sqrt (float (neighbours.Length + 1)))

let private eigenvalues (size: int) (symmetric: float[]) : float[] =
    use _ = torch.NewDisposeScope()
    let matrix = torch.tensor (symmetric, int64 size, int64 size, dtype = torch.float64)
    torch.linalg.eigvalsh(matrix).data<float>().ToArray()

/// All eigenvalues, ascending. The last is 1.
let private dense (graph: Graph) =
    let size, roots = graph.Length, roots graph
    let entries = Array.zeroCreate<float>(size * size)

    for node in 0 .. size - 1 do
        for other in Seq.append [ node ] graph[node] do
            entries[node * size + other] <- 1.0 / (roots[node] * roots[other])

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
let private multiply (graph: Graph) (roots: float[]) (vector: float[]) =
    Array.init graph.Length (fun node ->
        let mutable sum = vector[node] / roots[node]

        for other in graph[node] do
            sum <- sum + vector[other] / roots[other]

        sum / roots[node])

/// S on a Krylov space orthogonal to its first eigenvector, as the diagonal and the off-diagonal of a tridiagonal
/// matrix: the Lanczos method with full reorthogonalisation, from a fixed start.
let private krylov (graph: Graph) =
    let roots = roots graph
    // The eigenvector of the eigenvalue 1 is D^(1/2)·1.
    let basis = ResizeArray [ normalised roots ]

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
        let image = multiply graph roots next
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
let denseGap (graph: Graph) = dense graph |> Array.truncate (graph.Length - 1) |> gap

/// The spectral gap by the Lanczos method, in time that grows with the edges. It approaches the gap from above; in rings
/// and chains of many thousand nodes, whose gap is far below 10⁻⁴, it stays an upper bound.
let lanczosGap (graph: Graph) = krylov graph |> tridiagonal |> gap

/// The spectral gap of W, 1 − |λ₂|: the factor by which a step of averaging shrinks the disagreement is |λ₂|. It is 1
/// for a complete graph and for a single node, and 0 for a graph that is not connected.
let spectralGap (graph: Graph) =
    if graph.Length <= 1 then 1.0
    elif graph.Length <= largestDense then denseGap graph
    else lanczosGap graph
