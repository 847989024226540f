/// The largest value on a line that can only be tried.
[<RequireQualifiedAccess>]
module UbarFs.Core.LineSearch

/// The places of a grid of so many shares from 0 to 1.
let grid points = [| for point in 0 .. points - 1 -> float point / float (points - 1) |]

/// How many of the evaluations the grid takes: half of them, at least 2.
let gridPoints evaluations = max 2 ((evaluations + 1) / 2)

let private golden = (sqrt 5.0 - 1.0) / 2.0

/// The share with the largest value for each of some lanes that are evaluated together, and that value: the best point of a
/// grid, and then of a golden section around it, with so many evaluations in all. The first one found of several.
let best lanes evaluations (evaluate: float[] -> float[]) : (float * float)[] =
    let found = Array.create lanes (0.0, -infinity)

    let tried (shares: float[]) =
        let values = evaluate shares

        for lane in 0 .. lanes - 1 do
            if values[lane] > snd found[lane] then
                found[lane] <- shares[lane], values[lane]

        values

    let points = gridPoints evaluations

    for share in grid points do
        tried (Array.create lanes share) |> ignore

    let step = 1.0 / float (points - 1)
    let low = found |> Array.map (fun (share, _) -> max 0.0 (share - step))
    let high = found |> Array.map (fun (share, _) -> min 1.0 (share + step))
    let upper lane = low[lane] + golden * (high[lane] - low[lane])
    let lower lane = high[lane] - golden * (high[lane] - low[lane])

    if evaluations > points then
        let inner, outer = Array.init lanes lower, Array.init lanes upper
        let innerValues = Array.copy (tried inner)

        if evaluations > points + 1 then
            let outerValues = Array.copy (tried outer)

            for _ in points + 3 .. evaluations do
                let isLower = Array.map2 (>=) innerValues outerValues

                for lane in 0 .. lanes - 1 do
                    if isLower[lane] then
                        high[lane] <- outer[lane]
                        outer[lane] <- inner[lane]
                        outerValues[lane] <- innerValues[lane]
                        inner[lane] <- lower lane
                    else
                        low[lane] <- inner[lane]
                        inner[lane] <- outer[lane]
                        innerValues[lane] <- outerValues[lane]
                        outer[lane] <- upper lane

                let fresh = Array.init lanes (fun lane -> if isLower[lane] then inner[lane] else outer[lane])
                let values = tried fresh

                for lane in 0 .. lanes - 1 do
                    if isLower[lane] then
                        innerValues[lane] <- values[lane]
                    else
                        outerValues[lane] <- values[lane]

    found
