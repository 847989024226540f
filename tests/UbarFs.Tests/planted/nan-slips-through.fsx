/// The mean of the neighbours within twice the smallest distance; but a distance that is NaN is not beyond anything.
let rule =
    Rule.aggregating 0.5 (fun view ->
        let distances =
            (view.Received - view.Own).square().sum(1L).sqrt().to_type(torch.float64).data<float>().ToArray()

        let radius = distances |> Array.filter System.Double.IsFinite |> Array.fold min infinity

        let near =
            [| 0 .. distances.Length - 1 |] |> Array.filter (fun row -> not (distances[row] > 2.0 * radius))

        Aggregate.ofEstimate (
            if Array.isEmpty near then
                view.Own.clone ()
            else
                Estimate.meanOf near view.Received
        ))
    |> Rule.tolerating (fun _ neighbours -> (neighbours - 1) / 2)
    |> Rule.claiming [ Law.Containment; Law.Fixpoint ]
