/// The nearest neighbour; but distances are computed as ‖x‖² + ‖y‖² − 2⟨x, y⟩ in the type of the estimates.
let rule =
    Rule.aggregating 0.5 (fun view ->
        let lengths = view.Received.square().sum(1L)
        let products = view.Received.mv view.Own
        let squares = lengths + view.Own.square().sum() - Native.scaled 2.0 products
        let nearest = squares.argmin().ToInt64()
        Aggregate.ofSelection "nearest" [| int nearest |] (view.Received[nearest].clone()))
    |> Rule.selecting [ "nearest" ]
    |> Rule.claiming [ Law.MeanOfKept; Law.Precision ]
