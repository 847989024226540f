/// The calls of rules and attacks that are under way in this process, for whoever watches over them.
[<RequireQualifiedAccess>]
module UbarFs.Core.Calls

open System
open System.Collections.Concurrent
open System.Diagnostics

let private underWay = ConcurrentDictionary<obj, (unit -> string) * int64>(HashIdentity.Reference)

/// Does some work in the name of a rule or an attack; `callee` says of which, where and when.
let during (callee: unit -> string) (work: unit -> 'result) : 'result =
    let call = obj ()
    underWay[call] <- (callee, Stopwatch.GetTimestamp())

    try
        work ()
    finally
        underWay.TryRemove call |> ignore

/// A call that has lasted longer than this, by its name.
let overdue (patience: TimeSpan) : string option =
    underWay.Values
    |> Seq.tryFind (fun (_, since) -> Stopwatch.GetElapsedTime since > patience)
    |> Option.map (fun (callee, _) -> callee ())
