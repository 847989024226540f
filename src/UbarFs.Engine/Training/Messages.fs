namespace UbarFs.Engine

open System.Collections.Generic
open TorchSharp
open UbarFs.Core

/// What is under way between the nodes in one iteration.
type Messages =
    private
        {
            /// x_k, `[n, d]`: what a node sends unless it is among those below.
            Estimates: torch.Tensor
            /// Nodes that send everyone something else.
            Replaced: Map<int, torch.Tensor>
            /// Nodes that send every receiver a vector of its own.
            Personal: Map<int, int -> torch.Tensor>
            Silent: Set<int>
        }

/// All that some nodes have and receive in one iteration, as rows of one tensor.
type Pool =
    {
        /// `[p, d]`; the first n are what each node sends to everyone.
        Rows: torch.Tensor
        /// For each of the nodes the row of its own estimate.
        Own: int[]
        /// For each of the nodes the rows that it receives, in ascending order of the sender.
        Received: int[][]
    }

[<RequireQualifiedAccess>]
module Messages =

    let private own (experiment: Experiment) (knowledge: Omniscience) (memories: Memory[]) node : OwnState =
        { Node = node
          Iteration = knowledge.Iteration
          Estimate = knowledge.Estimates[int64 node]
          Messages = knowledge.Messages
          Gradient = knowledge.Gradients[int64 node]
          Rate = knowledge.Rate
          Random = Random.stream experiment.Run.Seed Purpose.Attack node knowledge.Iteration
          Memory = memories[node] }

    /// What is under way if some nodes send each receiver a vector of its own, and all others their estimates.
    let imagined (knowledge: Omniscience) (senders: int[]) (message: int -> int -> torch.Tensor) : Messages =
        { Estimates = knowledge.Estimates
          Replaced = Map.empty
          Personal = senders |> Seq.map (fun sender -> sender, message sender) |> Map.ofSeq
          Silent = Set.empty }

    /// What some nodes send, and what the Byzantine ones among them remember of it. A node whose attack is not active
    /// in this epoch sends its estimate, and so do all others. `respond` tells attackers what some benign nodes would make
    /// of messages under way.
    let send
        (experiment: Experiment)
        (knowledge: Omniscience)
        respond
        epoch
        (memories: Memory[])
        nodes
        : Messages * Memory[] =
        let remembered = Array.copy memories

        let mutable replaced, personal, silent = Map.empty, Map.empty, Set.empty

        for faction in experiment.Factions do
            let rehearsal =
                { All = knowledge
                  Attackers = faction.Nodes
                  State = own experiment knowledge memories
                  Respond = fun receivers message -> imagined knowledge faction.Nodes message |> respond receivers }

            let enacted = Attack.enact rehearsal faction.Behaviour.Strategy

            for node in faction.Nodes |> Array.filter (fun node -> Array.contains node nodes) do
                let state = own experiment knowledge memories node

                let attempt work = Guard.attempt "attack" (Some node) knowledge.Iteration work

                let shaped vector =
                    Guard.shaped "attack" (Some node) knowledge.Iteration state.Estimate.shape state.Estimate vector

                if Attack.isActive epoch faction.Behaviour then
                    match attempt (fun () -> enacted.Send state) with
                    | Sent.Everyone vector -> replaced <- Map.add node (shaped vector) replaced
                    | Sent.Each toReceiver ->
                        let toReceiver receiver = attempt (fun () -> shaped (toReceiver receiver))
                        personal <- Map.add node toReceiver personal
                    | Sent.Nothing -> silent <- Set.add node silent

                remembered[node] <- attempt (fun () -> enacted.Remember state)

        let messages =
            { Estimates = knowledge.Estimates
              Replaced = replaced
              Personal = personal
              Silent = silent }

        messages, remembered

    /// Whom node i hears, in ascending order.
    let senders (experiment: Experiment) (messages: Messages) node : int[] =
        experiment.Network.Neighbours[node]
        |> Array.filter (fun sender -> not (messages.Silent.Contains sender))

    /// What node i receives: the estimates `[m, d]` and who sent them, in ascending order.
    let receivedBy (experiment: Experiment) (messages: Messages) node : torch.Tensor * int[] =
        let senders = senders experiment messages node
        let received = Estimate.rows senders messages.Estimates

        senders
        |> Array.iteri (fun row sender ->
            match Map.tryFind sender messages.Personal, Map.tryFind sender messages.Replaced with
            | Some toReceiver, _ -> received[int64 row].copy_(toReceiver node) |> ignore
            | None, Some vector -> received[int64 row].copy_ vector |> ignore
            | None, None -> ())

        received, senders

    /// All that some nodes have and receive, without a copy for each receiver.
    let pool (experiment: Experiment) (messages: Messages) (nodes: int[]) : Pool =
        let count = int messages.Estimates.shape[0]
        let further = ResizeArray<torch.Tensor>()

        let rows = Dictionary<torch.Tensor, int>(HashIdentity.Reference)

        // What several nodes receive or send as one tensor is one row.
        let add vector =
            match rows.TryGetValue vector with
            | true, row -> row
            | _ ->
                further.Add vector
                rows[vector] <- count + further.Count - 1
                rows[vector]

        // Rows 0 … n−1 are what everyone hears; an own estimate that nobody hears follows.
        let own =
            nodes
            |> Array.map (fun node ->
                if messages.Replaced.ContainsKey node then
                    add messages.Estimates[int64 node]
                else
                    node)

        let row receiver sender =
            match Map.tryFind sender messages.Personal with
            | Some toReceiver -> add (toReceiver receiver)
            | None -> sender

        let received = nodes |> Array.map (fun node -> senders experiment messages node |> Array.map (row node))

        if messages.Replaced.IsEmpty && further.Count = 0 then
            { Rows = messages.Estimates; Own = own; Received = received }
        else
            let rows =
                torch.empty (
                    [| int64 (count + further.Count); messages.Estimates.shape[1] |],
                    dtype = messages.Estimates.dtype,
                    device = messages.Estimates.device
                )

            rows.narrow(0L, 0L, int64 count).copy_ messages.Estimates |> ignore
            messages.Replaced |> Map.iter (fun node vector -> rows[int64 node].copy_ vector |> ignore)
            further |> Seq.iteri (fun index vector -> rows[int64 (count + index)].copy_ vector |> ignore)
            { Rows = rows; Own = own; Received = received }
