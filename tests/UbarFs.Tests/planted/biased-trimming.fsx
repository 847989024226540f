/// A trimmed mean, but what is to be cut off at both ends is cut off at the upper one.
let rule =
    Rule.aggregating 0.5 (fun view ->
        let neighbours = int view.Received.shape[0]
        let trimmed = (neighbours - 1) / 2
        let kept = (OrderStatistics.sorted view.Received).narrow(0L, 0L, int64 (neighbours - 2 * trimmed))
        Aggregate.ofEstimate ((Estimate.mean kept).to_type view.Own.dtype))
    |> Rule.tolerating (fun _ neighbours -> (neighbours - 1) / 2)
    |> Rule.claiming
        [ Law.NeighbourOrder
          Law.Translation
          Law.Scaling
          Law.Mirroring
          Law.CoordinateRange
          Law.Fixpoint ]
