/// Repeats all properties with new random values again and again.
module UbarFs.Tests.Hunting

open System
open System.Collections.Concurrent
open System.Diagnostics
open Expecto
open Expecto.Impl

/// What the command line says of seeds, and what is left of it for Expecto.
type Request =
    {
        Seed: uint64
        /// How long to look for a seed that a property fails with.
        Hunt: TimeSpan option
        Others: string list
    }

/// Reads `--seed N` and `--hunt MINUTES`.
let rec parse (arguments: string list) : Result<Request, string> =
    match arguments with
    | [] -> Ok { Seed = Seeds.usual; Hunt = None; Others = [] }
    | "--seed" :: rest ->
        match rest with
        | text :: rest when fst (UInt64.TryParse text) ->
            parse rest |> Result.map (fun request -> { request with Seed = UInt64.Parse text })
        | _ -> Error "--seed needs a number from 0"
    | "--hunt" :: rest ->
        match rest with
        | text :: rest ->
            match Double.TryParse(text, Globalization.CultureInfo.InvariantCulture) with
            | true, minutes when minutes > 0.0 && minutes <= 1e5 ->
                parse rest
                |> Result.map (fun request -> { request with Hunt = Some(TimeSpan.FromMinutes minutes) })
            | _ -> Error $"--hunt {text}: expected a number of minutes"
        | [] -> Error "--hunt needs a number of minutes"
    | other :: rest -> parse rest |> Result.map (fun request -> { request with Others = other :: request.Others })

/// A word of a POSIX shell.
let private quoted (text: string) = "'" + text.Replace("'", "'\\''") + "'"

/// The command that repeats what failed: the tests by their full names.
let command (seed: uint64) (names: string list) =
    let filter =
        match names with
        | [ single ] -> $" --run {quoted single}"
        | _ -> ""

    $"dotnet fsi build.fsx test --seed {seed}{filter}"

/// The arguments of Expecto that leave its own words to failures.
let private quiet failed =
    let silent = TestPrinters.silent

    [ CLIArguments.No_Spinner
      CLIArguments.Printer
          { silent with
              failed = fun name message duration -> failed name; TestPrinters.defaultPrinter.failed name message duration
              exn = fun name error duration -> failed name; TestPrinters.defaultPrinter.exn name error duration } ]

/// Repeats the properties among the tests until the time is over or one of them fails; gives the exit code. `seeds` gives
/// the seed of each round.
let hunt (seeds: unit -> uint64) (time: TimeSpan) (others: string list) (tests: Test) : int =
    let properties = Seeds.properties tests
    let clock = Stopwatch.StartNew()

    let rec round number =
        let seed = seeds ()
        let failed = ConcurrentQueue<string>()
        let code = runTestsWithCLIArgs (quiet failed.Enqueue) (Array.ofList others) (Seeds.give seed properties)

        if code <> 0 then
            let names = List.ofSeq failed |> List.distinct
            let repeat = command seed names
            printfn "round %d, seed %d: %d failed" number seed names.Length
            printfn "To repeat it: %s" repeat
            code
        elif clock.Elapsed < time then
            printfn "round %d, seed %d: passed" number seed
            round (number + 1)
        else
            printfn "round %d, seed %d: passed. No seed of %d has failed." number seed number
            0

    round 1
