/// Simpler neighbourhoods than a given one, for the smallest counterexample that still is one.
[<RequireQualifiedAccess>]
module UbarFs.Testing.Shrinking

open System

let private without index items = Array.removeAt index items

let private fewerNeighbours (view: Neighbourhood) =
    let rows = [| 0 .. Neighbourhood.count view - 1 |]

    let fewer =
        seq {
            if rows.Length > 3 then
                yield! Array.splitInto 2 rows

            for row in rows do
                without row rows

            // What only fails for an even number of neighbours, or an odd one.
            for one in rows do
                for other in one + 1 .. rows.Length - 1 do
                    Array.except [ one; other ] rows
        }

    seq {
        for rows in fewer do
            Neighbourhood.choose rows view
            // The fewer there are, the sooner a share of them is none.
            if view.BenignRatio <> 1.0 then
                { Neighbourhood.choose rows view with BenignRatio = 1.0 }
    }

let private fewerDimensions (view: Neighbourhood) =
    seq {
        if Neighbourhood.dimension view > 1 then
            for coordinate in 0 .. Neighbourhood.dimension view - 1 do
                Neighbourhood.map (without coordinate) view
    }

/// How hard a number is to read: 0, 1, −1, 2, … before larger ones, whole numbers before fractions, those with few binary
/// digits before others. What is not finite is only there if it has to be.
let private effort (number: float) =
    if number = 0.0 then
        0.0
    elif not (Double.IsFinite number) then
        1e6
    else
        let fraction = if number = Math.Truncate number then 0.0 else 100.0
        let digits = float (number.ToString("R").Length)
        let sign = if number < 0.0 then 0.5 else 0.0
        fraction + 10.0 * digits + sign + min 9.0 (Math.Log2(1.0 + abs number) / 4.0)

let private simplerThan (number: float) candidates =
    candidates
    |> Seq.filter (fun candidate -> effort candidate < effort number)
    |> Seq.distinct
    |> Seq.sortBy effort

let private simplerNumbers (number: float) =
    [ 0.0
      1.0
      -1.0
      2.0
      3.0
      -number
      Math.Truncate number
      Math.Round number
      Math.Truncate(number / 2.0)
      Math.Round(2.0 * number) / 2.0
      number / 2.0
      number / 1024.0 ]
    |> simplerThan number

let private replacements (simpler: float -> float seq) (numbers: float[]) =
    seq {
        for index in 0 .. numbers.Length - 1 do
            for number in simpler numbers[index] do
                Array.updateAt index number numbers
    }

/// Changes of all estimates at once: what is common to all numbers often is of no importance.
let private together (view: Neighbourhood) =
    let effortOf view = Neighbourhood.estimates view |> Array.sumBy (Array.sumBy effort)
    let minus (common: float[]) = Neighbourhood.map (fun estimate -> Array.map2 (-) estimate common) view
    let scaled (factor: float) = Neighbourhood.map (Array.map ((*) factor)) view

    if Neighbourhood.isFinite view then
        [ minus view.Own
          minus (view.Own |> Array.map (fun number -> Math.Truncate(number / 2.0)))
          minus (view.Own |> Array.map (fun number -> Math.Truncate(number / 8.0)))
          scaled 8.0
          scaled 2.0
          scaled 0.5
          scaled (Math.ScaleB(1.0, -30))
          scaled (Math.ScaleB(1.0, 30)) ]
        |> List.filter (fun changed -> effortOf changed < effortOf view)
    else
        []

let private simplerEstimates (view: Neighbourhood) =
    seq {
        yield! together view

        for own in replacements simplerNumbers view.Own do
            { view with Own = own }

        for row in 0 .. view.Received.Length - 1 do
            for estimate in replacements simplerNumbers view.Received[row] do
                { view with Received = Array.updateAt row estimate view.Received }
    }

let private simplerLosses (view: Neighbourhood) =
    let simple loss = simplerThan loss [ 0.0; 1.0; 2.0 ]

    seq {
        // Equal losses together: that they are equal may be what matters.
        for loss in Array.distinct (Array.append [| view.OwnLoss |] view.Losses) do
            for simpler in simple loss do
                let changed other = if other = loss then simpler else other

                { view with
                    OwnLoss = changed view.OwnLoss
                    Losses = Array.map changed view.Losses }

        for losses in replacements simple view.Losses do
            { view with Losses = losses }

        // Read as: all of them are benign; half are; two in five.
        let easiest = [ 1.0; 0.5; 0.4 ]
        let place = List.tryFindIndex ((=) view.BenignRatio) easiest |> Option.defaultValue easiest.Length

        for ratio in List.truncate place easiest do
            { view with BenignRatio = ratio }
    }

/// What is tried in place of a neighbourhood, the greatest simplifications first: neighbours and dimensions are dropped,
/// then numbers are made easier to read. Whoever only ever takes steps among these comes to an end.
let simpler (view: Neighbourhood) : Neighbourhood seq =
    Seq.concat
        [ fewerNeighbours view
          fewerDimensions view
          simplerEstimates view
          simplerLosses view ]

/// The end of the way from a neighbourhood that fails through simpler ones that fail, and the steps it took. `budget`
/// bounds the neighbourhoods that are tried.
let smallest budget (fails: Neighbourhood -> bool) (view: Neighbourhood) : Neighbourhood * int =
    let mutable left = budget

    let rec descend steps view =
        let failing candidate =
            left <- left - 1
            fails candidate

        match simpler view |> Seq.takeWhile (fun _ -> left > 0) |> Seq.tryFind failing with
        | Some next -> descend (steps + 1) next
        | None -> view, steps

    descend 0 view
