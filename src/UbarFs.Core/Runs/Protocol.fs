namespace UbarFs.Core

/// What a message is.
[<RequireQualifiedAccess>]
type MessageKind =
    /// x_k, a node's estimate.
    | Estimates
    /// x_k − λ times the sum of the directions of its local steps.
    | HalfSteps
    /// The sum of the directions of its local steps.
    | Directions

/// How nodes train together.
[<RequireQualifiedAccess>]
type Protocol =
    /// Nodes send their estimates, combine what they received, and take the step of their gradient: equation 2.
    | Gossip
    /// Nodes take their step and send where it led: combining comes last.
    | AdaptThenCombine
    /// A server that nobody can corrupt holds the estimate; all others send it directions. It has so many training images of
    /// its own.
    | Server of root: int

[<RequireQualifiedAccess>]
module Protocol =

    /// What a message is.
    let messages protocol =
        match protocol with
        | Protocol.Gossip -> MessageKind.Estimates
        | Protocol.AdaptThenCombine -> MessageKind.HalfSteps
        | Protocol.Server _ -> MessageKind.Directions

    /// Whether a server aggregates for all.
    let isCentral protocol =
        match protocol with
        | Protocol.Server _ -> true
        | Protocol.Gossip
        | Protocol.AdaptThenCombine -> false

    /// The training images that belong to no node but to the server.
    let root protocol =
        match protocol with
        | Protocol.Server root -> root
        | Protocol.Gossip
        | Protocol.AdaptThenCombine -> 0
