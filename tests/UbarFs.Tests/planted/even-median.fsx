/// The coordinate-wise median, but of an even number of values the upper one in the middle.
let rule =
    Rule.aggregating 0.5 (fun view ->
        let ascending = OrderStatistics.sorted view.Received
        Aggregate.ofEstimate (ascending[ascending.shape[0] / 2L].to_type view.Own.dtype))
    |> Rule.tolerating (fun _ neighbours -> (neighbours - 1) / 2)
    |> Rule.claiming [ Law.SameAs "dmedian" ]
