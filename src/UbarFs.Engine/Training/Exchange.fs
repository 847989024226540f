namespace UbarFs.Engine

open TorchSharp
open UbarFs.Core

/// What a protocol makes of the steps of nodes, before and behind the rule.
[<RequireQualifiedAccess>]
module Exchange =

    /// The nodes that draw batches and compute directions, ascending: all that take part, and a server whose rule goes by a
    /// direction of its own.
    let trainers (experiment: Experiment) : int[] =
        let run = experiment.Run

        match experiment.Network.Server with
        | Some server when Protocol.root run.Protocol.Value > 0 && Protocols.judgesByOwn run.Rule.Value ->
            Array.append experiment.Participants [| server |]
        | _ -> experiment.Participants

    /// What each node would send if it were benign, `[N, d]`, from where it stands, x_k, and the directions of its steps.
    let messages (experiment: Experiment) rate (estimates: torch.Tensor) (directions: torch.Tensor) : torch.Tensor =
        match experiment.Run.Protocol.Value with
        | Protocol.Gossip -> estimates
        | Protocol.AdaptThenCombine -> estimates - Native.scaled rate directions
        | Protocol.Server _ -> directions

    /// Where a server finds the loss of rows of messages: at x_k − λm. Elsewhere at the messages themselves.
    let judged (experiment: Experiment) rate (estimates: torch.Tensor) (messages: torch.Tensor) : torch.Tensor =
        match experiment.Network.Server with
        | Some server -> estimates[int64 server] - Native.scaled rate messages
        | None -> messages

    /// x_{k+1} of all, `[N, d]`, from what a server's rule made of the directions, `[1, d]`.
    let served rate (estimates: torch.Tensor) (made: torch.Tensor) : torch.Tensor =
        // All stand at one place.
        use next = estimates.narrow (0L, 0L, 1L) - Native.scaled rate made
        next.expand_as(estimates).contiguous()
