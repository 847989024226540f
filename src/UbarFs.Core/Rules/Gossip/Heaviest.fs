/// What the neighbours that a node distrusts can weigh.
[<RequireQualifiedAccess>]
module UbarFs.Core.Heaviest

/// Weights are compared with this tolerance.
let tolerance = 1e-9

/// Any number of neighbours can be assumed to lie: the own estimate is left.
let cap (neighbours: int) = neighbours

/// b, the largest weight that so many of the neighbours can have together.
let together (liars: Liars) (standing: LocalView) : float =
    let byzantine = Liars.count liars standing.Headcount
    standing.Weights |> Array.sortDescending |> Array.truncate byzantine |> Array.sum

/// All places, farthest first; ties to the lowest place.
let farthestFirst (distances: float[]) : int[] =
    [| 0 .. distances.Length - 1 |] |> Array.sortBy (fun place -> struct (-distances[place], place))

/// The farthest places as long as their weights together are at most b, and the rest, farthest first.
let split (standing: LocalView) b (distances: float[]) : int[] * int[] =
    let places = farthestFirst distances

    let count =
        places
        |> Array.scan (fun weight place -> weight + standing.Weights[place]) 0.0
        |> Array.takeWhile (fun weight -> weight <= b + tolerance)
        |> Array.length

    Array.splitAt (min places.Length (count - 1)) places
