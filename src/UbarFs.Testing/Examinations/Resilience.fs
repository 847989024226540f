/// A search for estimates on which a rule is far from the honest mean: random ones at first, then whatever increases the
/// ratio ‖R − x̄‖² / ((1/h) Σ ‖x_j − x̄‖²) over h honest estimates of mean x̄. Its largest value is the rule's κ.
[<RequireQualifiedAccess>]
module UbarFs.Testing.Resilience

open System
open UbarFs.Core
open UbarFs.Kernels
open UbarFs.Testing.Application

/// How many neighbours there are, how many of them are Byzantine, and in how many dimensions.
type Setting = { Neighbours: int; Byzantine: int; Dimension: int; BenignRatio: float }

/// The worst ratio that a search met, and the estimates that have it.
type Worst = { Ratio: float; View: Neighbourhood }

let rec private subsets size (items: int list) =
    match size, items with
    | 0, _ -> [ [] ]
    | _, [] -> []
    | _, first :: rest -> (subsets (size - 1) rest |> List.map (fun subset -> first :: subset)) @ subsets size rest

let private square (one: float[]) other = Array.fold2 (fun sum one other -> sum + (one - other) ** 2.0) 0.0 one other

let private meanOf (estimates: float[] list) =
    Array.init estimates.Head.Length (fun coordinate -> estimates |> List.averageBy (Array.item coordinate))

let private ratio (result: float[]) (honest: float[] list) =
    let mean = meanOf honest
    let variance = honest |> List.averageBy (square mean)
    // A spread that is nothing but rounding proves nothing.
    if variance <= 1e-12 * Array.sumBy (fun coordinate -> coordinate * coordinate) mean || variance = 0.0 then
        0.0
    else
        square result mean / variance

/// Who may be the honest ones. κ promises for any m − f of m estimates. Of a rule that promises none, the node's own
/// estimate is as honest as those of the first m − f neighbours.
let private honestSets (rule: Rule) byzantine (view: Neighbourhood) : float[] list list =
    let honest = Neighbourhood.count view - byzantine

    match rule.Kappa with
    | Some _ ->
        subsets honest [ 0 .. Neighbourhood.count view - 1 ]
        |> List.map (List.map (fun row -> view.Received[row]))
    | None -> [ view.Own :: (view.Received |> Array.truncate honest |> List.ofArray) ]

/// The ratio with the worst choice of honest ones; of a result that is not finite, infinity.
let ratioOf rule byzantine view =
    let result = estimate rule view

    if Array.forall Double.IsFinite result then
        honestSets rule byzantine view |> List.map (ratio result) |> List.max
    else
        infinity

let private gaussian (random: KeyedRandom) =
    sqrt (-2.0 * log (1.0 - random.NextDouble())) * cos (2.0 * Math.PI * random.NextDouble())

/// With losses by the distance from the honest mean: what the honest nodes' data favours.
let private judged byzantine (view: Neighbourhood) =
    let honest = view.Received |> Array.truncate (Neighbourhood.count view - byzantine) |> List.ofArray
    let mean = meanOf (view.Own :: honest)

    { view with
        OwnLoss = Neighbourhood.distance mean view.Own
        Losses = view.Received |> Array.map (Neighbourhood.distance mean) }

let private drawn (random: KeyedRandom) setting =
    let estimate _ = Array.init setting.Dimension (fun _ -> gaussian random)

    judged
        setting.Byzantine
        { Own = estimate ()
          Received = Array.init setting.Neighbours estimate
          OwnLoss = 0.0
          Losses = [||]
          BenignRatio = setting.BenignRatio }

/// Another estimate for one row, mostly a Byzantine one: moved a little or much, next to another row, or far out.
let private changed (random: KeyedRandom) setting (view: Neighbourhood) =
    let row =
        if setting.Byzantine > 0 && random.NextBool 0.5 then
            setting.Neighbours - 1 - random.NextInt setting.Byzantine
        else
            random.NextInt setting.Neighbours

    let step = 10.0 ** (4.0 * random.NextDouble() - 3.0)

    let start =
        match random.NextInt 4 with
        | 0 -> view.Received[random.NextInt setting.Neighbours]
        | 1 -> view.Received[row] |> Array.map ((*) 3.0)
        | _ -> view.Received[row]

    let moved = start |> Array.map (fun coordinate -> coordinate + step * gaussian random)
    judged setting.Byzantine { view with Received = Array.updateAt row moved view.Received }

/// The worst ratio that some steps find, the first fifth of them at random. All estimates may change, Byzantine ones most
/// often.
let search (random: KeyedRandom) steps rule (setting: Setting) : Worst =
    let judge view = { Ratio = ratioOf rule setting.Byzantine view; View = view }
    let worse one other = if other.Ratio >= one.Ratio then other else one

    let start = Seq.init (1 + steps / 5) (fun _ -> judge (drawn random setting)) |> Seq.reduce worse

    (start, Seq.init (steps - steps / 5) ignore)
    ||> Seq.fold (fun worst () ->
        if Double.IsFinite worst.Ratio then
            worse worst (judge (changed random setting worst.View))
        else
            worst)

/// The smallest neighbourhood of a rule with `byzantine` Byzantine neighbours that it tolerates, or one with a few more
/// honest ones if it tolerates none so many. A rule with a κ has as many of them as it expects.
let setting (rule: Rule) benignRatio byzantine dimension : Setting =
    let tolerates neighbours = rule.Tolerance benignRatio neighbours >= byzantine

    let neighbours =
        seq { 2 * byzantine + 1 .. 8 * byzantine + 8 }
        |> Seq.tryFind tolerates
        |> Option.defaultValue (2 * byzantine + 3)

    { Neighbours = neighbours
      Byzantine = byzantine
      Dimension = dimension
      BenignRatio = benignRatio }

/// κ, if the rule knows it for a setting: it must expect as many Byzantine neighbours as there are.
let bound (rule: Rule) (setting: Setting) : float option =
    match rule.Kappa with
    | Some kappa when rule.Tolerance setting.BenignRatio setting.Neighbours = setting.Byzantine ->
        Some(kappa setting.Neighbours setting.Byzantine)
    | _ -> None

/// Estimates with numbers that are easier to read and nearly the same ratio.
let readable rule (setting: Setting) (worst: Worst) : Worst =
    let isAsBad view =
        Neighbourhood.count view = setting.Neighbours
        && ratioOf rule setting.Byzantine view >= 0.95 * worst.Ratio

    let view, _ = Shrinking.smallest 150 isAsBad worst.View
    { Ratio = ratioOf rule setting.Byzantine view; View = view }
