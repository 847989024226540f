/// The mean of the differences from the own estimate, added to it; but they are computed in place.
let rule =
    Rule.aggregating 0.5 (fun view ->
        let differences = view.Received.sub_ view.Own
        Aggregate.ofEstimate (view.Own + Estimate.mean differences))
    |> Rule.claiming [ Law.Fixpoint ]
