// The mean of the neighbours that have been near for long, not only now: a rule with a memory.
//
//   rule: { script: history.fsx, with: { share: 0.5 } }

open TorchSharp
open UbarFs.Core

/// dᵢ ← βdᵢ + (1 − β)‖xᵢ − x‖, from the memory of the neighbours' distances.
let private smoothed memory (view: View) =
    let distances = torch.tensor (Estimate.distances view.Own view.Received)

    match view.Memory.TryFind "distances" with
    | Some before -> Native.scaled memory before + Native.scaled (1.0 - memory) distances
    | None -> distances

let private aggregate share memory (view: View) =
    let distances = smoothed memory view
    let counted = max 1 (int (round (share * float view.Senders.Length)))

    let nearest =
        distances.data<float>().ToArray()
        |> Array.indexed
        |> Array.filter (fun (row, _) -> (Estimate.finiteRows view.Received)[row])
        |> Array.sortBy snd
        |> Array.truncate counted
        |> Array.map fst
        |> Array.sort

    let estimate =
        if nearest.Length = 0 then
            view.Own.clone ()
        else
            Estimate.meanOf nearest view.Received

    { Aggregate.ofSelection "near" nearest estimate with
        Memory = Map [ "distances", distances ] }

let rule =
    settings {
        let! share = Setting.ratio "share" 0.5 "how many of the neighbours count, at least one"
        and! memory = Setting.real "memory" (Interval.below 0.0 1.0) 0.9 "β, the weight of earlier distances"

        return
            Rule.aggregating 0.5 (aggregate share memory)
            |> Rule.selecting [ "near" ]
            |> Rule.tolerating (fun _ neighbours -> neighbours)
            |> Rule.claiming
                [ Law.Translation
                  Law.Scaling
                  Law.CoordinateRange
                  Law.Containment
                  Law.Fixpoint ]
    }
