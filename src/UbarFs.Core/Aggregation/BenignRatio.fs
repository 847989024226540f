/// ρ_i as a parameter of a rule, and n̂_i, the number of Byzantine neighbours that follows from it.
[<RequireQualifiedAccess>]
module UbarFs.Core.BenignRatio

/// `network` (the scenario's benign ratio), `one-neighbour` (1/|N_i|, section VII) or a number in (0, 1].
let setting =
    Setting.realOrWord
        "rho"
        (Interval.above 0.0 1.0)
        [ "network"; "one-neighbour" ]
        "network"
        "ρ_i, the assumed share of benign neighbours: a number, 'network' for network.benign-ratio, or \
         'one-neighbour' for 1/|N_i|"

/// ρ_central of a rule.
let centralSetting initial =
    Setting.ratio
        "rho-central"
        initial
        "ρ_central, the largest share of Byzantine nodes that the rule's original is defined for; it bounds 1−ρ in n̂"

/// ρ_i of a node with some neighbours in a network with a benign ratio.
let ofNode rho networkRatio neighbours =
    match rho with
    | Ok ratio -> ratio
    | Error "one-neighbour" -> 1.0 / float neighbours
    | Error _ -> networkRatio

/// ρ_i of one node.
let inForce rho (view: View) = ofNode rho view.BenignRatio view.Neighbours

/// n̂_i = ⌈|N_i|·min(1−ρ_i, ρ_central)⌉, equation 13, and never below 0. It can be more than a rule is defined for; binary
/// fractions must not lift the ceiling.
let byzantine rho rhoCentral (networkRatio: float) (neighbours: int) =
    let share = min (1.0 - ofNode rho networkRatio neighbours) rhoCentral
    max 0 (int (ceil (float neighbours * share - 1e-9)))
