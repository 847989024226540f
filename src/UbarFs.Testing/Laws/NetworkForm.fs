/// A rule's forms for all nodes at once against its reference.
[<RequireQualifiedAccess>]
module UbarFs.Testing.NetworkForm

open System
open TorchSharp
open UbarFs.Core
open UbarFs.Kernels
open UbarFs.Testing.Application

/// Some nodes, what they have and what they received: rows of one pool. Losses are by node and row.
type Crowd =
    { Pool: float[][]
      Own: int[]
      Received: int[][]
      OwnLosses: float[]
      Losses: float[][]
      BenignRatio: float }

let private networkView (crowd: Crowd) pool : NetworkView =
    { Pool = pool
      Own = crowd.Own
      Received = crowd.Received
      OwnLosses = lazy crowd.OwnLosses
      Losses = Array.mapi (fun node -> Array.map (fun row -> crowd.Losses[node][row]))
      BenignRatio = crowd.BenignRatio }

/// What one node of the crowd knows.
let private neighbourhood (crowd: Crowd) node : Neighbourhood =
    { Own = crowd.Pool[crowd.Own[node]]
      Received = crowd.Received[node] |> Array.map (fun row -> crowd.Pool[row])
      OwnLoss = crowd.OwnLosses[node]
      Losses = crowd.Received[node] |> Array.map (fun row -> crowd.Losses[node][row])
      BenignRatio = crowd.BenignRatio }

/// The lines of a table `[n, s]`.
let private lines (table: torch.Tensor) (numbers: 'number[]) = Array.chunkBySize (int table.shape[1]) numbers

/// A form for a device as a network form of the rule: it is given losses from the host, and what it keeps is read.
let ofDeviceForm (rule: Rule) (form: DeviceView -> DeviceAggregate) (view: NetworkView) : NetworkAggregate =
    let losses sizes (table: torch.Tensor) =
        let asked = Array.map2 Array.truncate sizes (lines table (Transfers.Read<int64> table))

        view.Losses(asked |> Array.map (Array.map int))
        |> Array.collect (fun losses ->
            Array.append losses (Array.create (int table.shape[1] - losses.Length) infinity))
        |> fun losses -> (torch.tensor losses).view_as table

    let aggregate =
        form
            { Pool = view.Pool
              Own = view.Own
              Received = view.Received
              OwnLosses = torch.tensor view.OwnLosses.Value
              Losses = losses
              BenignRatio = view.BenignRatio }

    let stage name (mask: torch.Tensor) =
        let places (line: bool[]) = Array.indexed line |> Array.filter snd |> Array.map fst

        lines mask (Transfers.Read<bool> mask)
        |> Array.map (fun line -> { Name = name; Kept = places line })

    let stages = List.map2 stage rule.Stages aggregate.Kept

    { Estimates = aggregate.Estimates
      Stages = view.Own |> Array.mapi (fun node _ -> stages |> List.map (fun stage -> stage[node])) }

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
      Own = ofNodes crowd.Own |> Array.map (fun row -> place[row])
      Received = ofNodes crowd.Received |> Array.map (Array.map (fun row -> place[row]))
      OwnLosses = ofNodes crowd.OwnLosses
      Losses = ofNodes crowd.Losses |> Array.map (fun losses -> used |> Array.map (fun row -> losses[row]))
      BenignRatio = crowd.BenignRatio }

/// Whether some nodes come to the same, bit for bit, when they are computed without the others.
let isSameApart (network: NetworkView -> NetworkAggregate) (nodes: int[]) (crowd: Crowd) : bool =
    use _ = torch.NewDisposeScope()
    let together = network (networkView crowd (float32Pool crowd.Pool))
    let part = part nodes crowd
    let apart = network (networkView part (float32Pool part.Pool))

    nodes
    |> Array.indexed
    |> Array.forall (fun (index, node) ->
        let bits (aggregate: NetworkAggregate) row =
            aggregate.Estimates[int64 row].contiguous().data<float32>().ToArray()
            |> Array.map BitConverter.SingleToInt32Bits

        bits apart index = bits together node && apart.Stages[index] = together.Stages[node])

/// Whether both forms select the same for every node and differ by 1e-5 of the largest number at most, in float32.
let agree (rule: Rule) (network: NetworkView -> NetworkAggregate) (crowd: Crowd) : Result<unit, Violation> =
    use _ = torch.NewDisposeScope()

    let pool = float32Pool crowd.Pool
    let before = values pool
    let together = network (networkView crowd pool)

    let ofNode node =
        let asked = neighbourhood crowd node
        let alone = inType torch.float32 rule asked

        let ours =
            { Estimate = values together.Estimates[int64 node]
              Stages = together.Stages[node] |> List.map (fun stage -> stage.Name, stage.Kept) }

        if alone.Stages = ours.Stages && close (1e-5 * largest asked) alone.Estimate ours.Estimate then
            Ok()
        else
            Violation.create $"{described alone} as from the reference" (described ours)
            |> Violation.after $"the network form for node {node}" asked
            |> Error

    let kept =
        if close 0.0 before (values pool) then
            Ok()
        else
            Error(Violation.create "the pool left as it is" "another")

    LawCheck.all (Seq.append (Seq.init crowd.Own.Length ofNode) [ kept ])

/// Node 0 has the neighbourhood; each of its neighbours has received all others, and one more node nothing.
let private ofNeighbourhood (view: Neighbourhood) : Crowd =
    let pool = Neighbourhood.estimates view
    let nodes = [| 0 .. pool.Length - 1 |]
    let losses = Array.append [| view.OwnLoss |] view.Losses

    { Pool = pool
      Own = Array.append nodes [| 0 |]
      Received = Array.append (nodes |> Array.map (fun node -> Array.except [ node ] nodes)) [| [||] |]
      OwnLosses = Array.append losses [| view.OwnLoss |]
      Losses = Array.create (nodes.Length + 1) losses
      BenignRatio = view.BenignRatio }

/// The rule's forms for all nodes at once, with the one for a device as if it were on the host.
let forms (rule: Rule) : (NetworkView -> NetworkAggregate) list =
    Option.toList rule.Network @ (rule.OnDevice |> Option.map (ofDeviceForm rule) |> Option.toList)

/// All forms agree for a neighbourhood, for those of its neighbours, and for a node that received nothing.
let check: LawCheck =
    fun rule view -> LawCheck.all (forms rule |> Seq.map (fun form -> agree rule form (ofNeighbourhood view)))
