/// `ubarfs test-rule`: a rule against its laws.
module UbarFs.Cli.TestRuleCommand

open System
open System.Diagnostics
open System.IO
open System.Text.Json
open Argu
open FsToolkit.ErrorHandling
open UbarFs.Core
open UbarFs.Testing
open UbarFs.Cli.RuleArguments

let private within name low high (value: int option) =
    match value with
    | Some value when value < low || value > high ->
        Error $"--{name} {value}: expected a whole number from {low} to {high}"
    | _ -> Ok value

/// The plan of a command line, with what is wrong with it for the rule.
let private planFor (arguments: ParseResults<TestRuleArguments>) (rule: Rule) : Result<Plan, string> =
    result {
        let! tests = arguments.TryGetResult Tests |> within "tests" 1 1_000_000
        let! dimension = arguments.TryGetResult Dimension |> within "dimension" 1 10_000
        let! byzantine = arguments.TryGetResult Byzantine |> within "byzantine" 1 20

        let! limit =
            match arguments.TryGetResult TimeLimit with
            | Some seconds when not (seconds > 0.0) -> Error $"--time-limit {seconds}: expected a number above 0"
            | limit -> Ok limit

        let names = RuleReport.names rule
        let wanted = arguments.GetResults TestRuleArguments.Property

        match wanted |> List.tryFind (fun name -> not (List.contains name names)) with
        | Some name ->
            let known = String.concat ", " names

            return!
                Error $"there is nothing to test by the name '{name}': expected one of {known}{Exit.nearest names name}"
        | None ->
            return
                { Effort =
                    { Effort.standard with
                        Tests = Option.defaultValue Effort.standard.Tests tests
                        TimeLimit = limit
                        Seed = arguments.GetResult(Seed, Effort.standard.Seed)
                        Dimension = dimension }
                  Only = wanted
                  Byzantine = Option.defaultValue 1 byzantine }
    }

/// What a rule claims to be the same as has to be in the catalogue.
let private knowsItsModels (rule: Rule) =
    let names = Catalogue.rules |> List.map _.Name

    rule.Claims
    |> List.tryPick (fun law ->
        match law with
        | Law.SameAs name when not (List.contains name names) ->
            Some $"the rule claims to be the same as '{name}', and there is no such rule{Exit.nearest names name}"
        | _ -> None)
    |> function
        | Some reason -> Error reason
        | None -> Ok()

/// Writes the counterexample of each failed law as a case and a test, and says where.
let private save (subject: TestedRule.Subject) (folder: string) (report: RuleReport) : Result<string list, string> =
    try
        let folder = Directory.CreateDirectory folder

        [ for law in report.Laws do
              match law.Outcome, law.Standing with
              | Outcome.Falsified(_, counterexample), (Standing.Required | Standing.Claimed) ->
                  let write (extension: string) (text: string) =
                      let path = Path.Combine(folder.FullName, $"{subject.Name}-{law.Trial.Name}.{extension}")
                      File.WriteAllText(path, text)
                      Path.GetRelativePath(Directory.GetCurrentDirectory(), path)

                  let cases = Pasted.cases subject.Source counterexample
                  write "json" (JsonSerializer.Serialize(cases, JsonSerializerOptions(WriteIndented = true)) + "\n")
                  write "fsx" (Pasted.test subject.Source law.Trial counterexample)
              | _ -> () ]
        |> Ok
    with
    | :? IOException
    | :? UnauthorizedAccessException as error -> Error $"cannot write to {folder}: {error.Message}"

/// Shows on a terminal which law is being tested, once it takes a while.
let private watching (work: (Trial -> int -> unit) -> 'result) : 'result =
    if Console.IsErrorRedirected then
        work (fun _ _ -> ())
    else
        let clock, erase = Stopwatch.StartNew(), "\r\u001b[K"
        let mutable shown = TimeSpan.FromSeconds 0.5

        let watch (trial: Trial) number =
            if clock.Elapsed > shown then
                shown <- clock.Elapsed + TimeSpan.FromSeconds 0.2
                eprintf "%s%s, test %d …" erase trial.Name (number + 1)

        try
            work watch
        finally
            eprintf "%s" erase

let private test (arguments: ParseResults<TestRuleArguments>) (subject: TestedRule.Subject) plan =
    let report =
        watching (fun watch ->
            RuleReport.ofTested
                plan
                { Rule = subject.Rule
                  Anew = subject.Anew
                  Assuming = subject.Assuming
                  Watch = watch })

    let saved =
        match arguments.TryGetResult TestRuleArguments.Out with
        | Some folder -> save subject folder report
        | None -> Ok []

    match saved with
    | Error reason -> Exit.refuse reason
    | Ok files ->
        if arguments.Contains TestRuleArguments.Json then
            printfn "%s" (RulePage.json subject plan report)
        else
            RulePage.print subject plan files.IsEmpty report

            for file in files do
                printfn "wrote %s" file

        if (RuleReport.failures report).IsEmpty && (RuleReport.undecided report).IsEmpty then
            Exit.done'
        else
            Exit.runFailed

let run (arguments: ParseResults<TestRuleArguments>) : int =
    let checked' =
        result {
            let! subject =
                TestedRule.load
                    (arguments.TryGetResult TestRuleArguments.Libtorch)
                    (arguments.GetResults TestRuleArguments.Set)
                    (arguments.TryGetResult TestRuleArguments.Type)
                    (arguments.GetResult TestRuleArguments.Rule)

            let! plan = planFor arguments subject.Rule |> Result.mapError Exit.refuse
            do! knowsItsModels subject.Rule |> Result.mapError Exit.refuse
            return subject, plan
        }

    match checked' with
    | Ok(subject, plan) -> test arguments subject plan
    | Error code -> code
