/// Divide and conquer: drops what lies farthest along the direction in which the received estimates differ most.
[<RequireQualifiedAccess>]
module UbarFs.Core.Dnc

open System
open TorchSharp
open UbarFs.Kernels

let private cap neighbours = (neighbours - 1) / 2

/// What is equal up to this share of the largest is equal: rounding must not decide.
let private rounding = 1e-9

/// The coordinates of each round; nothing stands for all of them, which need one round alone.
let private rounds coordinates count (dimension: int64) (random: unit -> KeyedRandom) : int[] option list =
    if int64 coordinates >= dimension then
        [ None ]
    else
        let random = random ()
        List.init count (fun _ -> Some(Random.distinct random coordinates (int dimension)))

/// The scalar products `[m, m]` of the rows of `[m, c]` around their mean, in float64 and up to a common factor.
let private products (rows: torch.Tensor) : torch.Tensor =
    use scope = torch.NewDisposeScope()
    let rows = Estimate.tamed rows
    (Estimate.products (rows - rows.mean [| 0L |])).MoveToOuterDisposeScope()

/// λ·u_j² for each row, from the scalar products: its squared projection on the right singular direction with the
/// largest value. Of several with this value it is the projection on what they span.
let private projections (products: float[]) : float[] =
    use scope = torch.NewDisposeScope()
    let count = int (sqrt (float products.Length))
    let largest = products |> Array.fold max 0.0

    if largest > 0.0 then
        // Around 1, in the same bits whatever the scale of the estimates.
        let factor = Math.ScaleB(1.0, -Math.ILogB largest)
        let matrix = torch.tensor(products |> Array.map ((*) factor)).view(int64 count, int64 count)
        let struct (values, vectors) = torch.linalg.eigh matrix
        let values = Transfers.Read<float> values
        let vectors = Transfers.Read<float>(vectors.contiguous ()) |> Array.chunkBySize count
        let top = values[count - 1]

        let isTop = values |> Array.map (fun value -> value >= top * (1.0 - rounding))

        vectors
        |> Array.map (fun entries ->
            Seq.zip3 entries values isTop
            |> Seq.sumBy (fun (entry, value, isTop) -> if isTop then value * entry * entry else 0.0))
    else
        Array.zeroCreate count

/// The places that are left when `count` times the one with the largest projection is dropped; of equal ones the last.
let private without count (projections: float[]) : Set<int> =
    let tie = rounding * Array.sum projections

    let drop (left: Set<int>) _ =
        let largest = left |> Seq.map (fun place -> projections[place]) |> Seq.max
        let last = left |> Seq.filter (fun place -> projections[place] >= largest - tie) |> Seq.max
        Set.remove last left

    Seq.fold drop (set [ 0 .. projections.Length - 1 ]) [ 1..count ]

/// What every round keeps of the finite places, from the scalar products in each round. What is not finite counts among
/// the n̂ that are dropped.
let private keptBy byzantine neighbours (finite: int[]) (products: float[] list) : int[] =
    let count = max 0 (byzantine - (neighbours - finite.Length))

    products
    |> List.map (projections >> without count)
    |> Set.intersectMany
    |> Seq.map (fun place -> finite[place])
    |> Array.ofSeq

let private reference liars coordinates count (view: View) =
    use scope = torch.NewDisposeScope()
    let neighbours = int view.Received.shape[0]

    let kept =
        match Finite.rows view.Received with
        | [||] -> [||]
        | finite ->
            let received = Estimate.rows finite view.Received

            rounds coordinates count view.Received.shape[1] (fun () -> view.Random "dnc")
            |> List.map (fun drawn ->
                match drawn with
                | None -> received
                | Some coordinates -> received.index_select (1L, Transfers.Send(coordinates, received.device))
                |> products
                |> Transfers.Read<float>)
            |> keptBy (Liars.ofView liars view) neighbours finite

    Aggregate.ofSelection "dnc" kept ((Finite.meanOrOwn kept view).MoveToOuterDisposeScope())

/// The scalar products of each round among some rows of the pool.
let private productsOf coordinates count (view: NetworkView) node (rows: int[]) : torch.Tensor list =
    let device = view.Pool.device
    let rows = Transfers.Send(rows, device)

    rounds coordinates count view.Pool.shape[1] (fun () -> view.Random node "dnc")
    |> List.map (fun drawn ->
        use scope = torch.NewDisposeScope()

        let seen =
            match drawn with
            | None -> view.Pool.index_select (0L, rows)
            | Some coordinates -> view.Pool.index (rows.unsqueeze 1L, Transfers.Send(coordinates, device))

        (products seen).MoveToOuterDisposeScope())

let private network liars coordinates count (view: NetworkView) =
    use scope = torch.NewDisposeScope()
    let finiteRows = NetworkView.finiteRows view

    let finite =
        view.Received.Lists
        |> Array.map (fun received ->
            [| 0 .. received.Length - 1 |] |> Array.filter (fun place -> finiteRows[received[place]]))

    let products =
        NetworkView.atPlaces finite view
        |> Array.mapi (fun node rows ->
            if Array.isEmpty rows then
                []
            else
                productsOf coordinates count view node rows)

    // One read for all nodes and rounds.
    let numbers =
        match products |> Seq.concat |> Seq.map _.flatten() |> Array.ofSeq with
        | [||] -> [||]
        | all -> Transfers.Read<float>(torch.cat (all, 0L))

    let mutable start = 0

    let next (products: torch.Tensor) =
        let length = int (products.numel ())
        start <- start + length
        Array.sub numbers (start - length) length

    let kept =
        Array.map3
            (fun byzantine (finite, neighbours) products ->
                if List.isEmpty products then
                    [||]
                else
                    products |> List.map next |> keptBy byzantine neighbours finite)
            (Liars.ofNetwork liars view)
            (Array.zip finite (NetworkView.counts view))
            products

    let selection = NetworkView.selectionOf kept view

    view
    |> Finite.meansOrOwn selection
    |> _.MoveToOuterDisposeScope()
    |> NetworkView.withStages [ selection.MoveToOuterDisposeScope() ] view

let rule: Component<Rule> =
    settings {
        let! liars = Liars.assuming cap

        and! coordinates =
            Setting.whole "coordinates" 1 1_000_000_000 10_000 "how many coordinates a round looks at, drawn at random"

        and! rounds = Setting.whole "rounds" 1 1_000 5 "rounds, each with coordinates of its own"
        and! alpha = Setting.ratio "alpha" 0.5 "α, the weight of the own estimate in the update"

        return
            Rule.aggregating alpha (reference liars coordinates rounds)
            |> Rule.allAtOnce (network liars coordinates rounds)
            |> Rule.selecting [ "dnc" ]
            |> Rule.costing Cost.Quadratic
            |> Liars.toleratedBy liars
            // Not of rotation, for some coordinates decide; nor do all rounds always keep an estimate in common.
            |> Rule.measuringFromOwn
            |> Rule.claiming (
                [ Law.NeighbourOrder
                  Law.Translation
                  Law.Scaling
                  Law.Mirroring
                  Law.CoordinateRange
                  Law.Containment
                  Law.Fixpoint
                  Law.MeanOfKept
                  Law.Precision ]
                @ (if rounds = 1 then [ Law.OwnApart ] else [])
            )
    }
    |> Define.Named "dnc"
    |> Component.describedBy
        "drops what is far along the direction of most difference"
        "> y_j = some coordinates of x_j, less their mean over the received\n\
         > v = the top right singular direction of the y_j\n\
         > dropped: the n̂ with the largest ⟨y_j, v⟩²,   n̂ ≤ ⌊(|N_i| − 1)/2⌋\n\
         > R = the mean of what every round keeps; x_i if there is none\n\n\
         Each round draws min(`coordinates`, d) coordinates anew, none twice; with all of them one round says what any \
         says. v is exact, from the scalar products of the y_j. Of equal projections the lowest index is kept; where \
         several directions are as good, the projection is on what they span. An estimate that is not finite is never \
         kept, and counts among the n̂.\n\n\
         Adapted: the source filters c·n̂ updates, with c a number that it sets to 1; here c = 1, and what is filtered \
         are estimates."
        "Shejwalkar and Houmansadr, Manipulating the Byzantine, NDSS 2021 (divide and conquer)"
