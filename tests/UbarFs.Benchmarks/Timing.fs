/// Wall-clock times of actions: the best of several, which other programs on the machine disturb least.
module UbarFs.Benchmarks.Timing

open System.Diagnostics
open TorchSharp

let private once action =
    use _ = torch.NewDisposeScope()
    let clock = Stopwatch.StartNew()
    action ()
    clock.Elapsed.TotalMilliseconds

// How often an action that takes some milliseconds is repeated.
let private repetitions budget milliseconds = max 3 (min 25 (int (budget / milliseconds)))

/// The best time of an action in milliseconds, after it has run once, within about so many milliseconds.
let time budget action =
    once action |> ignore
    let count = repetitions budget (once action)
    List.min (List.init count (fun _ -> once action))

/// The best times of a straightforward form and of ours, taken in turns so that both see the same machine.
let compare budget straightforward ours =
    let slow () =
        Surroundings.others ()
        once straightforward

    let fast () =
        Surroundings.ours ()
        once ours

    let first = slow () + fast ()
    let count = repetitions budget (min first (slow () + fast ()))
    let turns = List.init count (fun _ -> slow (), fast ())
    // Two of ours in a row, so that none pays for what the other form has left of the caches and the heap.
    let again = List.init count (fun _ -> fast ())
    List.min (List.map fst turns), List.min (List.map snd turns @ again)

/// The best times of two forms of the same program, taken in turns.
let inTurns budget one other =
    Surroundings.ours ()
    let count = repetitions budget (once one + once other)
    let turns = List.init (2 * count) (fun _ -> once one, once other)
    List.min (List.map fst turns), List.min (List.map snd turns)
