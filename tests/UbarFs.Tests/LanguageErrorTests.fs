/// What is wrong in a scenario is said well, at its place, and soon.
module UbarFs.Tests.LanguageErrorTests

open System
open System.IO
open Expecto
open FsCheck
open FsCheck.FSharp
open UbarFs.Scenario
open UbarFs.Tests.LanguageSamples

// Every word of the scenario that names a key, a component or a choice, with its position.
let private names =
    let values =
        set
            [ "digits"
              "iid"
              "mlp"
              "random"
              "ubar"
              "gaussian"
              "keep"
              "own"
              "none"
              "false" ]

    let words = Text.RegularExpressions.Regex.Matches(text, @"[a-z][a-z-]*(?=:)|[a-z][a-z-]*(?=[\s,}])")

    [ for word in words do
          if text[min (text.Length - 1) (word.Index + word.Length)] = ':' || values.Contains word.Value then
              word.Index, word.Length ]

let private lineOf position = text[.. position - 1] |> Seq.filter ((=) '\n') |> Seq.length |> (+) 1

/// The text with one letter of a name replaced, dropped or doubled, and the line of the change.
let private misspelling =
    gen {
        let! index, length = Gen.elements names
        let! position = Gen.choose (index, index + length - 1)
        let! letter = Gen.elements [ 'a' .. 'z' ]
        let! change = Gen.choose (0, 2)

        let changed =
            match change with
            | 0 -> text.Remove(position, 1).Insert(position, string letter)
            | 1 when length > 1 -> text.Remove(position, 1)
            | _ -> text.Insert(position, string letter)

        return (if changed = text then text.Insert(index, "x") else changed), lineOf index
    }

/// Any damage: pieces dropped, doubled, and pieces of YAML in the wrong places.
let private damage =
    let fragments =
        [ ":"
          " "
          "\n"
          "\t"
          "- "
          "["
          "]"
          "{"
          "}"
          "'"
          "\""
          "&a "
          "*a"
          "!t "
          "<<: "
          "#"
          "|"
          ">"
          "? "
          "%"
          "---\n"
          "...\n"
          ","
          "0"
          "é"
          "😀"
          "\r\n"
          "\u2028"
          "@"
          "\u0000"
          "sweep: "
          "null"
          "!<> "
          "\\" ]

    let once (text: string) =
        gen {
            let! position = Gen.choose (0, text.Length)
            let! length = Gen.choose (0, min 12 (text.Length - position))
            let! fragment = Gen.elements fragments
            let! kind = Gen.choose (0, 2)

            return
                match kind with
                | 0 -> text.Remove(position, length)
                | 1 -> text.Insert(position, text.Substring(position, length))
                | _ -> text.Insert(position, fragment)
        }

    gen {
        let! start = Gen.elements [ text; minimal; many; referring; "extends: other.yaml\n" + minimal ]

        let! times = Gen.choose (1, 6)
        let mutable changed = start

        for _ in 1..times do
            let! next = once changed
            changed <- next

        return changed
    }

let private isInside (text: string) (span: Span) =
    span.Source.Text = text
    && span.Offset >= 0
    && span.Length >= 0
    && span.Offset + span.Length <= text.Length
    && span.Line >= 1
    && span.Column >= 1

let private whatIsWrong =
    testList
        "what is wrong is said"
        [ check "a misspelt name is an error on its line"
          <| Prop.forAll (Arb.fromGen misspelling) (fun (changed, line) ->
              errors changed [] |> List.choose span |> List.exists (fun span -> span.Line = line))

          testPropertyWithConfig
              { FsCheckConfig.defaultConfig with maxTest = 1000 }
              "damaged text never throws, and its errors have a place in it"
          <| Prop.forAll (Arb.fromGen damage) (fun changed ->
              let found = errors changed []
              let rendered = found |> List.map Rendering.plain
              let notes = found |> List.collect _.Notes |> List.map fst

              List.choose span found @ notes |> List.forall (isInside changed)
              && rendered |> List.forall (fun text -> text.EndsWith '\n'))

          testCase "all errors of a file are reported, in their order"
          <| fun () ->
              let broken =
                  "seed: x\n" + minimal.Replace("softmax", "sotfmax").Replace("8", "0") + "zebra: 1\nseed: 3\n"

              Expect.equal (errors broken [] |> List.choose span |> List.map _.Line) [ 1; 3; 4; 6; 7 ] "lines" ]

let private hostile =
    let refused name (message: string) (text: unit -> string) =
        testCase name (fun () ->
            let text = text ()
            let found = errors text []
            let rendered = found |> List.map Rendering.plain
            let said (diagnostic: Diagnostic) = diagnostic.Message.Contains message
            Expect.exists found said "refused"
            Expect.all rendered (fun text -> text.Length < 2000) "in few words"
            Expect.isLessThan found.Length 102 "and in few messages")

    testList
        "hostile files are refused quickly"
        [ refused "aliases of aliases" "repeat more than 100000 values" (fun () ->
              let level number =
                  let items = repeated $"*a{number - 1}, " 9
                  $"a{number}: &a{number} [{items}*a{number - 1}]\n"

              minimal + "a0: &a0 [x]\n" + String.concat "" (List.map level [ 1..30 ]))
          refused "an alias of itself" "repeats a value inside of itself" (fun () ->
              minimal + "rule: &a { ubar: *a }\n")
          refused "deep nesting" "nested deeper than 64 levels" (fun () -> minimal + "rule: " + repeated "[" 100_000)
          refused "deep blocks" "a key must be a single word" (fun () -> repeated "? " 100_000)
          refused "a huge file" "longer than 1024 KiB" (fun () -> minimal + repeated "# comment\n" 200_000)
          refused "a huge key" "unknown key" (fun () -> "? " + repeated "k" 1_000_000 + "\n: 1\n")
          refused "many unknown keys" "there are more errors than these" (fun () ->
              [ 1..60_000 ] |> List.map (fun key -> $"key{key}: 1\n") |> String.concat "")
          refused "many wrong values" "there are more errors than these" (fun () ->
              minimal + "sweep: { rule: [" + repeated "x, " 50_000 + "x] }\n")
          refused "a long list" "is a list" (fun () -> minimal + "seed: [" + repeated "1," 500_000 + "1]\n")
          refused "a long line" "unknown rule" (fun () -> minimal + "rule: " + repeated "x " 500_000)
          refused "a sweep of many paths" "a sweep of 50000 paths" (fun () ->
              let axes = [ 1..50_000 ] |> List.map (fun axis -> $"  path{axis}: [1]\n")
              minimal + "sweep:\n" + String.concat "" axes)
          refused "a huge sweep" "1000000000 runs (1000 × 1000 × 1000)" (fun () ->
              let axis key = $"  {key}: [" + (List.map string [ 1..1000 ] |> String.concat ", ") + "]\n"

              minimal
              + "sweep:\n"
              + String.concat "" (List.map axis [ "seed"; "training.batch"; "training.rate" ]))
          refused "UTF-16" "the control character U+0000" (fun () ->
              minimal |> Seq.map (fun letter -> $"{letter}\000") |> String.concat "") ]

// Each broken scenario stands beside the text that it must lead to. Comments `# --set path=value` at its beginning
// are given as overrides. UBARFS_UPDATE_SNAPSHOTS=1 rewrites the expected texts.
let private snapshots =
    let update = Environment.GetEnvironmentVariable "UBARFS_UPDATE_SNAPSHOTS" = "1"
    let folder = Path.Combine(__SOURCE_DIRECTORY__, "broken")

    let overridesIn (text: string) =
        text.Split '\n'
        |> Seq.takeWhile (fun line -> line.StartsWith "# --set ")
        |> Seq.map (fun line -> line.Substring("# --set ".Length).Split('=', 2))
        |> Seq.map (fun parts -> parts[0], parts[1])
        |> List.ofSeq

    let compare (path: string) () =
        let name = Path.GetFileName path |> string
        let text = File.ReadAllText path

        let found =
            match Scenario.parse name text (overridesIn text) with
            | Ok(_, warnings) -> warnings
            | Error errors -> errors
            |> List.map Rendering.plain
            |> String.concat "\n"

        let expected = Path.ChangeExtension(path, ".txt")

        if update then
            File.WriteAllText(expected, found)
        else
            Expect.equal found (File.ReadAllText expected) name

    Directory.EnumerateFiles(folder, "*.yaml")
    |> Seq.sort
    |> Seq.map (fun path -> testCase (Path.GetFileNameWithoutExtension(path: string)) (compare path))
    |> List.ofSeq
    |> testList "broken scenarios"

[<Tests>]
let tests = testList "errors" [ whatIsWrong; hostile; snapshots ]
