/// Theorem 1: one wrong message, and a chosen vector is added to the estimate of a benign node far away.
[<RequireQualifiedAccess>]
module UbarFs.Core.TheoremOne

open TorchSharp

/// The one node that attacks: the first of the colluders that has a benign neighbour.
let private attacker (network: Network) (colluders: int[]) =
    colluders
    |> Array.tryFind (fun node ->
        network.Neighbours[node] |> Array.exists (fun neighbour -> not network.Byzantine[neighbour]))

/// The benign node at the largest distance over benign nodes; the lowest number of several.
let farthest (network: Network) source : int =
    let isReachable node = Propagation.path network source node |> Option.isSome

    let length node =
        Propagation.path network source node |> Option.map List.length |> Option.defaultValue 0

    Network.benign network |> Array.filter isReachable |> Array.maxBy (fun node -> length node, -node)

/// The factor of x̂ in the message from `source`: ∏ 1/W_{i_s, i_{s−1}} over the shortest benign path, which is equation 4
/// if W is even, or, exact, one over what a unit from `source` adds to the victim in τ' iterations. None if there is no
/// path.
let multiplier exact (weights: MixingWeights) (network: Network) source victim : float option =
    Propagation.path network source victim
    |> Option.map (fun path ->
        if exact then
            1.0 / (Propagation.injected weights network source path.Length)[victim]
        else
            Propagation.product weights network source path)

let private message exact victim (shift: float) (collusion: Collusion) (source: int) (state: OwnState) =
    let victim = victim |> Result.defaultWith (fun (_: string) -> farthest collusion.Network source)

    match multiplier exact collusion.Weights collusion.Network source victim with
    | Some multiplier -> Sent.Everyone(Native.shifted (shift * multiplier) state.Estimate)
    | None -> Sent.Everyone state.Estimate

let private send iteration exact victim shift (collusion: Collusion) (state: OwnState) =
    match attacker collusion.Network collusion.Colluders with
    | Some source when state.Node = source && state.Iteration = int64 iteration ->
        message exact victim shift collusion source state
    | _ -> Sent.Everyone state.Estimate

let private objection victim (network: Network) (colluders: int[]) =
    match attacker network colluders, victim with
    | _ when network.Server.IsSome ->
        Some "theorem-1 follows a message from node to node, and with a server there is no way"
    | None, _ -> Some "theorem-1 needs a Byzantine node with a benign neighbour, and this network has none"
    | Some _, Error _ -> None
    | Some source, Ok victim ->
        if not (Array.contains victim (Network.benign network)) then
            Some $"node {victim} cannot be a victim: the benign nodes are 0 to {(Network.benign network).Length - 1}"
        elif (Propagation.path network source victim).IsNone then
            Some $"there is no path of benign nodes from the Byzantine node {source} to the victim {victim}"
        else
            None

let attack: Component<Behaviour> =
    settings {
        let! iteration =
            Setting.whole "at" 0 System.Int32.MaxValue 0 "k_0, the iteration, from 0, of the only wrong message"

        and! victim =
            Setting.wholeOrWord
                "victim"
                0
                System.Int32.MaxValue
                [ "farthest" ]
                "farthest"
                "i_τ', the benign node that it is meant for, or the one with the longest way"

        and! shift = Setting.real "shift" Interval.unbounded 1.0 "x̂ = shift·(1, …, 1), what is to be added"

        and! exact =
            Setting.truth "exact" false "whether to account for all ways to the victim, not for one shortest path"

        let adversary = Adversary.sending (send iteration exact victim shift)
        return { Attack.by (Strategy.Colluding adversary) with Objection = objection victim }
    }
    |> Define.Named "theorem-1"
    |> Component.describedBy
        "one wrong message that moves a node far away by a chosen vector"
        "> x = x_{k_0,î} + x̂ ∏_{s=1..τ'} 1/W_{i_s,i_{s−1}}\n\n\
         W is network.weights, what a node makes of a neighbour's message: with equal ones each factor is \
         |N_{i_s}| + 1, and this is equation 4. In iteration k_0 the first Byzantine node î with a benign neighbour \
         sends x; i_1, …, i_τ' is the shortest path of benign nodes from it, i_0, to the victim (of several the first \
         in lexicographic order). Everything else follows the protocol. Under the average rule exactly x̂ is added to \
         x_{k_0+τ'} of the victim, for every loss and rate, if the path is the only shortest one in the whole network. \
         Of several shortest paths each adds its \
         part: x̂ (W^τ')_{i_τ',î} ∏ 1/W_{i_s,i_{s−1}} ≥ x̂ in all. `exact` sends x̂/(W^τ')_{i_τ',î} instead."
        "UBAR paper, theorem 1"
