/// A rule's form for all nodes at once against its reference.
[<RequireQualifiedAccess>]
module UbarFs.Testing.NetworkForm

open TorchSharp
open UbarFs.Core
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
      OwnLosses = crowd.OwnLosses
      Losses = Array.mapi (fun node -> Array.map (fun row -> crowd.Losses[node][row]))
      BenignRatio = crowd.BenignRatio }

/// What one node of the crowd knows.
let private neighbourhood (crowd: Crowd) node : Neighbourhood =
    { Own = crowd.Pool[crowd.Own[node]]
      Received = crowd.Received[node] |> Array.map (fun row -> crowd.Pool[row])
      OwnLoss = crowd.OwnLosses[node]
      Losses = crowd.Received[node] |> Array.map (fun row -> crowd.Losses[node][row])
      BenignRatio = crowd.BenignRatio }

/// Whether both forms select the same for every node and differ by 1e-5 of the largest number at most, in float32.
let agree (rule: Rule) (network: NetworkView -> NetworkAggregate) (crowd: Crowd) : Result<unit, Violation> =
    use _ = torch.NewDisposeScope()

    let pool =
        torch
            .tensor(Array.concat crowd.Pool, dtype = torch.float64)
            .view([| int64 crowd.Pool.Length; int64 crowd.Pool[0].Length |])
            .to_type(torch.float32)

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

/// Both forms agree for a neighbourhood, for those of its neighbours, and for a node that received nothing.
let check: LawCheck =
    fun rule view ->
        match rule.Network with
        | Some network -> agree rule network (ofNeighbourhood view)
        | None -> Ok()
