/// Min-max and min-sum: as far from the benign mean as the benign messages are from each other.
[<RequireQualifiedAccess>]
module UbarFs.Core.MinMax

open TorchSharp
open UbarFs.Kernels

/// What the message must not exceed.
[<RequireQualifiedAccess>]
type Bound =
    /// The largest distance between two benign messages, for the distance from any of them.
    | Largest
    /// The largest sum of squared distances of one benign message from all others, for its own.
    | Sum

/// Of some benign vectors: ‖x̄ − γp − x_i‖² = a_i − 2γb_i + γ²c, and what the bound is.
type private Parabolas = { Starts: float[]; Slopes: float[]; Norm: float; Most: float }

/// Whether the message at γ is within the bound.
let private isWithin bound (parabolas: Parabolas) gamma =
    let at start slope = start - 2.0 * gamma * slope + gamma * gamma * parabolas.Norm
    let squares = Array.map2 at parabolas.Starts parabolas.Slopes

    match bound with
    | Bound.Largest -> Array.max squares <= parabolas.Most
    | Bound.Sum -> Array.sum squares <= parabolas.Most

/// The largest γ within the bound to a relative error of 1e-7, from inside: what is within is one interval, since all
/// of it is convex.
let private largest bound (parabolas: Parabolas) =
    let isWithin = isWithin bound parabolas

    let rec bisect within beyond =
        let middle = 0.5 * (within + beyond)

        if beyond - within <= 1e-7 * beyond || middle <= within || middle >= beyond then
            within
        elif isWithin middle then
            bisect middle beyond
        else
            bisect within middle

    // From the mean, a point within the benign ones' span, it is at most so far to what is twice beyond the bound.
    if parabolas.Norm > 0.0 && parabolas.Most > 0.0 then
        bisect 0.0 (2.0 * sqrt (parabolas.Most / parabolas.Norm))
    else
        0.0

/// Some rows of estimates in float64, in memory of their own.
let private wide (nodes: int[]) (estimates: torch.Tensor) : torch.Tensor =
    let rows = torch.empty (nodes.LongLength, estimates.shape[1], torch.float64, estimates.device)
    nodes |> Array.iteri (fun row node -> rows[int64 row].copy_ estimates[int64 node] |> ignore)
    rows

// So many coordinates at a time stay in the caches; how many does not change a bit.
let private portion = 1L <<< 13

/// The standard deviation of each coordinate, out of the differences from the mean, `[m, d]`.
let private deviations (differences: torch.Tensor) : torch.Tensor =
    let deviations = torch.empty_like differences[0L]

    for start in 0L .. portion .. differences.shape[1] - 1L do
        use _ = torch.NewDisposeScope()
        let length = min portion (differences.shape[1] - start)
        let squares = Native.square (differences.narrow (1L, start, length))
        deviations.narrow(0L, start, length).copy_(squares.mean([| 0L |]).sqrt()) |> ignore

    deviations

/// p for the mean of some benign estimates and their differences from it, `[m, d]`, in float64.
let private perturbation direction (differences: torch.Tensor) (mean: torch.Tensor) : torch.Tensor =
    match direction with
    | "unit" ->
        let length = Native.read (mean.norm ())
        Native.scaled (if length > 0.0 then 1.0 / length else 0.0) mean
    | "sign" -> mean.sign ()
    | _ -> deviations differences

/// ‖x_i − x_j‖² of all nodes with an estimate that is finite, `[n, n]`, from products about their mean.
let private squares (knowledge: Omniscience) (nodes: int[]) : float[,] =
    use _ = torch.NewDisposeScope()
    let wide = wide nodes knowledge.Estimates
    let count = nodes.Length
    wide.sub_ (wide.mean [| 0L |]) |> ignore
    let gram = Transfers.Read<float>(Estimate.products wide)
    let product row other = gram[row * count + other]

    Array2D.init count count (fun row other ->
        if row = other then
            0.0
        else
            max 0.0 (product row row + product other other - 2.0 * product row other))

/// a_i and the bound, from the squared distances between the benign nodes at some places.
let private parabolas bound (squares: float[,]) (places: int[]) slopes norm : Parabolas =
    let count = float places.Length
    let sums = places |> Array.map (fun row -> places |> Array.sumBy (fun other -> squares[row, other]))
    let inner = Array.sum sums / (2.0 * count * count)

    { Starts = sums |> Array.map (fun sum -> max 0.0 (sum / count - inner))
      Slopes = slopes
      Norm = norm
      Most =
        match bound with
        | Bound.Sum -> Array.max sums
        | Bound.Largest ->
            places
            |> Array.map (fun row -> places |> Array.map (fun other -> squares[row, other]) |> Array.max)
            |> Array.max }

/// x̄ − fγp for the factor f, made once for all who share the knowledge of the squared distances.
let private prepare bound direction (factor: float) (knowledge: Omniscience) : int[] -> int -> torch.Tensor =
    let known = Omniscience.benign knowledge
    let place = known |> Seq.mapi (fun place node -> node, place) |> Map.ofSeq
    let squares = squares knowledge known

    fun nodes _ ->
        use scope = torch.NewDisposeScope()
        // Differences from the mean take the place of the estimates: another such matrix costs more than what is computed.
        let differences = wide nodes knowledge.Estimates
        let mean = differences.mean [| 0L |]
        differences.sub_ mean |> ignore
        let p = perturbation direction differences mean
        // p·(x̄ − x_i) as p·x̄ − p·x_i would cancel.
        let slopes = Transfers.Read<float>((differences.mv p).neg())
        let norm = Native.read (p.dot p)
        let places = nodes |> Array.map (fun node -> place[node])
        let gamma = largest bound (parabolas bound squares places slopes norm)
        (mean - Native.scaled (factor * gamma) p).to_type(knowledge.Estimates.dtype).MoveToOuterDisposeScope()

let private attack name bound formula summary difference : Component<Behaviour> =
    settings {
        let! direction =
            Setting.choice
                "direction"
                [ "std"; "unit"; "sign" ]
                "std"
                "p: the standard deviations, the mean's direction, or its signs"

        and! factor =
            Setting.real "factor" Interval.nonNegative 1.0 "what γ is multiplied by: 1 reaches the bound"

        and! scope = Scope.setting
        let at factor = Strategy.Omniscient(Scope.adversary scope (prepare bound direction factor))
        return Attack.ofStrength "factor" (0.0, 3.0) at factor
    }
    |> Define.Named name
    |> Component.describedBy
        summary
        $"> x̂ = x̄ − γp\n\
          > γ = the largest with {formula}\n\
          > p = σ, x̄/‖x̄‖ or sign(x̄): std, unit, sign\n\n\
          i and j are benign nodes, x̄ and σ the mean and the standard deviation (with the divisor n_b) of their estimates \
          in each coordinate; `scope` says of which. γ is found by bisection to 1e-7 of it, from inside, by the scalar \
          products of the estimates.\n\n\
          Where sources differ: the authors' code goes up and down in ever smaller steps from γ = 10 (others: 50) until a \
          step is below 1e-5, whatever the scale of the messages, and takes the divisor n_b − 1 for σ, which γ makes up \
          for. {difference} Estimates take the place of gradients, whose sign p has there: −p is the way down."
        "Shejwalkar, Houmansadr, NDSS 2021"

let all: Component<Behaviour> list =
    [ attack
          "min-max"
          Bound.Largest
          "max_i ‖x̂ − x_i‖ ≤ max_ij ‖x_i − x_j‖"
          "no farther from any benign message than these are apart"
          "The paper's formula and its code agree on the bound."
      attack
          "min-sum"
          Bound.Sum
          "Σ_i ‖x̂ − x_i‖² ≤ max_i Σ_j ‖x_i − x_j‖²"
          "no farther from the benign messages, in sum, than one is"
          "The sum is of squared distances, as in the paper." ]
