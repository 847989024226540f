/// Comparative gradient elimination: the shortest vectors.
[<RequireQualifiedAccess>]
module UbarFs.Core.Cge

let private cap neighbours = (neighbours - 1) / 2

let private weigh liars (standing: LocalView) (lengths: float[]) : Mixing.Mix =
    let byzantine = Liars.count liars standing.Headcount

    Weighing.nearestFirst lengths
    |> Array.truncate (standing.Neighbours - byzantine)
    |> Mixing.meanOf standing

let rule: Component<Rule> =
    settings {
        let! liars = Liars.assuming cap
        and! alpha = Setting.ratio "alpha" 0.5 "α, the weight of the own estimate in the update"

        return
            Mixing.rule alpha [ "shortest" ] false (FromZero(weigh liars))
            |> Liars.toleratedBy liars
            |> Rule.claiming
                [ Law.NeighbourOrder
                  Law.Scaling
                  Law.Rotation
                  Law.Mirroring
                  Law.CoordinateRange
                  Law.Containment
                  Law.Fixpoint
                  Law.OwnApart
                  Law.MeanOfKept
                  Law.Precision ]
    }
    |> Define.Named "cge"
    |> Component.describedBy
        "the mean of the shortest of what was received"
        "> R = the mean of the |N_i| − n̂ received estimates with the smallest norms\n\
         > n̂ ≤ ⌊(|N_i| − 1)/2⌋\n\n\
         Ties go to the lowest index. An estimate that is not finite is never kept; if none is left, R = x_i.\n\n\
         Adapted: the source is about gradients, whose length says how far they move a model; here it is the length of \
         estimates, which a liar can keep small."
        "Gupta, Liu and Vaidya, Byzantine Fault-Tolerant Distributed Machine Learning with Norm-Based Comparative Gradient \
         Elimination, 2021 (arXiv:2008.04699)"
