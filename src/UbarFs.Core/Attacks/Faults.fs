/// What a node sends that is broken rather than clever: numbers that are none, nothing at all, yesterday's estimate.
[<RequireQualifiedAccess>]
module UbarFs.Core.Faults

open TorchSharp
open UbarFs.Kernels

/// The own estimate with a share of its coordinates, at least one, replaced by a number; others in each iteration.
let private poisoned (poison: float) share (state: OwnState) =
    let d = int state.Estimate.shape[0]
    let count = max 1 (int (round (share * float d)))

    if count = d then
        Native.number poison (fun poison -> torch.full_like (state.Estimate, poison))
    else
        use scope = torch.NewDisposeScope()
        let chosen = state.Random.Permutation d |> Array.truncate count
        let indices = Transfers.Send(chosen, state.Estimate.device)
        let poisoned = Native.number poison (fun poison -> state.Estimate.index_fill (0L, indices, poison))
        poisoned.MoveToOuterDisposeScope()

let private poisoning name number poison =
    settings {
        let! share =
            Setting.real "share" (Interval.above 0.0 1.0) 1.0 "share of the coordinates, at least one of them"

        return Attack.alone (poisoned poison share >> Sent.Everyone)
    }
    |> Define.Named name
    |> Component.describedBy
        $"sends an estimate with {number} in some or all coordinates"
        $"> x̂ = x_k with {number} in a random share of the coordinates\n\n\
         The coordinates are drawn anew in each iteration."
        "non-finite values are hostile input: a rule must not pass them on"

let private silent =
    Setting.none (Attack.alone (fun _ -> Sent.Nothing))
    |> Define.Named "silent"
    |> Component.describedBy
        "sends nothing"
        "> no x̂\n\n\
         The neighbours aggregate what the others sent; who receives nothing keeps R = x_i."
        "crash faults"

let private sentName = "sent"

/// Sends x_k when k is a multiple of the age, and what it sent last otherwise.
let private stale age : Adversary<unit> =
    let isFresh (state: OwnState) = state.Iteration % int64 age = 0L || not (state.Memory.ContainsKey sentName)

    let send () (state: OwnState) =
        Sent.Everyone(
            if isFresh state then
                state.Estimate
            else
                state.Memory[sentName]
        )

    let remember () (state: OwnState) =
        if isFresh state then
            Map [ sentName, state.Estimate.clone () ]
        else
            state.Memory

    Adversary.sending send |> Adversary.remembering remember

let private staleAttack =
    settings {
        let! age = Setting.whole "age" 2 System.Int32.MaxValue 100 "iterations between two fresh estimates"
        return Attack.by (Strategy.OwnState(stale age))
    }
    |> Define.Named "stale"
    |> Component.describedBy
        "re-sends an old estimate of its own"
        "> x̂ = x_{a⌊k/a⌋}\n\n\
         An estimate that is up to a − 1 iterations old, where a is the age."
        "slow and delayed nodes, as in asynchronous training"

let all: Component<Behaviour> list =
    [ poisoning "nan" "NaN" nan
      poisoning "inf" "+∞" infinity
      silent
      staleAttack ]
