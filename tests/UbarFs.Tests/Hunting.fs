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
    | [] -> Result.Ok { Seed = Seeds.usual; Hunt = None; Others = [] }
    | "--seed" :: rest ->
        match rest with
        | text :: rest when fst (UInt64.TryParse text) ->
            parse rest |> Result.map (fun request -> { request with Seed = UInt64.Parse text })
        | _ -> Result.Error "--seed needs a number from 0"
    | "--hunt" :: rest ->
        match rest with
        | text :: rest ->
            match Double.TryParse(text, Globalization.CultureInfo.InvariantCulture) with
            | true, minutes when minutes > 0.0 && minutes <= 1e5 ->
                parse rest |> Result.map (fun request -> { request with Hunt = Some(TimeSpan.FromMinutes minutes) })
            | _ -> Result.Error $"--hunt {text}: expected a number of minutes"
        | [] -> Result.Error "--hunt needs a number of minutes"
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

/// The arguments of Expecto that print nothing, and tell what fails and how.
let private telling (failed: string * string -> unit) =
    let silent = TestPrinters.silent

    [ CLIArguments.No_Spinner
      CLIArguments.Printer
          { silent with
              failed = fun name message _ -> async { failed (name, message) }
              exn = fun name error _ -> async { failed (name, string error) } } ]

/// Repeats the properties among the tests until the time is over or one of them fails, and says so; gives the exit code.
/// `seeds` gives the seed of each round.
let hunt (say: string -> unit) (seeds: unit -> uint64) (time: TimeSpan) (others: string list) (tests: Test) : int =
    let properties = Seeds.properties tests
    let clock = Stopwatch.StartNew()

    let rec round number =
        let seed = seeds ()
        let failed = ConcurrentQueue<string * string>()

        let code =
            runTestsWithCLIArgs (telling failed.Enqueue) (Array.ofList others) (Seeds.give seed properties)

        if code <> 0 then
            for name, message in failed do
                say $"{name}: {message.Trim()}"

            let names = failed |> Seq.map fst |> Seq.distinct |> List.ofSeq
            let repeat = command seed names
            say $"round {number}, seed {seed}: {names.Length} failed"
            say $"To repeat it: {repeat}"
            code
        elif clock.Elapsed < time then
            say $"round {number}, seed {seed}: passed"
            round (number + 1)
        else
            say $"round {number}, seed {seed}: passed. No seed of {number} has failed."
            0

    round 1
