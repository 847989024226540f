/// docs/writing-a-rule.md does what it says: its files are written, and its commands run, in their order.
module UbarFs.Tests.TutorialTests

open System
open System.Diagnostics
open System.IO
open System.Text.RegularExpressions
open Expecto

/// A block of the document: the words behind its opening fence, and its text.
type private Block = { Words: string list; Text: string }

let private blocks (markdown: string) =
    [ for found in Regex.Matches(markdown, @"^```(\w.*)\n((?:.*\n)*?)```$", RegexOptions.Multiline) ->
          { Words = found.Groups[1].Value.Split ' ' |> List.ofArray
            Text = found.Groups[2].Value } ]

/// The words of a command, as a shell takes it apart: what is in quotes belongs together.
let private words (line: string) =
    [ for found in Regex.Matches(line, @"(?:'[^']*'|[^\s'])+") -> found.Value.Replace("'", "") ]

let private execute folder (line: string) =
    let program, arguments =
        match words line with
        | "ubarfs" :: rest -> "dotnet", Path.Combine(AppContext.BaseDirectory, "ubarfs.dll") :: rest
        | program :: rest -> program, rest
        | [] -> failtest "an empty command"

    let info = ProcessStartInfo(program, arguments, WorkingDirectory = folder)
    info.RedirectStandardOutput <- true
    info.RedirectStandardError <- true
    info.Environment["OMP_NUM_THREADS"] <- "1"
    use started = Process.Start info |> nonNull
    let output = started.StandardOutput.ReadToEndAsync()
    let errors = started.StandardError.ReadToEnd()
    started.WaitForExit()

    if started.ExitCode <> 0 then
        failtest $"{line}\n{output.Result}{errors}"

    output.Result

let private follow folder block =
    match block.Words with
    | [ "sh" ] ->
        [ for line in block.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries) -> line, execute folder line ]
    | [ _; file ] ->
        let path = Path.Combine(folder, file)
        Directory.CreateDirectory(Path.GetDirectoryName path |> string) |> ignore
        File.WriteAllText(path, block.Text)
        []
    | words -> failtest $"a block that neither runs nor is a file: {words}"

[<Tests>]
let tests =
    testCase "every command of the tutorial does what it says"
    <| fun () ->
        let document = Path.Combine(AppContext.BaseDirectory, "docs/writing-a-rule.md")

        TinyDataset.inFolder (fun folder ->
            let said = File.ReadAllText document |> blocks |> List.collect (follow folder) |> Map.ofList
            Expect.isGreaterThan said.Count 9 "commands"

            let numbers = Regex.Replace(said["ubarfs apply case.json"], @"\s", "")
            Expect.stringContains numbers "\"result\":[0.5,0.5],\"selected\":[0,1]" "the numbers"
            Expect.stringContains said["ubarfs study.yaml"] "mine.fsx" "the table")
