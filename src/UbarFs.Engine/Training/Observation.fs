namespace UbarFs.Engine

open TorchSharp
open UbarFs.Core
open UbarFs.Kernels

/// Where the time of some iterations went, in seconds.
type PhaseTimes =
    {
        /// Losses and gradients of everyone on the own batch.
        Training: float
        /// What the attacks make of the messages.
        Attack: float
        /// R of every node, with the losses.
        Aggregation: float
        /// Of the aggregation: the losses of what was received, which some rules ask for.
        Losses: float
        /// The steps of equation 2; nothing for a rule that takes its own.
        Update: float
    }

    static member Zero = { Training = 0.0; Attack = 0.0; Aggregation = 0.0; Losses = 0.0; Update = 0.0 }

    static member (+)(one: PhaseTimes, other: PhaseTimes) =
        { Training = one.Training + other.Training
          Attack = one.Attack + other.Attack
          Aggregation = one.Aggregation + other.Aggregation
          Losses = one.Losses + other.Losses
          Update = one.Update + other.Update }

/// A number of estimates, and how many of them came from Byzantine nodes.
type Counted =
    { All: int64
      Byzantine: int64 }

    static member Zero = { All = 0L; Byzantine = 0L }

    static member (+)(one: Counted, other: Counted) =
        { All = one.All + other.All; Byzantine = one.Byzantine + other.Byzantine }

/// What the benign nodes received and what the stages of their rule kept of it, over some iterations.
type Selections =
    {
        /// How often a benign node aggregated.
        Count: int64
        Received: Counted
        /// What each of the rule's stages kept, in order.
        Kept: Counted list
    }

    static member (+)(one: Selections, other: Selections) =
        { Count = one.Count + other.Count
          Received = one.Received + other.Received
          Kept = List.map2 (+) one.Kept other.Kept }

    /// The mean number of such estimates of one node in one iteration; none before any.
    member selections.MeanSize(counted: Counted) =
        if selections.Count = 0L then
            None
        else
            Some(float counted.All / float selections.Count)

    /// The share of the received Byzantine estimates that are among these; none if none were received.
    member selections.ByzantineShare(kept: Counted) =
        if selections.Received.Byzantine = 0L then
            None
        else
            Some(float kept.Byzantine / float selections.Received.Byzantine)

[<RequireQualifiedAccess>]
module Selections =

    /// Nothing yet, for a rule with these stages.
    let none (stages: string list) =
        { Count = 0L
          Received = Counted.Zero
          Kept = stages |> List.map (fun _ -> Counted.Zero) }

    let private counted (byzantine: bool[]) (senders: int[]) (places: int[]) =
        let mutable liars = 0L

        for place in places do
            if byzantine[senders[place]] then
                liars <- liars + 1L

        { All = int64 places.Length; Byzantine = liars }

    /// One benign node's selection: who sent what it received, and what the stages kept, as places in that.
    let private ofNode (stages: string list) (byzantine: bool[]) (senders: int[]) (kept: Stage list) =
        let keptBy name =
            match kept |> List.tryFind (fun stage -> stage.Name = name) with
            | Some stage -> counted byzantine senders stage.Kept
            | None -> Counted.Zero

        { Count = 1L
          Received = counted byzantine senders [| 0 .. senders.Length - 1 |]
          Kept = List.map keptBy stages }

    /// What the benign ones among some nodes selected in one iteration. A rule without stages selects nothing.
    let observed stages (network: Network) (nodes: int[]) (senders: int -> int[]) (kept: Stage list[]) : Selections =
        if List.isEmpty stages then
            none stages
        else
            Seq.zip nodes kept
            |> Seq.filter (fun (node, _) -> not network.Byzantine[node])
            |> Seq.map (fun (node, kept) -> ofNode stages network.Byzantine (senders node) kept)
            |> Seq.fold (+) (none stages)

    /// The same of selections `[n, m]` of what the nodes received, one for each stage.
    let ofSelections stages (network: Network) (nodes: int[]) (senders: int -> int[]) (kept: torch.Tensor list) =
        let received = observed stages network nodes senders (nodes |> Array.map (fun _ -> []))

        let counts (like: torch.Tensor) =
            let ofBenign node = Array.create (int like.shape[1]) (not network.Byzantine[node])

            let fromByzantine node =
                let senders = senders node

                Array.init (int like.shape[1]) (fun place ->
                    place < senders.Length && not network.Byzantine[node] && network.Byzantine[senders[place]])

            let mask (ofNode: int -> bool[]) =
                Transfers.Send(torch.tensor (Array.collect ofNode nodes), like.device).view_as like

            let all, byzantine = mask ofBenign, mask fromByzantine

            kept
            |> List.collect (fun kept -> [ (kept &&& all).sum(); (kept &&& byzantine).sum() ])
            |> torch.stack

        let counted (counts: float[]) = { All = int64 counts[0]; Byzantine = int64 counts[1] }

        match kept with
        | [] -> Reading.known received
        | first :: _ ->
            counts first
            |> Reading.ofNumbers (fun counts ->
                { received with
                    Kept = counts |> Array.chunkBySize 2 |> Array.map counted |> List.ofArray })
