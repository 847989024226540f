// The mean of the neighbours that have been near for long, not only now: a rule with a memory.
//
//   rule: { script: history.fsx, with: { share: 0.5 } }

open System
open TorchSharp
open UbarFs.Core

/// The distances that the node remembers, by sender; NaN for whom it knows nothing of.
let private remembered (view: View) =
    match view.Memory.TryFind "distances" with
    | Some distances -> distances.data<float>().ToArray()
    | None -> [||]

/// dᵢ ← βdᵢ + (1 − β)‖xᵢ − x‖, where something is remembered of i. An estimate that is not finite is infinitely far.
let private smoothed memory (before: float[]) sender now =
    match Array.tryItem sender before with
    | Some earlier when Double.IsFinite earlier && Double.IsFinite now -> memory * earlier + (1.0 - memory) * now
    | _ -> now

/// What to remember. Not every neighbour sends in every iteration; only finite distances are kept.
let private updated (before: float[]) (senders: int[]) (distances: float[]) =
    let size = max before.Length (1 + Array.max senders)
    let after = Array.init size (fun sender -> Array.tryItem sender before |> Option.defaultValue nan)

    for sender, distance in Array.zip senders distances do
        if Double.IsFinite distance then
            after[sender] <- distance

    torch.tensor after

let private aggregate share memory (view: View) =
    let before = remembered view

    let distances =
        Estimate.distances view.Own view.Received |> Array.map2 (smoothed memory before) view.Senders

    let counted = max 1 (int (round (share * float view.Senders.Length)))

    let nearest =
        [| 0 .. distances.Length - 1 |]
        |> Array.filter (fun row -> Double.IsFinite distances[row])
        |> Array.sortBy (fun row -> struct (distances[row], row))
        |> Array.truncate counted
        |> Array.sort

    let estimate =
        if nearest.Length = 0 then
            view.Own.clone ()
        else
            Estimate.meanOf nearest view.Received

    { Aggregate.ofSelection "near" nearest estimate with
        Memory = Map [ "distances", updated before view.Senders distances ] }

let rule =
    settings {
        let! share = Setting.ratio "share" 0.5 "how many of the neighbours count, at least one"
        and! memory = Setting.real "memory" (Interval.below 0.0 1.0) 0.9 "β, the weight of earlier distances"

        return
            Rule.aggregating 0.5 (aggregate share memory)
            |> Rule.selecting [ "near" ]
            |> Rule.tolerating (fun _ neighbours -> neighbours)
            |> Rule.claiming
                [ Law.NeighbourOrder
                  Law.Translation
                  Law.Scaling
                  Law.CoordinateRange
                  Law.Containment
                  Law.Fixpoint ]
    }
