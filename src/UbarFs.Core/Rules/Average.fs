/// Averaging, the rule of attack-free decentralized learning.
[<RequireQualifiedAccess>]
module UbarFs.Core.Average

/// R = (1/|N_i|) Σ_{j ∈ N_i} x_j, equation 3.
let private reference (view: View) = Aggregate.ofEstimate (Estimate.mean view.Received)

let private network (view: NetworkView) =
    view
    |> NetworkView.combined (fun lists -> view.Rows.Means(view.Pool, lists)) view.Received.Lists
    |> NetworkView.withoutStages view

let rule: Component<Rule> =
    { Rule.aggregating 0.0 reference with
        Update = Update.Guf(fun neighbours -> 1.0 / float (neighbours + 1)) }
    |> Rule.allAtOnce network
    |> Rule.claiming
        [ Law.NeighbourOrder
          Law.Translation
          Law.Scaling
          Law.CoordinateRange
          Law.Containment
          Law.Fixpoint
          Law.Rotation
          Law.Mirroring
          Law.OwnApart
          Law.Precision ]
    |> Setting.none
    |> Define.Named "average"
    |> Component.describedBy
        "the mean of the received estimates; resists no attack"
        "> R = (1/|N_i|) Σ_{j ∈ N_i} x_j,   α = 1/(|N_i| + 1)\n\n\
         With this α the own estimate has the weight of each received one. It is the rule of attack-free training: \
         a single neighbour can move the result anywhere (theorem 1), and one that sends NaN makes it NaN."
        "UBAR paper, equation 3; Lian et al., NeurIPS 2017"
