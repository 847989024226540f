namespace UbarFs.Core

open TorchSharp
open UbarFs.Kernels

/// Which benign nodes an attack takes its statistics from.
[<RequireQualifiedAccess>]
type Scope =
    /// All of them.
    | Network
    /// For each receiver those among it and its neighbours.
    | Neighbourhood

/// Attacks that are made of statistics of benign messages.
[<RequireQualifiedAccess>]
module Scope =

    let private words = [ "network", Scope.Network; "neighbourhood", Scope.Neighbourhood ]

    /// `scope`, with a meaning of its own.
    let describing meaning : Settings<Scope> =
        settings {
            let! word = Setting.choice "scope" (List.map fst words) "network" meaning
            return words |> List.find (fst >> (=) word) |> snd
        }

    /// `scope`: the benign nodes that count.
    let setting =
        describing "the benign nodes that count: all, or for each receiver those among it and its neighbours"

    /// What is made for each of some items, at once, since several threads ask for it later; `owned` is the tensor of it.
    /// The workers share the items on the CPU; a device has its own order of things to do.
    let ofEach
        (device: torch.Device)
        count
        (owned: 'made -> torch.Tensor)
        (make: int -> 'made option)
        : 'made option[] =
        let made = Array.create count None

        if device.``type`` = DeviceType.CPU then
            Workers.ForEach(
                count,
                fun item ->
                    use scope = torch.NewDisposeScope()
                    made[item] <- make item
                    made[item] |> Option.iter (fun result -> (owned result).DetachFromDisposeScope() |> ignore)
            )

            match torch.CurrentDisposeScope with
            | null -> ()
            | scope -> made |> Array.iter (Option.iter (fun result -> scope.Attach(owned result) |> ignore))
        else
            for item in 0 .. count - 1 do
                made[item] <- make item

        made

    /// Something for each receiver, made of the finite estimates of some benign nodes, by their numbers, and of the number
    /// of Byzantine ones beside them; `owned` is its tensor. None for a receiver without Byzantine neighbours, and where all
    /// those benign nodes have diverged. What `prepare` makes of the knowledge alone is made once.
    let made
        scope
        (owned: 'made -> torch.Tensor)
        (prepare: Omniscience -> int[] -> int -> 'made)
        (knowledge: Omniscience)
        : int -> 'made option =
        let known = Omniscience.benign knowledge

        match scope with
        | _ when known.Length = 0 -> fun _ -> None
        | Scope.Network ->
            let vector = Some(prepare knowledge known (Omniscience.byzantine knowledge))
            fun _ -> vector
        | Scope.Neighbourhood ->
            let make = prepare knowledge
            let isKnown = System.Collections.Generic.HashSet known

            let vector receiver =
                let around = Network.around knowledge.Network receiver |> Array.filter isKnown.Contains
                let byzantine = Network.byzantineNeighbours knowledge.Network receiver

                if byzantine = 0 || around.Length = 0 then
                    None
                else
                    Some(make around byzantine)

            let made = ofEach knowledge.Estimates.device (Network.size knowledge.Network) owned vector
            fun receiver -> made[receiver]

    /// A vector for each receiver, likewise.
    let vectors scope (prepare: Omniscience -> int[] -> int -> torch.Tensor) = made scope id prepare

    /// What a node sends if it finishes the vector for each receiver by itself. It sends its estimate where there is none.
    let sent
        scope
        (knowledge: Omniscience)
        (finish: OwnState -> 'vector -> torch.Tensor)
        (vector: int -> 'vector option)
        =
        fun (state: OwnState) ->
            let finished receiver =
                vector receiver |> Option.map (finish state) |> Option.defaultValue state.Estimate

            match scope with
            | Scope.Network -> Sent.Everyone(finished state.Node)
            | Scope.Neighbourhood ->
                let each =
                    Map.ofSeq
                        [ for receiver in knowledge.Network.Neighbours[state.Node] -> receiver, finished receiver ]

                Sent.Each(fun receiver -> each[receiver])

    /// All send one vector to a receiver.
    let adversary scope (prepare: Omniscience -> int[] -> int -> torch.Tensor) : Adversary<Omniscience> =
        Adversary.sending (fun (knowledge: Omniscience) ->
            vectors scope prepare knowledge |> sent scope knowledge (fun _ -> id))

    /// The same, of the estimates of those benign nodes, `[n_b, d]`, and the number of Byzantine ones.
    let ofEstimates scope (make: torch.Tensor -> int -> torch.Tensor) : Adversary<Omniscience> =
        adversary scope (fun knowledge nodes byzantine ->
            use benign = Estimate.rows nodes knowledge.Estimates
            make benign byzantine)
