namespace UbarFs.Core

/// How the time of a rule grows with the neighbours m and the parameters d.
[<RequireQualifiedAccess>]
type Cost =
    /// O(md)
    | Linear
    /// O(md) and the losses of O(m) estimates
    | LinearWithLosses
    /// O(m²d)
    | Quadratic

/// A promise about every view, checked for each rule that makes it.
[<RequireQualifiedAccess>]
type Law =
    /// The order of the neighbours does not matter (ties aside).
    | NeighbourOrder
    /// Moving all estimates by one vector moves the result by it.
    | Translation
    /// Scaling all estimates by a positive number scales the result by it.
    | Scaling
    /// Turning all estimates in space turns the result (ties aside).
    | Rotation
    /// R(−x) = −R(x): nothing prefers the large or the small.
    | Mirroring
    /// Every coordinate of the result lies between the smallest and the largest of what was received and the own.
    | CoordinateRange
    /// The result is finite while at most n̂ received estimates are not.
    | Containment
    /// If all estimates are equal, that is the result.
    | Fixpoint
    /// The own estimate plays no part in R, unless nothing that was received is of use.
    | OwnApart
    /// A neighbour with the mixing weight 0 counts for nothing.
    | Weightless
    /// R is the mean of the received estimates that the last stage kept; the own estimate if it kept none.
    | MeanOfKept
    /// The two stages are UBAR's: the max(1, ⌊ρm⌋) nearest, and of these the ones with no greater loss than the own.
    | TwoStages
    /// In float32 it selects what it does in float64, and differs by rounding alone, however close the estimates are.
    | Precision
    /// It selects and makes what a rule of the catalogue does, with that rule's defaults.
    | SameAs of rule: string

[<RequireQualifiedAccess>]
module Law =

    /// Every law that a rule can claim without naming another rule.
    let all =
        [ Law.NeighbourOrder
          Law.Translation
          Law.Scaling
          Law.Rotation
          Law.Mirroring
          Law.CoordinateRange
          Law.Containment
          Law.Fixpoint
          Law.OwnApart
          Law.Weightless
          Law.MeanOfKept
          Law.TwoStages
          Law.Precision ]

    /// What a mean keeps whose weights follow from the distances between estimates.
    let ofWeightedMean =
        [ Law.NeighbourOrder
          Law.Translation
          Law.Scaling
          Law.Rotation
          Law.Mirroring
          Law.CoordinateRange
          Law.Containment
          Law.Fixpoint ]

    /// The law's name, one word.
    let name law =
        match law with
        | Law.NeighbourOrder -> "neighbour-order"
        | Law.Translation -> "translation"
        | Law.Scaling -> "scaling"
        | Law.Rotation -> "rotation"
        | Law.Mirroring -> "mirroring"
        | Law.CoordinateRange -> "coordinate-range"
        | Law.Containment -> "containment"
        | Law.Fixpoint -> "fixpoint"
        | Law.OwnApart -> "own-apart"
        | Law.Weightless -> "weightless"
        | Law.MeanOfKept -> "mean-of-kept"
        | Law.TwoStages -> "two-stages"
        | Law.Precision -> "precision"
        | Law.SameAs _ -> "same-as"

    /// What the law says, in one line.
    let text law =
        match law with
        | Law.NeighbourOrder -> "the order of the neighbours does not matter (ties aside)"
        | Law.Translation -> "moving all estimates moves the result"
        | Law.Scaling -> "scaling all estimates scales the result"
        | Law.Rotation -> "turning all estimates turns the result (ties aside)"
        | Law.Mirroring -> "negating all estimates negates the result"
        | Law.CoordinateRange -> "no coordinate leaves the range of what was received and the own"
        | Law.Containment -> "finite while at most n̂ estimates are not"
        | Law.Fixpoint -> "if all estimates are equal, that is the result"
        | Law.OwnApart -> "the own estimate plays no part in R"
        | Law.Weightless -> "a neighbour with the mixing weight 0 counts for nothing"
        | Law.MeanOfKept -> "R is the mean of what the last stage kept"
        | Law.TwoStages ->
            "keeps the nearest max(1, ⌊ρm⌋), then those with no greater loss than the own, or else the best"
        | Law.Precision -> "float32 selects and gives what float64 does, up to rounding"
        | Law.SameAs rule -> $"selects and gives what {rule} does"
