/// What partitions are made of: cuts of an order, classes, proportions, and the least share.
[<RequireQualifiedAccess>]
module UbarFs.Core.Shares

open UbarFs.Kernels

/// How often shares of random sizes are drawn before they are given up.
let mostDraws = 100

/// Parts of an order, as equal in size as possible: sizes differ by one at most.
let cut parts (order: int[]) : int[][] =
    let first part = int (int64 order.Length * int64 part / int64 parts)
    Array.init parts (fun part -> order[first part .. first (part + 1) - 1])

/// Parts of an order whose sizes are proportional to weights that add up to 1, as near as whole numbers come: the order is
/// cut at the cumulated weights, and the last part has what is left.
let cutBy (weights: float[]) (order: int[]) : int[][] =
    let cumulated = Array.scan (+) 0.0 weights

    let first part =
        if part = weights.Length then
            order.Length
        else
            min order.Length (int (floor (cumulated[part] * float order.Length)))

    Array.init weights.Length (fun part -> order[first part .. first (part + 1) - 1])

/// All images in a random order.
let shuffled (division: Division) : int[] = division.Random.Permutation division.Labels.Length

/// The same, ordered by class: within one, the order stays.
let byLabel (division: Division) (order: int[]) : int[] = order |> Array.sortBy (fun image -> division.Labels[image])

/// The images of each class, in an order.
let ofClasses (division: Division) (order: int[]) : int[][] =
    let classes = Array.init division.Classes (fun _ -> ResizeArray<int>())

    for image in order do
        classes[division.Labels[image]].Add image

    classes |> Array.map _.ToArray()

/// A number of the normal distribution (Box and Muller, 1958).
let gaussian (random: KeyedRandom) : float =
    let radius = sqrt (-2.0 * log (1.0 - random.NextDouble()))
    radius * cos (2.0 * System.Math.PI * random.NextDouble())

// Marsaglia and Tsang, A simple method for generating gamma variables, 2000, for shapes from 1 on. It takes 1.05 rounds on
// average.
let rec private gamma (random: KeyedRandom) shape : float =
    let d = shape - 1.0 / 3.0
    let x = gaussian random
    let v = (1.0 + x / sqrt (9.0 * d)) ** 3.0

    if v > 0.0 && log (1.0 - random.NextDouble()) < 0.5 * x * x + d - d * v + d * log v then
        d * v
    else
        gamma random shape

// A small shape gives numbers below the least of float64: their logarithms are what can be had.
let private logGamma (random: KeyedRandom) shape : float =
    if shape >= 1.0 then
        log (gamma random shape)
    else
        log (gamma random (shape + 1.0)) + log (1.0 - random.NextDouble()) / shape

/// The logarithms of what is drawn of a symmetric Dirichlet distribution with this concentration, up to a common term:
/// the largest is 0.
let logDirichlet (random: KeyedRandom) alpha count : float[] =
    let drawn = Array.init count (fun _ -> max -1e300 (logGamma random alpha))
    let largest = Array.max drawn
    drawn |> Array.map (fun value -> value - largest)

/// Proportions that add up to 1 out of their logarithms up to a common term.
let proportions (logarithms: float[]) : float[] =
    let weights = Array.map exp logarithms
    let sum = Array.sum weights
    weights |> Array.map (fun weight -> weight / sum)

/// The least number of images of a share.
let least (division: Division) =
    division.Least |> Option.defaultValue (min division.Batch (division.Labels.Length / division.Nodes))

let private images count = if count = 1 then "1 image" else $"{count} images"

let private advice remedies best =
    let remedies = remedies @ [ "fewer nodes" ] |> String.concat ", "
    $"what would do is {remedies} or least: {best}"

let private smallest (shares: int[][]) = shares |> Array.map _.Length |> Array.min

/// The shares, unless one of them is less than the least; `remedies` are further things that would do.
let bounded (division: Division) (remedies: string list) (shares: int[][]) : Result<int[][], string> =
    let least = least division

    match smallest shares with
    | size when size >= least -> Ok shares
    | size -> Error $"the smallest share has {images size}, and the least is {least}: {advice remedies size}"

/// The first of some draws in which no share is less than the least; if none is, an error. `remedies` are told the smallest
/// share of the best draw.
let drawn (division: Division) (remedies: unit -> string list) (draw: unit -> int[][]) : Result<int[][], string> =
    let least = least division

    let rec next count best =
        if count = mostDraws then
            Error best
        else
            let shares = draw ()
            let size = smallest shares

            if size >= least then
                Ok shares
            else
                next (count + 1) (max best size)

    match next 0 0 with
    | Ok shares -> Ok shares
    | Error best ->
        Error
            $"in the best of {mostDraws} draws the smallest share has {images best}, and the least is {least}: \
              {advice (remedies ()) best}"
