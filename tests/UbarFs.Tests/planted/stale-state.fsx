/// The mean of what is within twice the typical distance; but the typical distance is that of the call before.
let mutable typical = infinity

let rule =
    Rule.aggregating 0.5 (fun view ->
        let distances = Estimate.distances view.Own view.Received
        let near = [| 0 .. distances.Length - 1 |] |> Array.filter (fun row -> distances[row] <= 2.0 * typical)
        typical <- Array.average distances

        Aggregate.ofEstimate (
            if Array.isEmpty near then
                view.Own.clone ()
            else
                Estimate.meanOf near view.Received
        ))
    |> Rule.claiming [ Law.Fixpoint ]
