/// The help pages, their examples, the generated reference and the README.
module UbarFs.Tests.ReferenceTests

open System
open System.IO
open System.Text.RegularExpressions
open Expecto
open UbarFs.Core
open UbarFs.Scenario
open UbarFs.Tests.LanguageSamples

let private root = Path.GetFullPath(Path.Combine(__SOURCE_DIRECTORY__, "..", ".."))

let private text (name: string) = File.ReadAllText(Path.Combine(root, name)).ReplaceLineEndings "\n"

/// A test of every component of the catalogue.
let private ofEach name test =
    testList
        name
        [ for family in Family.all do
              for described in family.Members do
                  testCase $"{family.Name} {described.Name}" (fun () -> test family described) ]

let private only scenario =
    match runs scenario [] with
    | [ run ] -> run
    | runs -> failtest $"{runs.Length} runs"

/// The network of a run's topology, or the reason why there is none.
let private network (run: Run) =
    Topology.draw run.Network.Demand (Random.shared run.Seed Purpose.Topology) run.Network.Topology.Value

let private needsFile (run: Run) =
    match run.Network.Topology.Value with
    | Topology.File _ -> true
    | Topology.Family _
    | Topology.Listed _ -> false

let private pages =
    [ ofEach "every component has a whole page" (fun family described ->
          let page = Page.create family described
          let isGiven (text: string) = text.Trim() <> "" && text.Trim() = text
          Expect.all [ page.Summary; page.Source; described.Meaning ] isGiven "summary, source and meaning"
          Expect.isNonEmpty page.Example "an example"

          for subject, fact in page.Facts do
              Expect.isTrue (isGiven subject && isGiven fact) subject

          for parameter in page.Parameters do
              Expect.isTrue (isGiven parameter.Meaning) parameter.Name)

      ofEach "no line of a page is wider than the terminal" (fun family described ->
          for line in Page.lines (Page.create family described) do
              Expect.isLessThanOrEqual (Page.width line) Page.columns line)

      testCase "a list has a line for each component, within the terminal" (fun () ->
          for family in Family.all do
              let lines = Page.list family
              Expect.hasLength lines (family.Members.Length + 1) family.Plural

              for line in lines do
                  Expect.isLessThanOrEqual (Page.width line) Page.columns line)

      testCase "every rule shows its equation" (fun () ->
          for family in Family.all |> List.filter (fun family -> family.Name = "rule") do
              for page in Page.ofFamily family do
                  Expect.exists page.Meaning _.IsFormula page.Name)

      check "wrapping loses no word and exceeds the width with single words only" (fun (words: string list) width ->
          let columns = 1 + abs (width % 100)
          let words = words |> List.collect (fun word -> List.ofArray ($"{word}".Split()))
          let words = words |> List.filter (fun word -> word <> "" && not (Seq.exists Char.IsControl word))
          let lines = Page.wrap columns (String.concat " " words)

          List.collect (fun (line: string) -> List.ofArray (line.Split ' ')) lines = words
          && lines |> List.forall (fun line -> Page.width line <= columns || not (line.Contains ' '))) ]

let private examples =
    [ ofEach "the three ways to write a component with its defaults are one run" (fun family described ->
          let named = Example.byName family described |> Option.map (only >> written)
          Expect.isSome named "the name alone is accepted"
          Expect.equal (Example.full family described |> Option.map (only >> written)) named "all parameters"

          if not described.Parameters.IsEmpty then
              Expect.equal (Example.byFirst family described |> Option.map (only >> written)) named "the first"

          let says (value: string) = Regex.IsMatch(value, $"(^|[ {{\[]){Regex.Escape described.Name}($|[ :,\]])")
          Expect.exists named.Value.Values says "the run has the component")

      ofEach "the example's network can be drawn, and its attack fits it" (fun family described ->
          let run = only (Page.create family described).Example

          if not (needsFile run) then
              match network run with
              | Error reason -> failtest reason
              | Ok network ->
                  let byzantine =
                      [| for node in 0 .. Network.size network - 1 do
                             if network.Byzantine[node] then
                                 node |]

                  for attack in run.Attacks do
                      match attack.Value with
                      | Attack.Present behaviour -> Expect.isNone (behaviour.Objection network byzantine) attack.Name
                      | Attack.Absent -> ())

      testCase "a default that is written out changes nothing" (fun () ->
          // The defaults of a section that may be left out count where it is not.
          let rec check present path shape =
              match shape with
              | Shape.Fields fields ->
                  for field in fields do
                      let here = path @ [ field.Key ]

                      match field.Default with
                      | Default.Written value ->
                          let given = runs minimal (present @ [ String.concat "." here, value ])
                          Expect.equal (List.map written given) (List.map written (runs minimal present)) field.Key
                      | Default.Absent -> check (present @ [ String.concat "." here, "{}" ]) here field.Shape
                      | _ -> check present here field.Shape
              | _ -> ()

          check [] [] Grammar.scenario.Shape) ]

/// The anchors of a Markdown document's headings, as GitHub makes them.
let private anchors (markdown: string) =
    let slug (heading: string) = Regex.Replace(heading.ToLowerInvariant(), @"[^\w\- ]", "").Replace(' ', '-')

    [ for line in markdown.Split '\n' do
          let heading = Regex.Match(line, "^#+ (.*)$")

          if heading.Success then
              slug heading.Groups[1].Value ]
    |> List.groupBy id
    |> List.collect (fun (slug, same) ->
        same |> List.mapi (fun index _ -> if index = 0 then slug else $"{slug}-{index}"))
    |> Set.ofList

let private yaml (markdown: string) =
    [ for block in Regex.Matches(markdown, "```yaml\n(.*?)```", RegexOptions.Singleline) -> block.Groups[1].Value ]

/// The links of a document that lead into the repository: file (empty: the document itself) and anchor.
let private links (markdown: string) =
    [ for link in Regex.Matches(markdown, @"\]\(([^)#:]*)(#[^)]*)?\)") ->
          link.Groups[1].Value, link.Groups[2].Value.TrimStart '#' ]

let private documents =
    [ testCase "docs/reference.md is up to date" (fun () ->
          if text "docs/reference.md" <> Reference.document () then
              failtest $"docs/reference.md is out of date. Write it anew with: {Reference.command}")

      for name in
          [ "README.md"
            "CONTRIBUTING.md"
            "docs/reference.md"
            "docs/semantics.md"
            "docs/theorem-1.md"
            "docs/writing-a-rule.md" ] do
          testCase $"the links of {name} lead somewhere" (fun () ->
              for file, anchor in links (text name) do
                  let folder = Path.GetDirectoryName name |> string
                  let target = if file = "" then name else Path.Combine(folder, file)
                  let isThere = Path.Exists(Path.Combine(root, target))
                  Expect.isTrue isThere target

                  if isThere && anchor <> "" then
                      Expect.contains (anchors (text target)) anchor target)

      for name in [ "README.md"; "docs/semantics.md" ] do
          testCase $"the scenarios in {name} are accepted" (fun () ->
              for scenario in yaml (text name) do
                  Expect.isNonEmpty (runs scenario []) scenario) ]

[<Tests>]
let tests =
    testList
        "reference"
        [ testList "pages" pages
          testList "examples" examples
          testList "documents" documents ]
