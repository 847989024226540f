namespace UbarFs.Core

open TorchSharp
open UbarFs.Kernels

/// What a Byzantine node sends in one iteration. Vectors are `[d]` and belong to the caller's dispose scope.
[<RequireQualifiedAccess>]
type Sent =
    /// One vector to all neighbours.
    | Everyone of torch.Tensor
    /// A vector for each receiver.
    | Each of (int -> torch.Tensor)
    /// No message at all.
    | Nothing

/// What a Byzantine node knows of itself when it sends in iteration k.
type OwnState =
    {
        /// The node itself.
        Node: int
        /// k, from 0.
        Iteration: int64
        /// What it would send if it were benign, `[d]`: x_k, unless messages are something else.
        Estimate: torch.Tensor
        /// What messages are.
        Messages: MessageKind
        /// The direction of its step, `[d]`: its gradient at x_k, unless momentum or local steps make more of it.
        Gradient: torch.Tensor
        /// λ(k).
        Rate: float
        /// The node's own random numbers for this iteration.
        Random: KeyedRandom
        /// What the attack put away in the node's last iteration; empty in the first.
        Memory: Memory
    }

/// What its neighbours send in the same iteration, which it hears before it sends.
type Overheard =
    {
        /// The neighbours' estimates, `[m, d]`, in ascending order of the sender.
        Estimates: torch.Tensor
        /// The nodes that sent them.
        Senders: int[]
    }

/// What the Byzantine nodes of one behaviour know together when they tell each other everything and listen to nobody.
type Collusion =
    {
        /// Who is connected to whom; the benign nodes' estimates are not known.
        Network: Network
        /// W, how the nodes mix.
        Weights: MixingWeights
        /// The nodes that collude, ascending.
        Colluders: int[]
        /// Their estimates, `[c, d]`, in that order: what each would send if it were benign.
        Estimates: torch.Tensor
        /// k, from 0.
        Iteration: int64
        /// Random numbers that all of them draw alike in this iteration: the same ones at each call.
        Random: unit -> KeyedRandom
    }

/// Everything there is to know in one iteration, shared by all Byzantine nodes.
type Omniscience =
    {
        /// Who is connected to whom, and who is Byzantine.
        Network: Network
        /// W, how the nodes mix.
        Weights: MixingWeights
        /// The estimates of all nodes, `[n, d]`: what each would send if it were benign.
        Estimates: torch.Tensor
        /// What messages are: where they are no estimates, neither are what is called so here.
        Messages: MessageKind
        /// The gradients of all nodes at their estimates, or what other directions their steps have, `[n, d]`.
        Gradients: torch.Tensor
        /// k, from 0.
        Iteration: int64
        /// λ(k).
        Rate: float
        /// ρ, which the benign nodes assume.
        BenignRatio: float
        /// Random numbers that all Byzantine nodes draw alike in this iteration: the same ones at each call.
        Random: unit -> KeyedRandom
    }

/// Everything, and a way to try messages out on the benign nodes' rule before they are sent.
type Rehearsal =
    {
        /// Everything there is to know, the rule apart.
        All: Omniscience
        /// The nodes that follow the attack, ascending.
        Attackers: int[]
        /// What one of them has. Its random numbers begin anew at each call.
        State: int -> OwnState
        /// R of some benign nodes, `[r, d]` in their order, by the rule in force with all that it sees and remembers: what
        /// it makes of the estimates of all others and, by sender and receiver, of what the attackers would send.
        Respond: int[] -> (int -> int -> torch.Tensor) -> torch.Tensor
    }

/// How a node that knows something beside its own state attacks. What is computed from the knowledge before the own
/// state is asked for is computed once an iteration for all nodes that share the knowledge.
type Adversary<'knowledge> =
    {
        Send: 'knowledge -> OwnState -> Sent
        /// What the node sees again in its next iteration. It is asked in every iteration, attacked or not.
        Remember: 'knowledge -> OwnState -> Memory
    }

/// How a Byzantine node makes what it sends. The case says what the adversary knows.
[<RequireQualifiedAccess>]
type Strategy =
    /// Its own state alone.
    | OwnState of Adversary<unit>
    /// What its neighbours send, before it sends.
    | NeighboursMessages of Adversary<Overheard>
    /// What all who follow the attack know together.
    | Colluding of Adversary<Collusion>
    /// Everything.
    | Omniscient of Adversary<Omniscience>
    /// Everything, and what the rule in force would make of it.
    | Rehearsing of Adversary<Rehearsal>

/// The parameter of an attack that says how strong it is. What a node sends is affine in it.
type Strength =
    {
        Parameter: string
        /// From where to where it is worth a search.
        Range: float * float
        /// The same attack with another strength.
        At: float -> Strategy
    }

/// How Byzantine nodes behave.
type Behaviour =
    {
        /// How it makes what it sends.
        Strategy: Strategy
        /// The label that its training uses for a label, given the number of classes.
        Label: int -> int -> int
        /// What it does to the images that it trains on, and to their labels.
        Poison: Poison option
        /// The epochs, from 0, in which it attacks: from the first on, before the second. In others it follows the
        /// protocol.
        Active: int * int
        /// Why some nodes of a network cannot behave like this, in the user's words.
        Objection: Network -> int[] -> string option
        /// How its parameters contradict each other, in the user's words.
        Contradiction: string option
        /// Why the attack does next to nothing in a network, in the user's words.
        Feebleness: Network -> string option
        /// How strong it is, if that is a number.
        Strength: Strength option
    }

/// What becomes of the Byzantine nodes.
[<RequireQualifiedAccess>]
type Attack =
    /// They are left out, with their data and their edges: the fair baseline without an attack.
    | Absent
    | Present of Behaviour

/// What one behaviour makes of one iteration.
type Enacted = { Send: OwnState -> Sent; Remember: OwnState -> Memory }

[<RequireQualifiedAccess>]
module Omniscience =

    /// n_f: the Byzantine nodes of the network, whatever they do.
    let byzantine (knowledge: Omniscience) = knowledge.Network.Byzantine |> Seq.filter id |> Seq.length

    /// W_ij for a receiver i and its neighbour j, if nobody is silent.
    let weight (knowledge: Omniscience) : int -> int -> float =
        MixingWeights.between knowledge.Weights knowledge.Network.Neighbours

    /// The benign nodes with a finite estimate, ascending. There is nothing to learn from one that has diverged.
    let benign (knowledge: Omniscience) : int[] =
        let finite = Estimate.finiteRows knowledge.Estimates
        Network.benign knowledge.Network |> Array.filter (fun node -> finite[node])

[<RequireQualifiedAccess>]
module Adversary =

    /// An adversary that remembers nothing.
    let sending send : Adversary<'knowledge> = { Send = send; Remember = fun _ _ -> Map.empty }

    /// The adversary with what it puts away for its next iteration.
    let remembering remember (adversary: Adversary<'knowledge>) = { adversary with Remember = remember }

    /// All who share the knowledge send one vector, made of the estimates of the benign nodes, `[n_b, d]`, and the
    /// number of Byzantine ones. They follow the protocol when every benign node has diverged.
    let ofBenign (make: torch.Tensor -> int -> torch.Tensor) : Adversary<Omniscience> =
        sending (fun knowledge ->
            match Omniscience.benign knowledge with
            | [||] -> fun state -> Sent.Everyone state.Estimate
            | nodes ->
                use benign = Estimate.rows nodes knowledge.Estimates
                let vector = make benign (Omniscience.byzantine knowledge)
                fun _ -> Sent.Everyone vector)

[<RequireQualifiedAccess>]
module Attack =

    /// Nodes with a strategy and nothing else: they train on their own labels, always attack and fit every network.
    let by strategy =
        { Strategy = strategy
          Label = fun _ label -> label
          Poison = None
          Active = 0, System.Int32.MaxValue
          Objection = fun _ _ -> None
          Contradiction = None
          Feebleness = fun _ -> None
          Strength = None }

    /// Nodes with a strategy of some strength, which a parameter says.
    let ofStrength parameter range (at: float -> Strategy) (strength: float) =
        { by (at strength) with
            Strength = Some { Parameter = parameter; Range = range; At = at } }

    /// Nodes that know their own state alone and remember nothing.
    let alone (send: OwnState -> Sent) = by (Strategy.OwnState(Adversary.sending (fun () -> send)))

    /// Nodes that follow the protocol.
    let honest = alone (fun state -> Sent.Everyone state.Estimate)

    /// Whether nodes that behave so attack in an epoch, from 0.
    let isActive epoch (behaviour: Behaviour) =
        let first, ``end`` = behaviour.Active
        first <= epoch && epoch < ``end``

    let private overheard (knowledge: Omniscience) node : Overheard =
        let senders = knowledge.Network.Neighbours[node]
        { Estimates = Estimate.rows senders knowledge.Estimates; Senders = senders }

    let private collusion (knowledge: Omniscience) colluders : Collusion =
        { Network = knowledge.Network
          Weights = knowledge.Weights
          Colluders = colluders
          Estimates = Estimate.rows colluders knowledge.Estimates
          Iteration = knowledge.Iteration
          Random = knowledge.Random }

    /// What a strategy that some nodes follow makes of one iteration: each node is given what its strategy may know,
    /// and what is common to them is worked out once, when it is first needed.
    let enact (rehearsal: Rehearsal) (strategy: Strategy) : Enacted =
        let knowledge = rehearsal.All

        let together (known: Lazy<'knowledge>) (adversary: Adversary<'knowledge>) : Enacted =
            let send = lazy adversary.Send known.Value
            let remember = lazy adversary.Remember known.Value

            { Send = (fun state -> send.Value state)
              Remember = (fun state -> remember.Value state) }

        match strategy with
        | Strategy.OwnState adversary -> together (lazy ()) adversary
        | Strategy.NeighboursMessages adversary ->
            let each (answer: Overheard -> OwnState -> 'answer) (state: OwnState) =
                answer (overheard knowledge state.Node) state

            { Send = each adversary.Send; Remember = each adversary.Remember }
        | Strategy.Colluding adversary -> together (lazy (collusion knowledge rehearsal.Attackers)) adversary
        | Strategy.Omniscient adversary -> together (lazy knowledge) adversary
        | Strategy.Rehearsing adversary -> together (lazy rehearsal) adversary

    /// The attack with two more parameters: the epochs in which it starts and stops.
    let timed (attack: Component<Behaviour>) : Component<Attack> =
        let timing =
            settings {
                let! behaviour = attack.Settings
                and! first = Setting.whole "from" 0 System.Int32.MaxValue 0 "the first epoch of the attack, from 0"

                and! ``end`` =
                    Setting.wholeOrWord "until" 0 System.Int32.MaxValue [ "end" ] "end" "the epoch before which it ends"

                let ``end`` = Result.defaultValue System.Int32.MaxValue ``end``
                return Attack.Present { behaviour with Active = first, ``end`` }
            }

        { Name = attack.Name
          Summary = attack.Summary
          Meaning = attack.Meaning
          Source = attack.Source
          Settings = timing
          File = attack.File
          Uses = attack.Uses }
