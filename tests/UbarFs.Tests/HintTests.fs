/// What hints show can be written: every way that a hint shows, applied, leads to a scenario without the error.
module UbarFs.Tests.HintTests

open System
open System.IO
open Expecto
open UbarFs.Scenario
open UbarFs.Tests.LanguageSamples

/// A scenario with the values that the command line gives.
type private Written = { Text: string; Overrides: (string * string) list }

let private overridesIn (text: string) =
    text.Split '\n'
    |> Seq.takeWhile (fun line -> line.StartsWith "# --set ")
    |> Seq.map (fun line -> line.Substring("# --set ".Length).Split('=', 2))
    |> Seq.map (fun parts -> parts[0], parts[1])
    |> List.ofSeq

let private broken =
    Directory.EnumerateFiles(Path.Combine(__SOURCE_DIRECTORY__, "broken"), "*.yaml")
    |> Seq.sort
    |> Seq.map (fun path ->
        let text = File.ReadAllText path
        Path.GetFileNameWithoutExtension path |> string, { Text = text; Overrides = overridesIn text })
    |> List.ofSeq

let private diagnose written =
    match Scenario.parse "scenario.yaml" written.Text written.Overrides with
    | Ok(_, warnings) -> warnings
    | Error errors -> errors

/// The place of a change in its source, and the text that comes there.
let private piece change =
    match change with
    | Change.Replace(span, text) -> Some(span.Source, span.Offset, span.Offset + span.Extent, text)
    | Change.Remove(key, value) -> Some(key.Source, key.Offset, value.Offset + value.Extent, "")
    | Change.Set _ -> None

/// A text with a piece replaced. Line ends behind a block stay, and a comma behind nothing goes.
let private replaced (text: string) (first: int, last: int, instead: string) =
    let piece = text.Substring(first, last - first)

    let last =
        if piece.Contains '\n' then
            first + piece.TrimEnd().Length
        else
            last

    let rest = text.Substring last

    let rest =
        if instead = "" && rest.TrimStart().StartsWith ',' then
            rest.TrimStart().Substring 1
        else
            rest

    text.Substring(0, first) + instead + rest

let private changed origin (fix: Fix) text =
    fix
    |> List.choose piece
    |> List.filter (fun (source, _, _, _) -> source.Origin = origin && source.Text = text)
    |> List.map (fun (_, first, last, instead) -> first, last, instead)
    |> List.sortByDescending (fun (first, _, _) -> first)
    |> List.fold replaced text

let private apply written (fix: Fix) =
    let override' (path, value) =
        let parts =
            (changed Origin.CommandLine fix $"--set {path}={value}").Substring("--set ".Length).Split('=', 2)

        parts[0], parts[1]

    let set =
        fix
        |> List.choose (function
            | Change.Set(path, value) -> Some(path, value)
            | _ -> None)

    { Text = changed (Origin.File "scenario.yaml") fix written.Text
      Overrides = List.map override' written.Overrides @ set }

let private messages diagnostics =
    diagnostics
    |> List.map (fun diagnostic -> diagnostic.Severity, diagnostic.Message)
    |> List.filter (fun (severity, _) -> severity = Severity.Error)
    |> List.map snd
    |> List.sort

let private isYaml written =
    match Yaml.parse (Source.create (Origin.File "scenario.yaml") written.Text) 0 with
    | Some _, _ -> true
    | None, _ -> false

// What asks to write something must show it in a form that can be applied.
let private asks (hint: string) =
    [ "write "; "did you mean"; "as in"; "such as" ] |> List.exists hint.Contains
    && not (hint.Contains "write --set")

/// Hints of YAML itself, whose text says what to do in general.
let private isGeneral (hint: string) = hint.StartsWith "every key goes on a line of its own"

let private follows (name: string) written =
    let before = diagnose written

    [ for diagnostic in before do
          match diagnostic.Hint with
          | Some hint when asks hint && diagnostic.Fixes.IsEmpty && not (isGeneral hint) ->
              $"{name}: the hint '{hint}' shows something to write, but carries nothing that can be applied"
          | _ -> ()

          for fix in diagnostic.Fixes do
              let after = apply written fix
              let left = diagnose after
              let isLeft = left |> List.exists (fun other -> other.Message = diagnostic.Message)

              let others =
                  if isYaml written then
                      messages left |> List.except (messages before)
                  else
                      []

              let hint = Option.defaultValue "" diagnostic.Hint

              if isLeft || not others.IsEmpty then
                  let said = left |> List.map Rendering.plain |> String.concat ""
                  $"{name}: '{diagnostic.Message}' with the hint '{hint}' leads to\n{after.Text}\n%A{after.Overrides}\n{said}" ]

let private samples =
    [ for position, (instead: string) in
          List.indexed
              [ "seed: 1..5"
                "seed: 12 "
                "rule: { ubar: [rho: 0.3] }"
                "rule: { average: { rho: 0.3 } }"
                "rule: { name: ubar }"
                "rule: [ubar]"
                "attack: gaussian 2"
                "attack: { bit-flip: { sigma: 3 } }"
                "sigma: 2"
                "ubar: { rho: 0.3 }"
                "measure: { evry: 2 epochs }"
                "measure: { every: 2epochs }"
                "measure: 2 epochs"
                "seeds: 4"
                "sweep: { training: { rate: [0.1, 0.2], batch: 16 } }"
                "sweep: { rule: { ubar: { rho: [0.3, 0.4] } } }"
                "sweep: { variants: [a, b] }"
                "sweep: { exclude: average, rule: [average, ubar] }"
                "sweep: network.byzantine"
                "sweep: [network.byzantine: [0.1, 0.3]]"
                "model: conv"
                "epochs: 2"
                "rule: ubar\nrate: 0.2" ] -> $"sample {position}", { Text = minimal + instead + "\n"; Overrides = [] } ]

[<Tests>]
let tests =
    testList
        "hints"
        [ for name, written in broken @ samples do
              testCase name (fun () -> Expect.equal (follows name written) [] "what the hints show can be written") ]
