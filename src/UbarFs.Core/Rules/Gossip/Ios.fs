/// Iterative outlier scissor and FABA: drop the message farthest from the mean of what is left, again and again.
[<RequireQualifiedAccess>]
module UbarFs.Core.Ios

open System

/// Squared distances that differ by less than this share are equal: the lowest place is the farthest of them.
let private rounding = 1e-12

/// The squared distance of each point from the mean of some points with these weights, from the squared distances of all.
let private fromMean (squares: float[][]) (weights: float[]) (members: int list) : (int * float) list =
    let total = members |> List.sumBy (fun point -> weights.[point])
    let share point = weights.[point] / total
    let pull point = members |> List.sumBy (fun other -> share other * squares.[point].[other])
    let inner = 0.5 * (members |> List.sumBy (fun point -> share point * pull point))
    members |> List.map (fun point -> point, pull point - inner)

/// n̂ times: drop the farthest of the members but the own one, which is point 0.
let rec private scissor squares weights count (members: int list) =
    if count = 0 || List.length members = 1 then
        members
    else
        let others = fromMean squares weights members |> List.filter (fun (point, _) -> point > 0)
        let largest = others |> List.map snd |> List.max

        let farthest =
            others |> List.find (fun (_, square) -> square >= largest - rounding * abs largest) |> fst

        scissor squares weights (count - 1) (members |> List.except [ farthest ])

let private weigh equal liars (standing: LocalView) (squares: float[][]) : Mixing.Mix =
    let byzantine = Liars.count liars standing.Headcount

    let weights =
        if equal then
            Array.create (standing.Neighbours + 1) 1.0
        else
            Array.append [| standing.OwnWeight |] standing.Weights

    // What is not finite is farthest of all and goes first.
    let finite =
        [ 1 .. standing.Neighbours ] |> List.filter (fun point -> Double.IsFinite(squares.[point].[0]))

    let left = max 0 (byzantine - (standing.Neighbours - finite.Length))
    let kept = scissor squares weights left (0 :: finite)
    let total = kept |> List.sumBy (fun point -> weights[point])

    // The own estimate can weigh nothing, where a stage has it among the others.
    if total > 0.0 then
        kept
        |> List.tail
        |> List.map (fun point -> point - 1, weights[point] / total)
        |> Mixing.ofPlaces standing (weights[0] / total)
    else
        Mixing.meanOf standing [||]

let private made equal liars =
    Mixing.rule 0.0 [ "left" ] true (Among(weigh equal liars))
    |> Rule.costing Cost.Quadratic
    |> Liars.toleratedBy liars
    |> Rule.claiming (Law.Precision :: Law.ofWeightedMean)

let private common =
    "Ties go to the lowest index. The own estimate counts in the mean and is never dropped, so α is 0. An estimate that is \
     not finite is farthest of all. A node whose own estimate is not finite restarts from the coordinate-wise median of the \
     finite ones it received."

let ios: Component<Rule> =
    settings {
        let! liars = Liars.assuming Heaviest.cap
        return made false liars
    }
    |> Define.Named "ios"
    |> Component.describedBy
        "drops the farthest from the weighted mean, again and again"
        $"> n̂ times: drop the x_j farthest from Σ W_ij x_j / Σ W_ij of what is left\n\
          > R = the weighted mean of the rest\n\n\
          {common} W is network.weights."
        "Wu, Chen and Ling, Byzantine-Resilient Decentralized Stochastic Optimization With Robust Aggregation Rules, \
         IEEE TSP 2023"

let faba: Component<Rule> =
    settings {
        let! liars = Liars.assuming Heaviest.cap
        return made true liars
    }
    |> Define.Named "faba"
    |> Component.describedBy
        "drops what is farthest from the mean, again and again"
        $"> n̂ times: drop the x_j farthest from the mean of what is left\n\
          > R = the mean of the rest\n\n\
          {common} It is ios with equal weights.\n\n\
          Adapted: the source's server has no estimate of its own among what it averages."
        "Xia et al., FABA, IJCAI 2019"
