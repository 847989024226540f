/// The value of a script's last expression, on its way to whoever runs the script.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.Yielded

open System.Threading

let private last = AsyncLocal<obj | null>()

/// Keeps a value for whoever runs the script.
let keep (value: 'value) : unit = last.Value <- box value

/// What is kept while something runs.
let during (run: unit -> unit) : obj | null =
    last.Value <- null
    run ()
    last.Value
