/// The strength of another attack that does the rule in force most harm, searched in every iteration.
[<RequireQualifiedAccess>]
module UbarFs.Core.Strongest

open System
open System.Collections.Generic
open TorchSharp
open UbarFs.Kernels

/// An attack whose strength is searched, between two ends.
type private Wrapped = { Name: string; Strength: Strength; Weakest: float; Strongest: float }

/// What is sent at the two ends; between them it is affine.
type private Ends = { Weak: torch.Tensor; Strong: torch.Tensor }

/// All that the attackers can send in one iteration: by sender and receiver the place of its ends.
type private Choices = { Wrapped: Wrapped; Ends: Ends[]; PlaceOf: int -> int -> int }

// Memories of several attacks in one.
let private memoryName (wrapped: Wrapped) name = $"{wrapped.Name}: {name}"

let private ownMemory wrapped (memory: Memory) : Memory =
    let prefix = memoryName wrapped ""

    Map.ofSeq
        [ for entry in memory do
              if entry.Key.StartsWith(prefix, StringComparison.Ordinal) then
                  entry.Key.Substring prefix.Length, entry.Value ]

let private remindedOf wrapped (state: OwnState) = { state with Memory = ownMemory wrapped state.Memory }

let private seenBy wrapped (rehearsal: Rehearsal) = { rehearsal with State = rehearsal.State >> remindedOf wrapped }

/// What the attackers would send at both ends. Whoever sends the same tensor to several has one place for all.
let private choices (rehearsal: Rehearsal) (wrapped: Wrapped) : Choices =
    let rehearsal = seenBy wrapped rehearsal
    let weak = Attack.enact rehearsal (wrapped.Strength.At wrapped.Weakest)
    let strong = Attack.enact rehearsal (wrapped.Strength.At wrapped.Strongest)
    let ends = List<Ends>()
    let places = Dictionary<torch.Tensor, int>(HashIdentity.Reference)

    let place weak strong =
        if not (places.ContainsKey weak) then
            places[weak] <- ends.Count
            ends.Add { Weak = weak; Strong = strong }

        places[weak]

    let ofSender sender : int -> int =
        let neighbours = rehearsal.All.Network.Neighbours[sender]

        match weak.Send(rehearsal.State sender), strong.Send(rehearsal.State sender) with
        | Sent.Everyone weak, Sent.Everyone strong ->
            let place = place weak strong
            fun _ -> place
        | Sent.Each weak, Sent.Each strong ->
            let each = dict [ for receiver in neighbours -> receiver, place (weak receiver) (strong receiver) ]
            fun receiver -> each[receiver]
        | _ ->
            let own = rehearsal.State(sender).Estimate
            let place = place own own
            fun _ -> place

    let bySender = dict [ for sender in rehearsal.Attackers -> sender, ofSender sender ]

    { Wrapped = wrapped
      Ends = ends.ToArray()
      PlaceOf = fun sender -> bySender[sender] }

/// What senders send to receivers at some strengths, given as shares of the way between the ends. Each vector is made once.
let private messages (choices: Choices) : float -> int -> int -> torch.Tensor =
    let made = Dictionary<struct (int * float), torch.Tensor>()

    // Part of the way from one vector to another.
    let part (one: torch.Tensor) share (other: torch.Tensor) : torch.Tensor =
        use scope = torch.NewDisposeScope()
        (Native.sum one (Native.scaled share (other - one))).MoveToOuterDisposeScope()

    let make place share =
        let ends = choices.Ends[place]

        if share = 0.0 then ends.Weak
        elif share = 1.0 then ends.Strong
        elif share < 0.5 then part ends.Weak share ends.Strong
        else part ends.Strong (1.0 - share) ends.Weak

    fun share sender receiver ->
        let key = struct (choices.PlaceOf sender receiver, share)

        match made.TryGetValue key with
        | true, vector -> vector
        | _ ->
            let vector = make (choices.PlaceOf sender receiver) share
            made[key] <- vector
            vector

/// The same for some receivers, made at once: several threads ask for it.
let private ready (rehearsal: Rehearsal) (receivers: int[]) (message: int -> int -> torch.Tensor) =
    let made =
        dict
            [ for receiver in receivers do
                  for sender in rehearsal.Attackers do
                      if Array.contains receiver rehearsal.All.Network.Neighbours[sender] then
                          struct (sender, receiver), message sender receiver ]

    fun sender receiver -> made[struct (sender, receiver)]

/// The benign nodes that hear an attacker and have not diverged, or a server.
let private receivers (rehearsal: Rehearsal) : int[] =
    let isAttacker = HashSet rehearsal.Attackers

    Network.aggregators rehearsal.All.Network (Omniscience.benign rehearsal.All)
    |> Array.filter (fun node -> rehearsal.All.Network.Neighbours[node] |> Array.exists isAttacker.Contains)

/// ‖R_i − x̄_i‖ at some receivers whose means are the rows of `[r, d]`, or one row for all; infinite where it is not finite.
let private distances (means: torch.Tensor) (responses: torch.Tensor) : float[] =
    use _ = torch.NewDisposeScope()
    let rows = int responses.shape[0]

    // Row by row, so that differences stay in the caches.
    let square row =
        use scope = torch.NewDisposeScope()
        let mean = means[if means.shape[0] = 1L then 0L else int64 row]
        let away = responses[int64 row].to_type torch.float64 - mean
        Some(away.dot(away).view(1L).MoveToOuterDisposeScope())

    let squares = Scope.ofEach responses.device rows id square |> Array.map Option.get

    Transfers.Read<float>(torch.cat squares)
    |> Array.map (fun square -> if Double.IsFinite square then sqrt square else infinity)

/// The mean of the benign messages for each receiver, in float64.
let private means scope (knowledge: Omniscience) (receivers: int[]) : torch.Tensor =
    use inner = torch.NewDisposeScope()
    let mean (knowledge: Omniscience) nodes (_: int) = Estimate.meanOf nodes knowledge.Estimates
    let vector = Scope.vectors scope mean knowledge >> Option.get

    match scope with
    | Scope.Network -> vector(receivers[0]).view(1L, -1L)
    | Scope.Neighbourhood -> torch.stack (receivers |> Array.map vector)
    |> _.to_type(torch.float64).MoveToOuterDisposeScope()

/// The strength of one attack that does most harm, as a share between its ends: one for all receivers together or one for
/// each, with the harm.
let private strongest scope evaluations (rehearsal: Rehearsal) receivers means (choices: Choices) =
    let evaluate (shares: float[]) =
        use _ = torch.NewDisposeScope()
        let message = messages choices
        let lane = dict (receivers |> Seq.mapi (fun place receiver -> receiver, place))

        let harm message =
            ready rehearsal receivers message |> rehearsal.Respond receivers |> distances means

        match scope with
        | Scope.Network -> [| Array.sum (harm (message shares[0])) |]
        | Scope.Neighbourhood -> harm (fun sender receiver -> message shares[lane[receiver]] sender receiver)

    let lanes = if scope = Scope.Network then 1 else Array.length receivers
    LineSearch.best lanes evaluations evaluate

/// By sender and receiver what is sent, if that is searched for.
let private chosen scope evaluations (wrapped: Wrapped list) (rehearsal: Rehearsal) =
    match receivers rehearsal with
    | [||] -> fun _ _ -> None
    | receivers ->
        let means = means scope rehearsal.All receivers

        let searched =
            wrapped
            |> List.map (fun wrapped ->
                let choices = choices rehearsal wrapped
                messages choices, strongest scope evaluations rehearsal receivers means choices)

        // The first of several that do as much.
        let worst lane =
            let message, found = searched |> List.maxBy (fun (_, found) -> snd found[lane])
            message (fst found[lane])

        match scope with
        | Scope.Network ->
            let message = worst 0
            fun sender receiver -> Some(message sender receiver)
        | Scope.Neighbourhood ->
            let lanes = dict (receivers |> Seq.mapi (fun lane receiver -> receiver, worst lane))

            fun sender receiver ->
                match lanes.TryGetValue receiver with
                | true, message -> Some(message sender receiver)
                | _ -> None

let private adversary scope evaluations (wrapped: Wrapped list) : Adversary<Rehearsal> =
    let send (rehearsal: Rehearsal) =
        let message = chosen scope evaluations wrapped rehearsal

        fun (state: OwnState) ->
            // At once: several threads ask for their receivers.
            let each =
                dict
                    [ for receiver in rehearsal.All.Network.Neighbours[state.Node] ->
                          receiver, message state.Node receiver |> Option.defaultValue state.Estimate ]

            Sent.Each(fun receiver -> each[receiver])

    let remember (rehearsal: Rehearsal) =
        let enacted =
            wrapped
            |> List.map (fun wrapped ->
                wrapped, Attack.enact (seenBy wrapped rehearsal) (wrapped.Strength.At wrapped.Weakest))

        fun (state: OwnState) ->
            Map.ofSeq
                [ for wrapped, enacted in enacted do
                      for entry in enacted.Remember(remindedOf wrapped state) do
                          memoryName wrapped entry.Key, entry.Value ]

    Adversary.sending send |> Adversary.remembering remember

let private defaults (other: Component<Behaviour>) = other.Settings.Read Map.empty

/// Why an attack cannot have all strengths between two, in the user's words.
let private outside (other: Component<Behaviour>) (wrapped: Wrapped) : string option =
    let named = wrapped.Strength.Parameter

    let isOutside (strength: float) =
        other.Settings.Parameters
        |> List.exists (fun parameter ->
            parameter.Name = named && (Kind.read parameter.Kind (string (Value.Real strength))).IsNone)

    let ofEnd strength =
        if isOutside strength then
            Some
                $"strongest cannot search {wrapped.Name} at {named} {Value.Real strength}: it is no {named} of that attack"
        else
            None

    if wrapped.Weakest > wrapped.Strongest then
        Some
            $"strongest cannot search {wrapped.Name} from {named} {Value.Real wrapped.Weakest} up to \
              {Value.Real wrapped.Strongest}: 'least' is above 'most'"
    else
        ofEnd wrapped.Weakest |> Option.orElse (ofEnd wrapped.Strongest)

let private rangeText (other: Component<Behaviour>, strength: Strength) =
    let low, high = strength.Range
    $"{other.Name}: {strength.Parameter} from {Value.Real low} to {Value.Real high}"

/// The attack over those of some others that have a strength.
let attack (others: Component<Behaviour> list) : Component<Behaviour> =
    let able =
        others
        |> List.choose (fun other -> (defaults other).Strength |> Option.map (fun strength -> other, strength))

    let find name = able |> List.find (fun (other, _) -> other.Name = name) |> fst

    let wrap scope least most name =
        let other = find name

        let arguments =
            other.Settings.Parameters
            |> List.filter (fun parameter -> parameter.Name = "scope")
            |> List.map (fun parameter ->
                parameter.Name, Value.Word(if scope = Scope.Network then "network" else "neighbourhood"))

        let behaviour = other.Settings.Read(Map.ofList arguments)
        let strength = behaviour.Strength.Value

        other,
        { Name = name
          Strength = strength
          Weakest = Result.defaultValue (fst strength.Range) least
          Strongest = Result.defaultValue (snd strength.Range) most }

    let settings =
        settings {
            let! names =
                Setting.names
                    "of"
                    (able |> List.map (fun (other, _) -> other.Name))
                    "alie"
                    "an attack that has a strength, or a list of them: the worst in each iteration"

            and! least =
                Setting.realOrWord
                    "least"
                    Interval.unbounded
                    [ "auto" ]
                    "auto"
                    "the least strength; 'auto' is the attack's own"

            and! most =
                Setting.realOrWord
                    "most"
                    Interval.unbounded
                    [ "auto" ]
                    "auto"
                    "the largest strength; 'auto' is the attack's own"

            and! evaluations = Setting.whole "evaluations" 2 10_000 20 "how many strengths of each attack are tried"

            and! scope =
                Scope.describing
                    "one strength for the network, for the sum of the harm, or for each receiver its own; the mean and the \
                     attack's statistics are of the same benign nodes"

            let wrapped = names |> List.map (wrap scope least most)
            let contradiction = wrapped |> List.tryPick (fun (other, wrapped) -> outside other wrapped)

            let ofOthers network colluders =
                wrapped |> List.tryPick (fun (other, _) -> (defaults other).Objection network colluders)

            let objection network colluders = contradiction |> Option.orElseWith (fun () -> ofOthers network colluders)

            return
                { Attack.by (Strategy.Rehearsing(adversary scope evaluations (List.map snd wrapped))) with
                    Objection = objection
                    Contradiction = contradiction }
        }

    let ranges = able |> List.map rangeText |> String.concat "; "

    let strongest =
        settings
        |> Define.Named "strongest"
        |> Component.describedBy
            "the strength of an attack that does the rule most harm"
            $"> s* = argmax_s ‖R(benign messages and x̂(s)) − x̄‖,   least ≤ s ≤ most\n\n\
              x̂(s) is what another attack sends with the strength s, and its other parameters as they are by default; R is \
              what the receiver's rule makes of it: the rule in force, with its settings, its tolerance, and the memory, \
              batch, losses and random numbers that the node has in this iteration. x̄ is the mean of the benign messages. \
              For a rule that replaces the update, R is its x'. Nodes that follow other attacks count as if they \
              followed the protocol. With a list the attack that does most is sent, in each iteration anew.\n\n\
              The search tries half of the evaluations on an even grid from least to most and the others by golden \
              section between the neighbours of the best point, and takes the best that it has seen. It is never weaker \
              than what it wraps at a point of its grid; between grid points it can miss a maximum.\n\n\
              It costs evaluations × the rule's aggregation at all benign nodes that hear an attacker, for each attack of \
              the list, losses included; with `scope: neighbourhood` no more, since all nodes are tried at once.\n\n\
              The range 'auto' is: {ranges}.\n\n\
              Where sources differ: ByzFL and ByzantineMomentum double a step from 0 on while it helps, for one server; \
              Gaucher et al. search for each receiver. The objective here is the plain distance, which is largest where its \
              square is."
            "optimal attacks of Shejwalkar, Houmansadr, NDSS 2021; Gonzalez et al. (ByzFL), 2025; El Mhamdi et al., ICLR \
             2021"

    let uses (arguments: Arguments) =
        let names = string (Map.tryFind "of" arguments |> Option.defaultValue (Value.Word "alie"))
        Kind.namesIn names |> List.choose (fun name -> (find name).File)

    { strongest with Uses = uses }
