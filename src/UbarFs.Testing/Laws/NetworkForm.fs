/// A rule's form for all nodes at once against its reference.
[<RequireQualifiedAccess>]
module UbarFs.Testing.NetworkForm

open System
open TorchSharp
open UbarFs.Core
open UbarFs.Kernels
open UbarFs.Kernels.Estimates
open UbarFs.Testing.Application

/// Some nodes, what they have and what they received: rows of one pool. Losses are by node and row.
type Crowd =
    {
        Pool: float[][]
        /// The same rows an iteration earlier.
        Earlier: float[][]
        Own: int[]
        Received: int[][]
        OwnLosses: float[]
        Losses: float[][]
        BenignRatio: float
    }

/// What one node of the crowd knows.
let private neighbourhood (crowd: Crowd) node : Neighbourhood =
    { Own = crowd.Pool[crowd.Own[node]]
      Received = crowd.Received[node] |> Array.map (fun row -> crowd.Pool[row])
      OwnLoss = crowd.OwnLosses[node]
      Losses = crowd.Received[node] |> Array.map (fun row -> crowd.Losses[node][row])
      BenignRatio = crowd.BenignRatio }

let private float32Pool (rows: float[][]) =
    torch
        .tensor(Array.concat rows, dtype = torch.float64)
        .view([| int64 rows.Length; int64 rows[0].Length |])
        .to_type(torch.float32)

/// Some nodes of the crowd, with those rows of the pool alone that they have or received.
let private part (nodes: int[]) (crowd: Crowd) : Crowd =
    let used =
        nodes
        |> Array.collect (fun node -> Array.append [| crowd.Own[node] |] crowd.Received[node])
        |> Array.distinct
        |> Array.sort

    let place = used |> Array.indexed |> Array.map (fun (place, row) -> row, place) |> Map.ofArray
    let ofNodes (items: 'item[]) = nodes |> Array.map (fun node -> items[node])

    { Pool = used |> Array.map (fun row -> crowd.Pool[row])
      Earlier = used |> Array.map (fun row -> crowd.Earlier[row])
      Own = ofNodes crowd.Own |> Array.map (fun row -> place[row])
      Received = ofNodes crowd.Received |> Array.map (Array.map (fun row -> place[row]))
      OwnLosses = ofNodes crowd.OwnLosses
      Losses = ofNodes crowd.Losses |> Array.map (fun losses -> used |> Array.map (fun row -> losses[row]))
      BenignRatio = crowd.BenignRatio }

/// The same in the iteration before.
let private earlier (crowd: Crowd) = { crowd with Pool = crowd.Earlier }

// Whoever sent what a node received: nobody of the crowd.
let private senders (crowd: Crowd) node = Array.init crowd.Received[node].Length (fun place -> 64 + place)

/// What one node knows in iteration k, in float32.
let private viewOf (crowd: Crowd) iteration memory node : View =
    { Neighbourhood.toViewOf torch.float32 (neighbourhood crowd node) with
        Node = node
        Senders = senders crowd node
        Iteration = iteration
        Random = fun word -> Random.stream 0L (Purpose.Aggregation word) crowd.Received[node].Length iteration
        Memory = memory }

/// What all nodes know in iteration k.
let private networkView (rows: RowOperations) (crowd: Crowd) iteration memories : NetworkView =
    let n = crowd.Own.Length
    let share (received: int[]) = 1.0 / float (received.Length + 1)
    let pool = float32Pool crowd.Pool
    let received = PaddedLists(crowd.Received, pool.device)

    let losses (asked: torch.Tensor) (lists: PaddedLists) _ selection =
        let table = Array2D.create n lists.Longest infinity

        let loss node row =
            if obj.ReferenceEquals(asked, pool) then
                crowd.Losses[node][row]
            else
                Neighbourhood.lossOf (neighbourhood crowd node) (values asked[int64 row])

        Selection.read selection
        |> Array.iteri (fun node ->
            Array.iter (fun place -> table[node, place] <- loss node (lists.Lists[node][place])))

        torch.tensor table

    { Pool = pool
      Rows = rows
      Own = crowd.Own
      Received = received
      Senders = Array.init n (senders crowd)
      Messages = MessageKind.Estimates
      Weights = crowd.Received |> Array.map (fun received -> Array.create received.Length (share received))
      OwnWeights = Array.map share crowd.Received
      Neighbours = Array.map Array.length crowd.Received
      Byzantine = Array.init n (fun node -> Neighbourhood.byzantine (neighbourhood crowd node))
      OwnLosses = torch.tensor crowd.OwnLosses
      Losses = losses
      Gradients = Native.scaled 0.5 (Estimate.rows crowd.Own pool)
      Nodes = [| 0 .. n - 1 |]
      Rate = 0.125
      Iteration = iteration
      Progress = 0.25
      BenignRatio = crowd.BenignRatio
      Random = fun node word -> Random.stream 0L (Purpose.Aggregation word) crowd.Received[node].Length iteration
      Memories = memories }

let private nothing (crowd: Crowd) : Memory[] = crowd.Own |> Array.map (fun _ -> Map.empty)

/// What a form makes of two iterations, the second with what the first remembered.
let private iterations rows rule (form: NetworkView -> NetworkAggregate) (crowd: Crowd) =
    let aggregate crowd iteration memories =
        let view = networkView rows crowd iteration memories
        let made = Rule.aggregateTogether rule form view

        match Contract.networkAggregate rule view made with
        | Some problem -> raise (NoResultException problem)
        | None -> view, made

    let first = aggregate (earlier crowd) 0L (nothing crowd)
    let second = aggregate crowd 1L (snd first).Memories
    [ first; second ]

/// Whether some nodes come to the same, bit for bit, when they are computed without the others.
let isSameApart (rule: Rule) (form: NetworkView -> NetworkAggregate) (nodes: int[]) (crowd: Crowd) : bool =
    use _ = torch.NewDisposeScope()

    let bits (numbers: torch.Tensor) =
        numbers.contiguous().data<float32>().ToArray() |> Array.map BitConverter.SingleToInt32Bits

    let told (made: NetworkAggregate) row =
        bits made.Estimates[int64 row],
        made.Kept |> List.map (fun kept -> (Selection.read kept)[row]),
        made.Memories[row]
        |> Map.map (fun _ remembered -> values remembered |> Array.map BitConverter.DoubleToInt64Bits)

    let together = iterations RowOperations.Host rule form crowd
    let apart = iterations RowOperations.Host rule form (part nodes crowd)

    List.zip together apart
    |> List.forall (fun ((_, together), (_, apart)) ->
        nodes |> Array.indexed |> Array.forall (fun (index, node) -> told apart index = told together node))

/// Whether both forms select the same for every node and differ by 1e-5 of the largest number at most, in float32, in two
/// iterations in turn.
let agreeBy (rows: RowOperations) (rule: Rule) (form: NetworkView -> NetworkAggregate) (crowd: Crowd) =
    use _ = torch.NewDisposeScope()

    let iteration (crowd: Crowd) (memories: Memory[]) (view: NetworkView, together: NetworkAggregate) =
        let kept = together.Kept |> List.map Selection.read

        let ofNode node =
            let asked = neighbourhood crowd node
            let alone = aggregate rule (viewOf crowd view.Iteration memories[node] node)
            let alone' = outcomeOf alone

            let ours =
                { Estimate = values together.Estimates[int64 node]
                  Stages = List.map2 (fun name (kept: int[][]) -> name, kept[node]) rule.Stages kept }

            // What is remembered goes into the result as well.
            let remembered =
                memories[node].Values |> Seq.collect values |> Seq.filter Double.IsFinite |> Seq.map abs

            let margin = 1e-5 * Seq.fold max (largest asked) remembered

            let agreement =
                if alone'.Stages = ours.Stages && close margin alone'.Estimate ours.Estimate then
                    Ok()
                else
                    Violation.create $"{described alone'} as from the reference" (described ours)
                    |> Violation.after $"the network form for node {node}, iteration {view.Iteration}" asked
                    |> Error

            alone.Memory, agreement

        let memories, agreements = Array.init crowd.Own.Length ofNode |> Array.unzip

        let kept =
            if close 0.0 (values (float32Pool crowd.Pool)) (values view.Pool) then
                Ok()
            else
                Error(Violation.create "the pool left as it is" "another")

        memories, LawCheck.all (Seq.append agreements [ kept ])

    match iterations rows rule form crowd with
    | [ first; second ] ->
        let memories, one = iteration (earlier crowd) (nothing crowd) first
        let _, other = iteration crowd memories second
        LawCheck.all [ one; other ]
    | _ -> invalidOp "there are two iterations"

/// What a form makes of all nodes of a crowd in their first iteration, on the CPU.
let estimates (form: NetworkView -> NetworkAggregate) (crowd: Crowd) : float[][] =
    use _ = torch.NewDisposeScope()
    let made = form (networkView RowOperations.Host crowd 0L (nothing crowd))
    Array.init crowd.Own.Length (fun node -> values made.Estimates[int64 node])

/// The same from the rule's reference, node by node.
let estimatesApart (rule: Rule) (crowd: Crowd) : float[][] =
    use _ = torch.NewDisposeScope()

    Array.init crowd.Own.Length (fun node -> values (aggregate rule (viewOf crowd 0L Map.empty node)).Estimate)

/// Whether both forms agree on the CPU.
let agree rule form crowd = agreeBy RowOperations.Host rule form crowd

/// Node 0 has the neighbourhood; each of its neighbours has received all others, and one more node nothing.
let private ofNeighbourhood (view: Neighbourhood) : Crowd =
    let pool = Neighbourhood.estimates view
    let nodes = [| 0 .. pool.Length - 1 |]
    let losses = Array.append [| view.OwnLoss |] view.Losses

    { Pool = pool
      Earlier = Array.rev pool
      Own = Array.append nodes [| 0 |]
      Received = Array.append (nodes |> Array.map (fun node -> Array.except [ node ] nodes)) [| [||] |]
      OwnLosses = Array.append losses [| view.OwnLoss |]
      Losses = Array.create (nodes.Length + 1) losses
      BenignRatio = view.BenignRatio }

/// The network form agrees for a neighbourhood, for those of its neighbours, and for a node that received nothing.
let check: LawCheck =
    fun rule view ->
        rule.Network
        |> Option.map (fun form -> agree rule form (ofNeighbourhood view))
        |> Option.defaultValue (Ok())
