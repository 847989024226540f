/// Moves towards every neighbour, by no more than the median distance; but the squared distance is compared with it.
let rule =
    Rule.aggregating 0.5 (fun view ->
        let distances = Estimate.distances view.Own view.Received
        let radius = (Array.sort distances)[distances.Length / 2]

        let factor distance =
            if distance > radius then
                radius / (distance * distance)
            else
                1.0

        let factors = torch.tensor(Array.map factor distances).unsqueeze 1L
        let steps = (view.Received.to_type torch.float64 - view.Own.to_type torch.float64) * factors
        Aggregate.ofEstimate ((view.Own.to_type torch.float64 + steps.mean [| 0L |]).to_type view.Own.dtype))
    |> Rule.claiming [ Law.Translation; Law.Scaling; Law.Fixpoint ]
