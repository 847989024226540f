/// Examples of the page on what scripts see, each with what it gives. The tests evaluate all of them.
[<RequireQualifiedAccess>]
module UbarFs.Scripting.ApiExamples

/// An expression of F#, and what `%A` prints of its value.
type Example =
    {
        /// The function that it shows, as `Module.function`.
        Of: string
        Code: string
        Gives: string
    }

/// What the examples find defined.
let preparation =
    """let own = torch.tensor [| 0.0; 0.0 |]
let received = torch.tensor (array2D [ [ 3.0; 4.0 ]; [ 1.0; 0.0 ]; [ nan; 1.0 ] ])
let numbers (tensor: torch.Tensor) = tensor.data<float>().ToArray()"""

let all =
    [ for name, code, gives in
          [ "Estimate.isFinite", "Estimate.isFinite own", "true"
            "Estimate.finiteRows", "Estimate.finiteRows received", "[|true; true; false|]"
            "Estimate.distances", "Estimate.distances own received", "[|5.0; 1.0; infinity|]"
            "Estimate.pairwiseSquares",
            "Estimate.pairwiseSquares (Estimate.rows [| 0; 1 |] received)",
            "[|[|0.0; 20.0|]; [|20.0; 0.0|]|]"
            "Estimate.rows", "numbers (Estimate.rows [| 1; 0 |] received)", "[|1.0; 0.0; 3.0; 4.0|]"
            "Estimate.mean",
            "numbers (Estimate.mean (torch.tensor (array2D [ [ 1.0; 0.0 ]; [ 3.0; 4.0 ] ])))",
            "[|2.0; 2.0|]"
            "Estimate.meanOf", "numbers (Estimate.meanOf [| 0; 1 |] received)", "[|2.0; 2.0|]"
            "OrderStatistics.sorted",
            "numbers (OrderStatistics.sorted received)",
            "[|1.0; 0.0; 3.0; 1.0; infinity; 4.0|]"
            "OrderStatistics.median",
            "numbers (OrderStatistics.median (OrderStatistics.sorted received))",
            "[|3.0; 1.0|]"
            "OrderStatistics.trimmed",
            "numbers (OrderStatistics.trimmed 1 (OrderStatistics.sorted received))",
            "[|3.0; 1.0|]"
            "Native.scaled", "numbers (0.5 * received[0L])", "[|1.5; 2.0|]"
            "Native.sum", "numbers (own + received[0L] - 1.0)", "[|2.0; 3.0|]"
            "Native.read", "Native.read (received[0L].norm ())", "5.0"
            "Interval.contains", "Interval.contains (Interval.below 0.0 1.0) 1.0", "false" ] ->
          { Of = name; Code = code; Gives = gives } ]
