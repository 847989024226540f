namespace UbarFs.Core

open System
open TorchSharp
open UbarFs.Kernels

/// Krum over benign estimates x_1 … x_m and some copies of one Byzantine vector o + γe, as a function of γ. All that
/// it needs are scalars: ‖o + γe − x_j‖² = ‖o − x_j‖² + 2γ e·(o − x_j) + γ²‖e‖².
///
/// Krum (Blanchard et al., NeurIPS 2017) gives each vector the sum of its `count` smallest squared distances to
/// others and picks the one with the lowest; a tie goes to the Byzantine vector.
type KrumLine =
    private
        {
            /// ‖o − x_j‖².
            Squares: float[]
            /// e·(o − x_j).
            Slopes: float[]
            /// ‖e‖².
            Norm: float
            /// For each benign estimate its squared distances to the others, ascending.
            Sorted: float[][]
            /// For each benign estimate the sums of its 0, 1, … `Count` smallest; infinite beyond what there is.
            Prefixes: float[][]
            Copies: int
            Count: int
        }

[<RequireQualifiedAccess>]
module KrumLine =

    /// Krum's count of neighbours for n vectors of which f are Byzantine: n − f − 2, at least 1.
    let count n f = max 1 (n - f - 2)

    /// Whether the copies are enough to fill the count of each of them with zeros: then γ has no bound.
    let isUnbounded copies count = copies > count

    let private prefixes count (sorted: float[]) =
        let padded = Seq.append sorted (Seq.initInfinite (fun _ -> infinity))
        padded |> Seq.take count |> Seq.scan (+) 0.0 |> Array.ofSeq

    /// `estimates` are `[m, d]` and finite, `origin` and `direction` are `[d]`. Everything is computed in float64,
    /// about the origin, so that products do not cancel.
    let create (origin: torch.Tensor) (direction: torch.Tensor) (estimates: torch.Tensor) copies count : KrumLine =
        use scope = torch.NewDisposeScope()
        let direction = direction.to_type torch.float64
        // In place: another matrix of this size takes as long as the products.
        let centred = estimates.``to`` (torch.float64, copy = true)
        centred.sub_ (origin.to_type torch.float64) |> ignore
        let size = int estimates.shape[0]
        let gram = Transfers.Read<float>(centred.mm (centred.t ()))
        let product row other = gram[row * size + other]
        let distance row other = max 0.0 (product row row + product other other - 2.0 * product row other)

        let sorted =
            Array.init size (fun row ->
                [| 0 .. size - 1 |] |> Array.filter ((<>) row) |> Array.map (distance row) |> Array.sort)

        { Squares = Array.init size (fun row -> product row row)
          Slopes = Transfers.Read<float>(centred.mv(direction).neg())
          Norm = Transfers.Read<float>(direction.dot direction)[0]
          Sorted = sorted
          Prefixes = Array.map (prefixes count) sorted
          Copies = copies
          Count = count }

    /// How many benign estimates count in the score of a Byzantine copy, after the other copies of itself.
    let private benignCounted line = line.Count - (line.Copies - 1)

    let private byzantineScore line (squares: float[]) =
        Array.sort squares |> Seq.truncate (max 0 (benignCounted line)) |> Seq.sum

    // The copies take the places of the farthest benign ones among the `Count` smallest.
    let private benignScore line square row =
        let found = Array.BinarySearch(line.Sorted[row], square)
        let mutable nearer = if found < 0 then ~~~found else found

        while nearer > 0 && line.Sorted[row][nearer - 1] >= square do
            nearer <- nearer - 1

        let copies = line.Count - nearer |> max 0 |> min line.Copies
        line.Prefixes[row][line.Count - copies] + float copies * square

    let private square line gamma row =
        max 0.0 (line.Squares[row] + 2.0 * gamma * line.Slopes[row] + gamma * gamma * line.Norm)

    /// Whether some benign score is below every Byzantine one if the Byzantine vector is at least as far from each
    /// benign estimate as `nearest` and at most as far as `farthest`.
    let private refusesBetween line (nearest: float[]) (farthest: float[]) =
        let byzantine = byzantineScore line nearest
        farthest |> Seq.indexed |> Seq.exists (fun (row, square) -> benignScore line square row < byzantine)

    /// Whether Krum picks the Byzantine vector at γ.
    let picks (line: KrumLine) (gamma: float) =
        let squares = Array.init line.Squares.Length (square line gamma)
        not (refusesBetween line squares squares)

    /// Whether Krum is certain to pick the Byzantine vector nowhere between two γ: the squared distances are parabolas.
    let private refusesAll line low high =
        let nearest row = square line (-line.Slopes[row] / line.Norm |> max low |> min high) row

        let farthest row = max (square line low row) (square line high row)
        let rows = line.Squares.Length
        refusesBetween line (Array.init rows nearest) (Array.init rows farthest)

    /// A γ from which on Krum never picks the Byzantine vector; infinite where the copies alone satisfy Krum. At it,
    /// the nearest benign estimate is so far that the counted ones weigh more than the best benign score.
    let private bound line =
        if isUnbounded line.Copies line.Count then
            infinity
        else
            let best = line.Prefixes |> Seq.map (fun prefixes -> prefixes[line.Count]) |> Seq.min
            (sqrt (Array.max line.Squares) + sqrt (best / float (benignCounted line))) / sqrt line.Norm

    /// The largest γ ≥ 0 for which Krum picks the Byzantine vector, to a relative error of 1e-12; infinite where the
    /// copies alone satisfy Krum, 0 where Krum picks it nowhere on the line.
    ///
    /// What Krum picks need not be one interval of γ: the mean of benign estimates in two clusters lies in neither. So
    /// the search halves [0, bound], leaves out every part that Krum certainly refuses, and takes the uppermost rest.
    /// What is picked only between two neighbours of a grid of 2^20 is overlooked.
    let largest (line: KrumLine) : float =
        let bound = bound line

        let rec bisect picked refused =
            let middle = 0.5 * (picked + refused)

            if refused - picked <= 1e-12 * refused || middle <= picked || middle >= refused then
                picked
            elif picks line middle then
                bisect middle refused
            else
                bisect picked middle

        let rec uppermost low high halvings =
            if refusesAll line low high then
                None
            elif halvings = 0 then
                if picks line low then Some(bisect low high) else None
            else
                let middle = 0.5 * (low + high)

                uppermost middle high (halvings - 1)
                |> Option.orElseWith (fun () -> uppermost low middle (halvings - 1))

        if Double.IsInfinity bound then
            infinity
        else
            // A little above, where rounding cannot make it a tie.
            uppermost 0.0 (bound * 1.000001) 20 |> Option.defaultValue 0.0
