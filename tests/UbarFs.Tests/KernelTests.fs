/// The C# kernels over estimates, at every vector width that this machine has.
module UbarFs.Tests.KernelTests

open System
open Expecto
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Kernels
open UbarFs.Kernels.Estimates
open UbarFs.Kernels.Vectors

let private widths =
    [ LaneWidth.Narrow; LaneWidth.Middle; LaneWidth.Wide ]
    |> List.filter (fun width -> width <= Lanes.Widest)

let private values (tensor: torch.Tensor) = tensor.data<float32>().ToArray()

/// Numbers around a common centre, as estimates are; every third row is far away.
let private pool rows columns : torch.Tensor =
    let numbers = Array.zeroCreate<float32>(rows * columns)
    KeyedRandom(7L, "kernels", rows, int64 columns).FillGaussian(numbers.AsSpan())

    numbers
    |> Array.mapi (fun index number -> if index / columns % 3 = 2 then 100.0f * number else number)
    |> fun numbers -> torch.tensor(numbers).view([| int64 rows; int64 columns |])

/// Widths that end within and between vectors, runs and blocks.
let private columns = [ 1; 7; 64; 65; 500; 5003 ]

let private close (expected: torch.Tensor) (actual: torch.Tensor) =
    Array.iter2
        (fun (expected: float32) (actual: float32) ->
            if not (expected.Equals actual) then
                Expect.floatClose { absolute = 1e-6; relative = 1e-6 } (float actual) (float expected) "coordinate")
        (values expected)
        (values actual)

let private everywhere name (check: LaneWidth -> int -> unit) =
    testCase name
    <| fun () ->
        for width in widths do
            for columns in columns do
                use _ = torch.NewDisposeScope()
                check width columns

let private lists =
    [| [| 3 |]
       [| 0; 5 |]
       [| 4; 1; 2; 0; 5 |]
       [| 0..8 |]
       [| 8; 2; 7; 3; 6; 4 |] |]

let private toFloat32 (tensor: torch.Tensor) = tensor.to_type torch.float32

let private byTorch (combine: int -> torch.Tensor -> torch.Tensor) (pool: torch.Tensor) =
    lists
    |> Array.mapi (fun list rows -> combine list (Estimate.rows rows pool) |> toFloat32)
    |> torch.stack

let private means =
    everywhere "means are those of the rows listed" (fun width columns ->
        let pool = pool 9 columns
        close (byTorch (fun _ -> Estimate.mean) pool) (RowMeans.Of(pool, lists, width)))

let private weighted =
    everywhere "weighted sums are those of the rows listed" (fun width columns ->
        let pool = pool 9 columns
        let weights = lists |> Array.map (Array.mapi (fun place _ -> 0.5 - 0.3 * float place))

        let combine list (rows: torch.Tensor) = torch.tensor(weights[list]).matmul(rows.to_type torch.float64)

        close (byTorch combine pool) (RowMeans.Weighted(pool, lists, weights, width)))

let private company =
    everywhere "a distance does not depend on the rows beside the two" (fun width columns ->
        let pool = pool 300 columns
        let all = SquaredDistances.Of(pool, RowPairs.Among(300, [| [| 0..299 |] |]), width)

        for one, other in [ 0, 1; 5, 200; 298, 299 ] do
            let two = torch.stack [| pool[int64 one]; pool[int64 other] |]
            let alone = SquaredDistances.Of(two, RowPairs.Among(2, [| [| 0; 1 |] |]), width)
            Expect.equal all[one, other] alone[0, 1] $"{one} and {other}")

let private trimmed =
    everywhere "trimmed means leave out the extremes and may count one more row" (fun width columns ->
        let pool = pool 9 columns
        let trims, extra = [| 0; 0; 1; 4; 2 |], [| TrimmedMeans.Nobody; 3; 3; 2; TrimmedMeans.Nobody |]

        let combine list rows =
            let kept = OrderStatistics.trimmed trims[list] (OrderStatistics.sorted rows)

            if extra[list] = TrimmedMeans.Nobody then
                Estimate.mean kept
            else
                let own = pool[int64 extra[list]].to_type(torch.float64).unsqueeze 0L
                Estimate.mean (torch.cat ([| kept; own |], 0L))

        close (byTorch combine pool) (TrimmedMeans.Of(pool, lists, trims, extra, width)))

/// Around the numbers of vector registers that machines have, and where networks are no longer compiled.
let private counts = [ 1; 2; 15; 16; 17; 32; 33; 64; 65 ]

/// The values of each column in ascending order, with +∞ for NaN.
let private sortedColumns (pool: torch.Tensor) =
    values pool
    |> Array.map (fun value -> if Single.IsNaN value then infinity else float value)
    |> Array.chunkBySize (int pool.shape[1])
    |> Array.transpose
    |> Array.map Array.sort

let private perColumn (combine: float[] -> float) columns = columns |> Array.map (combine >> float32) |> torch.tensor

/// Every seventh number is none.
let private hostile (pool: torch.Tensor) =
    let numbers = values pool |> Array.mapi (fun index number -> if index % 7 = 3 then nanf else number)
    torch.tensor(numbers).view_as pool

let private anyNumber =
    everywhere
        "trimmed means of any number of rows, hostile ones too, are those of the sorted values"
        (fun width columns ->
            for rows in counts do
                let pool = hostile (pool rows columns)
                let all, sorted = [| [| 0 .. rows - 1 |] |], sortedColumns pool

                for trim in List.distinct [ 0; (rows - 1) / 4; (rows - 1) / 2 ] do
                    let kept (column: float[]) = Array.average column[trim .. rows - 1 - trim]

                    TrimmedMeans.Of(pool, all, [| trim |], [| TrimmedMeans.Nobody |], width)
                    |> close (perColumn kept sorted))

let private oneMore =
    everywhere
        "one more row counts in a trimmed mean of any number of rows, unless one number of it is not finite"
        (fun width columns ->
            for rows in counts do
                let pool = pool (rows + 2) columns
                let all, trim = [| 0 .. rows - 1 |], (rows - 1) / 3
                let sound, spoilt = pool[int64 rows] |> values, rows + 1
                pool[int64 spoilt, -1L] <- torch.tensor nanf
                let kept (column: float[]) = column[trim .. rows - 1 - trim]
                let sorted = sortedColumns (pool.narrow (0, 0, rows))

                let withSound =
                    sorted |> Array.mapi (fun column numbers -> Array.append [| float sound[column] |] (kept numbers))

                let expected =
                    torch.cat
                        [| perColumn Array.average withSound
                           perColumn (kept >> Array.average) sorted |]

                TrimmedMeans.Of(pool, [| all; all |], [| trim; trim |], [| rows; spoilt |], width) |> close expected)

let private nearest =
    everywhere "means around the median are those of the nearest values, of any number of rows" (fun width columns ->
        for rows in counts do
            // Whole numbers, so that many are equal and many as near.
            let pool = (pool rows columns).round()
            let all, sorted = [| [| 0 .. rows - 1 |] |], sortedColumns pool

            for many in List.distinct [ 1; 1 + rows / 3; rows ] do
                let around (column: float[]) =
                    let median = (column[(rows - 1) / 2] + column[rows / 2]) / 2.0
                    let byDistance = column |> List.ofArray |> List.sortBy (fun value -> abs (value - median))
                    byDistance |> List.truncate many |> List.average

                MeansAroundMedian.Of(pool, all, [| many |], width) |> close (perColumn around sorted))

let private distances =
    everywhere "squared distances are accurate to the last digits" (fun width columns ->
        let pool = pool 9 columns
        let squares = SquaredDistances.Of(pool, RowPairs.Among(9, lists), width)
        let expected = Estimate.pairwiseSquares pool

        for rows in lists do
            for one, other in Array.allPairs rows rows do
                let expected, square = expected[one][other], squares[one, other]
                Expect.isLessThanOrEqual (abs (square - expected)) (1e-12 * expected) $"rows {one} and {other}")

let private coinciding =
    everywhere "distances of estimates that nearly coincide are accurate" (fun width columns ->
        let one =
            Native.number 1.0 (fun value -> torch.full ([| int64 columns |], value, dtype = torch.float32))

        let other = one.nextafter (Native.number 2.0 (fun value -> torch.full_like (one, value)))
        let pool = torch.stack [| one; other |]
        let squares = SquaredDistances.Of(pool, RowPairs.Between(2, [| 0 |], [| [| 1 |] |]), width)
        let expected = float columns * Math.ScaleB(1.0, -46)
        Expect.isLessThan (abs (squares[0, 1] - expected)) (1e-9 * expected) "one unit in the last place each")

let private largest =
    testCase "distances between the largest numbers are finite, and from what is not they are not"
    <| fun () ->
        use _ = torch.NewDisposeScope()
        let numbers = [| Single.MaxValue; -Single.MaxValue; Single.NaN; Single.NegativeInfinity |]
        let pool = torch.tensor(numbers).view([| 4L; 1L |])
        let squares = SquaredDistances.Of(pool, RowPairs.Among(4, [| [| 0..3 |] |]))
        Expect.isTrue (Double.IsFinite squares[0, 1]) "4·max²"
        Expect.equal [ squares[0, 2]; squares[3, 1]; squares[2, 3] ] [ infinity; infinity; infinity ] "hostile ones"
        Expect.equal (List.init 4 squares.IsFinite) [ true; true; false; false ] "finite rows"

let private sorts (network: Comparator[]) (values: int[]) =
    let values = Array.copy values

    for step in network do
        let low, high = values[step.Low], values[step.High]

        if step.Exchange <> Exchange.Larger then
            values[step.Low] <- min low high

        if step.Exchange <> Exchange.Smaller then
            values[step.High] <- max low high

    values

let private networks =
    testList
        "networks"
        [ testCase "networks of up to ten places sort all zeros and ones, and so everything"
          <| fun () ->
              for count in 0..10 do
                  let network = SortingNetwork.Sort count

                  for bits in 0 .. (1 <<< count) - 1 do
                      let values = Array.init count (fun place -> bits >>> place &&& 1)
                      Expect.equal (sorts network values) (Array.sort values) $"{count} places"

          testProperty "networks sort and select among any number of values"
          <| UbarFs.Testing.Generators.forAll
              (Gen.zip (Gen.choose (1, 150)) (Gen.zip (Gen.choose (0, 1000)) (Gen.choose (0, 1000))))
              (fun (count, (first, many)) ->
                  let first = first % count
                  let many = 1 + many % (count - first)
                  let random = KeyedRandom(1L, "networks", count, int64 first)
                  let values = Array.init count (fun _ -> random.NextInt 50)
                  let sorted = Array.sort values
                  let chosen = sorts (SortingNetwork.Select(count, first, first + many)) values

                  sorts (SortingNetwork.Sort count) values = sorted
                  && Array.sort chosen[first .. first + many - 1] = sorted[first .. first + many - 1]) ]

let private signs =
    testCase "signs are counted where a list looks"
    <| fun () ->
        use _ = torch.NewDisposeScope()
        let pool = pool 9 5003
        pool[8L, 7L] <- torch.tensor nanf
        let own, coordinates = [| 3; 1; 8; 2; 0 |], Array.init 5 (fun list -> [| list..7..5002 |])
        let device = RowOperations.Device.CountSigns(pool, own, lists, coordinates)
        let host = SignCounts.Of(pool, own, lists, coordinates)
        Expect.equal (host.Above, host.Below) (device.Above, device.Below) "above and below"

let private differences =
    everywhere "sums of differences, and their products, are what libtorch makes of them" (fun width columns ->
        let pool = pool 9 columns
        let sums = pool.neg ()
        pool[7L, int64 columns - 1L] <- torch.tensor infinityf

        // Some rows are new, some are silent, and one would no longer be finite.
        let items =
            lists
            |> Array.mapi (fun list rows ->
                let past = rows |> Array.map (fun row -> if list = 1 || row % 4 = 1 then -1 else row)
                let heard = rows |> Array.map (fun row -> if (row + list) % 4 = 2 then -1 else row)
                DifferencesToAdd(list, (if list = 1 then null else sums), past, heard))
            |> Array.append [| DifferencesToAdd(2, sums, [| 0..8 |], [| 0..8 |]) |]

        for host, device in
            Array.zip (DifferenceSums.Of(pool, items, width)) (RowOperations.Device.AddDifferences(pool, items)) do
            close (device.Sums.flatten ()) (host.Sums.flatten ())

            for expected, product in Array.zip device.Products host.Products do
                Expect.floatClose { absolute = 1e-6; relative = 1e-9 } product expected "product")

let private threads =
    testCase "no result depends on the number of threads"
    <| fun () ->
        use _ = torch.NewDisposeScope()
        let pool = pool 9 5003

        let results () =
            let squares = SquaredDistances.Of(pool, RowPairs.Among(9, lists))

            [ for one in 0..8 -> squares[8, one] ],
            values (RowMeans.Of(pool, lists)),
            values (TrimmedMeans.Medians(pool, lists)),
            values (MeansAroundMedian.Of(pool, lists, [| 1; 1; 3; 5; 2 |]))

        let before = Workers.Count

        try
            Workers.Count <- 1
            let one = results ()
            Workers.Count <- 4
            Expect.equal (results ()) one "one thread and four"
        finally
            Workers.Count <- before

[<Tests>]
let tests =
    testSequenced
    <| testList
        "kernels"
        [ means
          weighted
          company
          trimmed
          anyNumber
          oneMore
          nearest
          distances
          coinciding
          largest
          networks
          signs
          differences
          threads ]
