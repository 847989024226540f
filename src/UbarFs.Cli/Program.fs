/// The command `ubarfs`.
module UbarFs.Cli.Program

open System
open System.IO
open System.Runtime.InteropServices
open Argu
open UbarFs.Core
open UbarFs.Scenario
open UbarFs.Cli.Arguments

let private parser =
    ArgumentParser.Create<Command>(
        programName = "ubarfs",
        helpTextMessage = "Experiments on Byzantine-resilient decentralized learning, described in YAML.",
        usageStringCharacterWidth = (Tables.console().Profile.Width - 1 |> max 60 |> min 100)
    )

let private commands =
    [ "run"
      "check"
      "break"
      "report"
      "runs"
      "show"
      "new"
      "schema"
      "list"
      "describe"
      "reference"
      "api"
      "data"
      "test-rule"
      "export"
      "apply"
      "doctor" ]

let rec private optionsOf (parser: ArgumentParser) : string list =
    let own = parser.GetArgumentCases() |> List.collect _.CommandLineNames.Value
    own @ (parser.GetSubCommandParsers() |> List.collect optionsOf)

let private options =
    lazy (optionsOf parser |> List.filter _.StartsWith('-') |> List.append [ "--help" ] |> List.distinct)

/// What a parser that takes any word for a file would not find: options that nobody knows, and empty arguments,
/// which are what a shell makes of a variable that is not set.
let private mistake (arguments: string[]) =
    let unknown (argument: string) =
        argument.StartsWith '-' && argument <> "-" && not (List.contains argument options.Value)

    match Array.tryFindIndex ((=) "") arguments, Array.tryFind unknown arguments with
    | Some 0, _ -> Some "the first argument is empty"
    | Some position, _ -> Some $"the argument behind '{arguments[position - 1]}' is empty"
    | None, Some option -> Some $"unknown option '{option}'{Exit.nearest options.Value option}"
    | None, None -> None

let private isFile (word: string) = Path.Exists word || Path.HasExtension word || Path.GetFileName word <> word

/// `ubarfs FILE…` is `ubarfs run FILE…`, with options before or behind the files.
let private withCommand (arguments: string list) : Result<string list, string> =
    match arguments with
    | [] -> Ok [ "--help" ]
    | "help" :: rest -> Ok(rest @ [ "--help" ])
    | first :: _ when List.contains first ([ "worker"; "--help"; "--version" ] @ commands) -> Ok arguments
    | first :: _ when first.StartsWith "--" -> Ok("run" :: arguments)
    | first :: _ ->
        match Nearest.find commands first with
        | Some command when not (isFile first) ->
            Error $"'{first}' is neither a command nor a file. Did you mean '{command}'?"
        | _ -> Ok("run" :: arguments)

let private execute (command: ParseResults<Command>) =
    if command.Contains Version then
        printfn "ubarfs %s" Provenance.ubarfs
        Exit.done'
    else
        match command.GetSubCommand() with
        | Run arguments -> RunCommand.run arguments
        | Worker arguments -> Worker.run arguments
        | Check arguments -> CheckCommand.run arguments
        | Break arguments -> BreakCommand.run arguments
        | Report arguments -> ReportCommand.run arguments
        | Runs arguments -> RunsCommand.run arguments
        | Show arguments -> ShowCommand.run arguments
        | New arguments -> NewCommand.run arguments
        | Schema -> Catalogues.schema ()
        | List arguments -> Catalogues.list (arguments.TryGetResult Family)
        | Describe arguments -> Catalogues.describe (arguments.GetResult Name)
        | Reference -> Catalogues.reference ()
        | Api -> Catalogues.api ()
        | Data arguments -> DataCommand.run arguments
        | TestRule arguments -> TestRuleCommand.run arguments
        | Export arguments -> ExportCommand.run arguments
        | Apply arguments -> ApplyCommand.run arguments
        | Doctor arguments -> DoctorCommand.run arguments
        | Version -> Exit.done'

// Argu repeats the whole usage behind its complaint.
let private complaint (arguments: string list) (error: ArguParseException) =
    let first = error.Message.Split('\n', 2)[0]
    let reason = first.Replace("ERROR: ", "").Trim().TrimEnd '.'

    let help =
        match arguments with
        | command :: _ when List.contains command commands -> $"ubarfs {command} --help"
        | _ -> "ubarfs --help"

    $"{reason}: '{help}' explains"

let private parseAndExecute (arguments: string list) =
    try
        execute (parser.ParseCommandLine(Array.ofList arguments))
    with :? ArguParseException as error ->
        match error.ErrorCode with
        | ErrorCode.HelpText ->
            printfn "%s" error.Message
            Exit.done'
        | _ -> Exit.refuse (complaint arguments error)

/// Only this program ends itself: where code of somebody else's does so, nothing is done, whatever it says of its success.
/// What this gives has to be held meanwhile.
let private guardEnd (isOver: bool ref) : IDisposable =
    // The runtime ends a process that is asked to with the same event.
    let asked = ref false

    let registration = PosixSignalRegistration.Create(PosixSignal.SIGTERM, (fun _ -> asked.Value <- true))

    AppDomain.CurrentDomain.ProcessExit.Add(fun _ ->
        if not (isOver.Value || asked.Value) then
            Live.close ()
            let complaint = "code of your own ended the program in the middle of its work (exit, Environment.Exit)"
            Exit.complain complaint
            Interruption.endAtOnce Exit.runFailed)

    registration

let private executeAll (arguments: string[]) : int =
    // What a pipe's reader cannot see should not arrive as mojibake.
    Console.OutputEncoding <- Text.UTF8Encoding false
    Streams.guard ()
    let arguments = arguments |> Array.map (fun argument -> if argument = "-h" then "--help" else argument)

    try
        match mistake arguments, withCommand (List.ofArray arguments) with
        | Some reason, _
        | None, Error reason -> Exit.refuse reason
        | None, Ok arguments -> parseAndExecute arguments
    with
    | CodeException problem ->
        Scenarios.print [ problem ]
        Exit.badUsage
    | :? Streams.OutputException as error ->
        let reason = error.Message.TrimEnd '.'
        Exit.complain $"standard output cannot be written: {reason}"
        Exit.runFailed
    | error ->
        // Nothing foreseen: the trace is for whoever gets the report.
        Exit.complain $"this is a defect of ubarfs: {error.Message}\n{error.StackTrace}"
        Exit.runFailed

[<EntryPoint>]
let main arguments =
    let isOver = ref false

    // Whoever delegates to a worker sees how it ends.
    use _ =
        if Array.tryHead arguments = Some "worker" then
            null
        else
            guardEnd isOver

    let code = executeAll arguments
    isOver.Value <- true
    code
