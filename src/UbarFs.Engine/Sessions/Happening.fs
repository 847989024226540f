namespace UbarFs.Engine

open System
open System.Threading
open UbarFs.Core

/// A run with what came of it.
type RunResult =
    {
        Run: Run
        Status: Status
        /// None while it is pending.
        Record: RunRecord option
    }

/// What happens while scenarios run, for whoever shows it. Runs that are side by side tell it in any order, one at a time.
[<RequireQualifiedAccess>]
type Event =
    /// A run that is not complete yet has its turn, from this iteration on.
    | Started of Run * Schedule * from: int
    | Iterated of Run * int
    /// After so many iterations, with the worst accuracy, as a fraction.
    | Evaluated of Run * Schedule * iterations: int * worst: float
    /// Something that the user should know of a run: a damaged checkpoint, for instance.
    | Noticed of Run * string
    | Ended of RunResult
    /// It was complete before, or failed and is not to be tried again: nothing was done.
    | Reused of RunResult
    /// All that is left is in the hands of other processes.
    | Waiting of (Run * Holder option) list

/// What became of a run that another process was asked to do.
[<RequireQualifiedAccess>]
type Deed =
    /// The store has what came of it.
    | Done
    /// The store had it already.
    | Reused
    /// Somebody else is at it: it has to be looked at again.
    | Held of Holder option
    /// Something took it from that process: it has to be looked at again.
    | Lost
    /// The process ended, and nothing but the run's own code can have ended it.
    | Broken of reason: string
    /// The store cannot be written.
    | Unwritable of reason: string

/// Does runs in processes of their own.
type IDelegate =
    /// Whether a run is to be done elsewhere.
    abstract Takes: Run -> bool

    /// Has a run of a store done, as far as the token lets it be, and tells what happens meanwhile but for its end.
    abstract Do: store: RunStore * run: Run * notify: (Event -> unit) * cancellation: CancellationToken -> Deed

/// The data of a run, or why there are none.
[<RequireQualifiedAccess>]
type Supply =
    | Available of Samples * checksum: string
    /// The files are not on this machine; the text says where they belong and how to get them.
    | Missing of string

/// How often runs are saved while they last.
[<RequireQualifiedAccess>]
type Cadence =
    | Iterations of int
    /// Less often where saving takes more than a hundredth of the time.
    | Seconds of float
    /// Not even when they are interrupted.
    | Never

[<RequireQualifiedAccess>]
module Cadence =

    let standard = Cadence.Seconds 60.0

    let private units = [ "s", 1.0; "sec", 1.0; "min", 60.0; "h", 3600.0 ]

    /// Reads a number of iterations (`50`), a time (`30s`, `2min`, `1h`) or `never`.
    let parse (text: string) : Result<Cadence, string> =
        let unit' = text.TrimStart("0123456789.".ToCharArray())
        let number = text.Substring(0, text.Length - unit'.Length)

        match
            Int32.TryParse number,
            Double.TryParse(number, Globalization.CultureInfo.InvariantCulture),
            List.tryFind (fst >> (=) (unit'.Trim())) units
        with
        | _ when text = "never" -> Ok Cadence.Never
        | (true, count), _, _ when unit' = "" && count > 0 -> Ok(Cadence.Iterations count)
        | _, (true, time), Some(_, seconds) when time > 0.0 -> Ok(Cadence.Seconds(time * seconds))
        | _ -> Error $"'{text}' is no interval: expected iterations such as 50, a time such as 30s or 2min, or 'never'"

/// How scenarios are executed: everything that is not in the scenario itself.
type Session =
    {
        Device: TorchSharp.torch.Device
        /// Run again what is already complete.
        Fresh: bool
        /// Run again what has failed.
        Retry: bool
        /// The part of the runs that is to be done.
        Shard: Shard
        /// Runs side by side, at most.
        Jobs: int
        Checkpoints: Cadence
        /// Keep the trained models of complete runs.
        KeepModels: bool
        Supply: Chosen<Dataset> -> Supply
        Versions: Map<string, string>
        Notify: Event -> unit
        /// Who does what this process does not do itself.
        Delegate: IDelegate option
        Cancellation: CancellationToken
    }

[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module SessionDefaults =

    /// One run after the other, all of them, on a device and with these data.
    let create device supply : Session =
        { Device = device
          Fresh = false
          Retry = false
          Shard = Shard.whole
          Jobs = 1
          Checkpoints = Cadence.standard
          KeepModels = true
          Supply = supply
          Versions = Map.empty
          Notify = ignore
          Delegate = None
          Cancellation = CancellationToken.None }
