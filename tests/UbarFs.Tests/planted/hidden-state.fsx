// The mean of what was received, and something beside the view that moves it.
open System
open System.Collections.Generic
open TorchSharp
open UbarFs.Core

let mutable private questions = 0
let mutable private previous = 0.0
let mutable private first = nan
let private random = Random 1
let private byNode = Dictionary<string, int>()
let private cache = Dictionary<float, float[]>()

let private total (tensor: torch.Tensor) = tensor.sum().to_type(torch.float64).item<float>()

/// Whether this is the n-th question, the 2n-th, …
let private every n =
    questions <- questions + 1
    if questions % n = 0 then 1.0 else 0.0

let private countOf (view: View) =
    let node = $"{total view.Own} of {view.Senders.Length}"
    byNode[node] <- (if byNode.ContainsKey node then byNode[node] else 0) + 1
    byNode[node]

let private moved bug (view: View) =
    match bug with
    | "every-second" -> every 2
    | "every-third" -> every 3
    | "every-seventh" -> every 7
    | "every-hundredth" -> every 100
    | "after-a-thousand" -> if every 1 > 0.0 && questions > 1000 then 1.0 else 0.0
    | "second-iteration" -> if view.Iteration > 0L then every 2 else 0.0
    | "count-by-node" -> float (countOf view % 2)
    | "random" -> Random.Shared.NextDouble()
    | "seeded-random" -> random.NextDouble()
    | "torch-random" -> torch.rand(1L).item<float32>() |> float
    | "clock" -> float (DateTime.UtcNow.Ticks % 100_000L)
    | "clock-seconds" -> float (DateTime.UtcNow.Ticks / TimeSpan.TicksPerSecond % 1000L)
    | "previous-view" ->
        let before = previous
        previous <- total view.Own
        if before = previous then 0.0 else 1.0
    | "first-view" ->
        if Double.IsNaN first then
            first <- total view.Own

        first
    | _ -> 0.0

/// The result of whichever question had this own estimate first.
let private cached (view: View) =
    let key = total view.Own

    if not (cache.ContainsKey key && cache[key].Length = int view.Own.shape[0]) then
        cache[key] <- (Estimate.mean view.Received).to_type(torch.float64).data<float>().ToArray()

    torch.tensor(cache[key]).to_type view.Own.dtype

let rule =
    settings {
        let! bug = Setting.text "bug" "none" "what beside the view has a part in the result"

        return
            Rule.aggregating 0.5 (fun view ->
                if bug = "stale-cache" then
                    Aggregate.ofEstimate (cached view)
                else
                    Aggregate.ofEstimate (Estimate.mean view.Received + moved bug view))
    }
