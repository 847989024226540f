/// UBAR, but the own estimate counts as one that was received.
let rule =
    Rule.aggregating 0.5 (fun view ->
        let neighbours = int view.Received.shape[0]
        let distances = Estimate.distances view.Own view.Received
        let size = max 1 (int (view.BenignRatio * float neighbours + 1e-9))

        let near =
            [| 0 .. neighbours - 1 |]
            |> Array.sortBy (fun row -> distances[row], row)
            |> Array.truncate size
            |> Array.sort

        let finite = Estimate.finiteRows view.Received
        let candidates = near |> Array.filter (fun row -> finite[row])
        let ranked = Array.zip (view.Losses candidates) candidates
        let good = ranked |> Array.filter (fun (loss, _) -> loss <= view.OwnLoss)

        let kept =
            if good.Length > 0 then Array.map snd good
            elif ranked.Length > 0 then [| snd (Array.min ranked) |]
            else [||]

        let estimate =
            if Array.isEmpty kept then
                view.Own.clone ()
            else
                Estimate.mean (torch.cat ([| Estimate.rows kept view.Received; view.Own.unsqueeze 0L |], 0L))

        { Aggregate.ofEstimate estimate with
            Stages = [ { Name = "near"; Kept = near }; { Name = "good"; Kept = kept } ] })
    |> Rule.selecting [ "near"; "good" ]
    |> Rule.tolerating (fun _ neighbours -> neighbours)
    |> Rule.claiming [ Law.MeanOfKept; Law.Translation; Law.Fixpoint ]
