/// Situations for attacks: small networks with what every node has in a few iterations, as plain numbers.
module UbarFs.Testing.Situations

open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Testing.Generators

/// What all nodes have in one iteration.
type Moment = { Estimates: float[][]; Gradients: float[][] }

type Situation =
    {
        Network: Network
        Weights: MixingWeights
        /// Iterations 0, 1, …
        Moments: Moment list
        Rate: float
        Seed: int64
    }

/// What a node sent to a neighbour; none if it was silent.
type Letter = { Sender: int; Receiver: int; Vector: float[] option }

let benign (situation: Situation) = Network.benign situation.Network

let byzantine (situation: Situation) =
    [| 0 .. Network.size situation.Network - 1 |] |> Array.except (benign situation)

/// A connected benign part, some Byzantine nodes and random edges between them.
let network fewestBenign mostBenign mostByzantine =
    gen {
        let! benign = Gen.choose (fewestBenign, mostBenign)
        let! byzantine = Gen.choose (1, mostByzantine)
        let! ratio = Gen.elements [ 0.3; 0.5; 0.8 ]
        let! seed = Gen.choose64 (0L, 1000000L)
        let topology = (Component.choose (Map [ "ratio", Value.Real ratio ]) RandomTopology.topology).Value

        let demand =
            { BenignCount = benign
              ByzantineCount = byzantine
              Placement = Placement.Random
              Bound = None }

        match Topology.draw demand (Random.shared seed Purpose.Topology) topology with
        | Ok network -> return network
        | Error reason -> return failwith reason
    }

/// Eighths between −8 and 8, or within a quarter of 1: sums of a few are exact.
let private estimate dimension =
    let within bound = Gen.choose (-bound, bound) |> Gen.map (fun eighths -> float eighths / 8.0)
    let near = within 2 |> Gen.map ((+) 1.0)

    Gen.oneof [ Gen.arrayOfLength dimension (within 64); Gen.arrayOfLength dimension near ]

let private moment nodes dimension =
    gen {
        let! estimates = Gen.arrayOfLength nodes (estimate dimension)
        let! gradients = Gen.arrayOfLength nodes (estimate dimension)
        return { Estimates = estimates; Gradients = gradients }
    }

/// Situations of some iterations.
let situations iterations =
    gen {
        let! network = network 2 9 4
        let! dimension = Gen.choose (1, 6)
        let! moments = Gen.listOfLength iterations (moment (Network.size network) dimension)
        let! seed = Gen.choose64 (0L, 1000L)

        return
            { Network = network
              Weights = MixingWeights.Equal
              Moments = moments
              Rate = 0.25
              Seed = seed }
    }

/// The situation with every estimate moved a little, so that no two distances are equal.
let withoutTies (situation: Situation) =
    let moved k node coordinate value = value + 0.01 * sin (float (1 + coordinate + 7 * node + 101 * k) ** 1.5)

    { situation with
        Moments =
            situation.Moments
            |> List.mapi (fun k moment ->
                { moment with
                    Estimates = moment.Estimates |> Array.mapi (fun node -> Array.mapi (moved k node)) }) }

let matrix (dtype: torch.ScalarType) (rows: float[][]) : torch.Tensor =
    torch.tensor(Array.concat rows).to_type(dtype).view(int64 rows.Length, -1L)

let numbers (tensor: torch.Tensor) : float[] = tensor.to_type(torch.float64).data<float>().ToArray()

/// What a node knows of an iteration.
let knowledge dtype (situation: Situation) iteration : Omniscience =
    { Network = situation.Network
      Weights = situation.Weights
      Estimates = matrix dtype situation.Moments[iteration].Estimates
      Messages = MessageKind.Estimates
      Gradients = matrix dtype situation.Moments[iteration].Gradients
      Iteration = int64 iteration
      Rate = situation.Rate
      BenignRatio = 0.4
      Random = fun () -> Random.stream situation.Seed Purpose.Attack (Network.size situation.Network) (int64 iteration) }

/// What nodes know that can try their messages out on a rule.
let rehearsal (rule: Rule) (situation: Situation) (knowledge: Omniscience) state : Rehearsal =
    let attackers = byzantine situation

    let respond (receivers: int[]) message =
        let response receiver =
            let senders = situation.Network.Neighbours[receiver]

            let vector sender =
                if Array.contains sender attackers then
                    message sender receiver
                else
                    knowledge.Estimates[int64 sender]

            let received = torch.stack (senders |> Array.map vector)
            let view = View.evenly knowledge.Estimates[int64 receiver] received

            (rule.Reference
                { view with
                    Node = receiver
                    Senders = senders
                    Iteration = knowledge.Iteration })
                .Estimate

        torch.stack (receivers |> Array.map response)

    { All = knowledge; Attackers = attackers; State = state; Respond = respond }

let ownState (situation: Situation) (knowledge: Omniscience) (memories: Map<int, Memory>) node : OwnState =
    { Node = node
      Iteration = knowledge.Iteration
      Estimate = knowledge.Estimates[int64 node]
      Messages = knowledge.Messages
      Gradient = knowledge.Gradients[int64 node]
      Rate = knowledge.Rate
      Random = Random.stream situation.Seed Purpose.Attack node knowledge.Iteration
      Memory = Map.tryFind node memories |> Option.defaultValue Map.empty }

let behaviour name (arguments: (string * Value) list) =
    let attack = Catalogue.attacks |> List.find (fun attack -> attack.Name = name)

    match (Component.choose (Map arguments) attack).Value with
    | Attack.Present behaviour -> behaviour
    | Attack.Absent -> failwith $"{name} has no behaviour"

/// Lets all Byzantine nodes follow a behaviour through all iterations, against a rule. `watch` sees every vector that is
/// sent, with the state of its sender and the receiver.
let enactAgainst (rule: Rule) watch dtype (behaviour: Behaviour) (situation: Situation) : unit =
    use _ = torch.NewDisposeScope()
    let colluders = byzantine situation
    let mutable memories = Map.empty

    for iteration in 0 .. situation.Moments.Length - 1 do
        let knowledge = knowledge dtype situation iteration
        let state = ownState situation knowledge memories
        let enacted = Attack.enact (rehearsal rule situation knowledge state) behaviour.Strategy
        let states = colluders |> Array.map state

        for state in states do
            let sent = enacted.Send state

            for receiver in situation.Network.Neighbours[state.Node] do
                watch
                    knowledge
                    state
                    receiver
                    (match sent with
                     | Sent.Everyone vector -> Some vector
                     | Sent.Each toReceiver -> Some(toReceiver receiver)
                     | Sent.Nothing -> None)

        memories <- states |> Seq.map (fun state -> state.Node, enacted.Remember state) |> Map.ofSeq

/// The same against the coordinate-wise median.
let enactWith watch dtype behaviour situation =
    enactAgainst (Component.choose Map.empty Median.dmedian).Value watch dtype behaviour situation

/// What was sent in each iteration, in float64.
let letters behaviour (situation: Situation) : Letter list list =
    let sent = Array.create situation.Moments.Length []

    let watch (knowledge: Omniscience) (state: OwnState) receiver vector =
        let letter = { Sender = state.Node; Receiver = receiver; Vector = Option.map numbers vector }
        sent[int knowledge.Iteration] <- letter :: sent[int knowledge.Iteration]

    enactWith watch torch.float64 behaviour situation
    sent |> Array.map List.rev |> List.ofArray

let close (one: float[]) (other: float[]) =
    one.Length = other.Length
    && Array.forall2
        (fun (one: float) other -> one.Equals other || abs (one - other) <= 1e-9 * (1.0 + abs other))
        one
        other

/// Whether every vector of an iteration is what a function of its sender and receiver says.
let allSent (expected: int -> int -> float[]) (letters: Letter list) =
    letters
    |> List.forall (fun letter ->
        match letter.Vector with
        | Some vector -> close vector (expected letter.Sender letter.Receiver)
        | None -> false)

let mean (vectors: float[][]) =
    Array.init vectors[0].Length (fun coordinate -> vectors |> Array.averageBy (Array.item coordinate))

let squaredDistance (one: float[]) (other: float[]) =
    Array.fold2 (fun sum one other -> sum + (one - other) ** 2.0) 0.0 one other

/// Krum, written from its definition: the scores of all vectors with the `count` nearest others.
let krumScores count (vectors: float[][]) =
    vectors
    |> Array.mapi (fun row vector ->
        vectors
        |> Array.indexed
        |> Array.filter (fun (other, _) -> other <> row)
        |> Array.map (fun (_, other) -> squaredDistance vector other)
        |> Array.sort
        |> Seq.truncate count
        |> Seq.sum)

/// Whether Krum picks one of the copies of a vector among benign ones, with ties (to rounding) in its favour.
let krumPicks count copies (benign: float[][]) (vector: float[]) =
    let scores = krumScores count (Array.append benign (Array.create copies vector))
    let least = Array.min (Array.truncate benign.Length scores)
    scores[benign.Length] <= least * (1.0 + 1e-10)

let ofNodes (nodes: int[]) (vectors: float[][]) = nodes |> Array.map (fun node -> vectors[node])

let benignEstimates (situation: Situation) iteration = ofNodes (benign situation) situation.Moments[iteration].Estimates

let along (origin: float[]) direction length = Array.map2 (fun o e -> o + length * e) origin direction

/// A property of what is sent in the last of some iterations.
let lastSent iterations name arguments expected =
    forAll (situations iterations) (fun situation ->
        letters (behaviour name arguments) situation
        |> List.last
        |> allSent (expected situation situation.Moments))
