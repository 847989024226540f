namespace UbarFs.Cli

open System
open System.Text.Json
open System.Text.Json.Serialization
open UbarFs.Engine

/// What a process that does runs for another one tells it.
[<RequireQualifiedAccess>]
type Word =
    /// It is about to run code of this file for the first time.
    | Loading of file: string
    /// It has read the scenarios, and waits for runs.
    | Ready
    | Started of Schedule * from: int
    | Iterated of iterations: int
    | Evaluated of Schedule * iterations: int * worst: float
    | Noticed of string
    /// What became of the run that it was given.
    | Ended of Deed
    /// A call of a rule or an attack takes longer than it may, and ends the process.
    | Overdue of callee: string
    /// The process takes more memory than it may, in bytes, and ends.
    | TooLarge of bytes: int64

/// A word as it is written; the writer of JSON sees public types alone.
type WordLine =
    { Kind: string
      Text: string
      Numbers: int64[]
      Worst: float
      Schedule: Schedule option
      Holder: Holder option }

/// The lines in which two processes talk: JSON one way, a word or two the other way.
[<RequireQualifiedAccess>]
module Protocol =

    /// What a run is asked for with.
    [<Literal>]
    let Run = "run"

    /// What asks to save the run under way, and to do no more.
    [<Literal>]
    let Stop = "stop"

    /// What stands behind everything that a run's code printed, on both streams: the end of a line.
    [<Literal>]
    let EndOfRun = "\u0004 the run has ended"

    let private options =
        JsonSerializerOptions(NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)

    let private bare kind =
        { Kind = kind
          Text = ""
          Numbers = [||]
          Worst = nan
          Schedule = None
          Holder = None }

    let private ofDeed deed =
        match deed with
        | Deed.Done -> bare "done"
        | Deed.Reused -> bare "reused"
        | Deed.Held holder -> { bare "held" with Holder = holder }
        | Deed.Lost -> bare "lost"
        | Deed.Broken reason -> { bare "broken" with Text = reason }
        | Deed.Unwritable reason -> { bare "unwritable" with Text = reason }

    let private ofWord word =
        match word with
        | Word.Loading file -> { bare "loading" with Text = file }
        | Word.Ready -> bare "ready"
        | Word.Started(schedule, from) -> { bare "started" with Schedule = Some schedule; Numbers = [| from |] }
        | Word.Iterated iterations -> { bare "iterated" with Numbers = [| iterations |] }
        | Word.Evaluated(schedule, iterations, worst) ->
            { bare "evaluated" with
                Schedule = Some schedule
                Numbers = [| iterations |]
                Worst = worst }
        | Word.Noticed text -> { bare "noticed" with Text = text }
        | Word.Ended deed -> ofDeed deed
        | Word.Overdue callee -> { bare "overdue" with Text = callee }
        | Word.TooLarge bytes -> { bare "too large" with Numbers = [| bytes |] }

    let private toWord line =
        match line.Kind, line.Schedule with
        | "loading", _ -> Word.Loading line.Text
        | "ready", _ -> Word.Ready
        | "started", Some schedule -> Word.Started(schedule, int line.Numbers[0])
        | "iterated", _ -> Word.Iterated(int line.Numbers[0])
        | "evaluated", Some schedule -> Word.Evaluated(schedule, int line.Numbers[0], line.Worst)
        | "noticed", _ -> Word.Noticed line.Text
        | "done", _ -> Word.Ended Deed.Done
        | "reused", _ -> Word.Ended Deed.Reused
        | "held", _ -> Word.Ended(Deed.Held line.Holder)
        | "lost", _ -> Word.Ended Deed.Lost
        | "broken", _ -> Word.Ended(Deed.Broken line.Text)
        | "unwritable", _ -> Word.Ended(Deed.Unwritable line.Text)
        | "overdue", _ -> Word.Overdue line.Text
        | "too large", _ -> Word.TooLarge line.Numbers[0]
        | kind, _ -> invalidOp $"nobody says '{kind}'"

    /// A word as a line, without its end.
    let write (word: Word) = JsonSerializer.Serialize(ofWord word, options)

    /// The word of a line that `write` made.
    let read (line: string) : Word =
        match JsonSerializer.Deserialize<WordLine>(line, options) |> Option.ofObj with
        | Some line -> toWord line
        | None -> invalidOp "an empty line"
