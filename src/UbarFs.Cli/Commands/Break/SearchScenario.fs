/// The scenario of a search for breaking points: everything that it may run.
module UbarFs.Cli.SearchScenario

open System
open System.Globalization
open System.IO
open System.Text.RegularExpressions
open FsToolkit.ErrorHandling
open UbarFs.Core
open UbarFs.Report
open UbarFs.Scenario

/// What a search is about, in the words of its scenario.
type Subject =
    {
        /// The scenario's file, and its name.
        File: string
        Name: string
        Baseline: string
        /// Label and text of each rule and each attack.
        Rules: (string * string) list
        Attacks: (string * string) list
        /// The attack that leaves the Byzantine nodes out.
        Absent: string
        Benign: int
        /// Byzantine nodes, ascending.
        Liars: int list
        /// How many seeds the search has, if the scenario has too few.
        Repeat: int option
    }

let private absent = "absent"

/// What a search varies itself.
let private ratioPath = "network.byzantine"

let private searched = [ "rule"; "attack"; ratioPath ]

let private isHarmless (run: Run) =
    run.Attacks
    |> List.forall (fun attack -> attack.Code.IsNone && List.contains attack.Name [ absent; "none" ])

// Paths of code count from the scenario's folder.
let private located (file: string) (text: string) =
    let folder = Path.GetDirectoryName(Path.GetFullPath file) |> string

    Regex.Replace(
        text,
        @"\b(script|assembly): ([^,}]+)",
        fun found ->
            let path = found.Groups[2].Value.Trim().Trim('\'', '"')
            let full = Path.Combine(folder, path).Replace("'", "''")
            $"{found.Groups[1].Value}: '{full}'"
    )

// One component of the catalogue with nothing but defaults is called by its name.
let private name (chosen: Chosen<'value> list) : string option =
    match chosen with
    | [ one ] when one.Code.IsNone && one.Parts.IsEmpty && Chosen.label one = one.Name -> Some one.Name
    | _ -> None

// By its name, or as the scenario lists it without a label, or else with everything written out.
let private written path (chosen: Chosen<'value> list) (run: Run) =
    match name chosen, run.Swept |> List.tryFind (fst >> (=) path) with
    | Some name, _ -> name
    | None, Some(_, text) when chosen |> List.forall _.Label.IsNone -> text
    | None, _ -> Run.written run |> List.find (fst >> (=) path) |> snd

let private distinct path file (label: Run -> string) (chosen: Run -> Chosen<'value> list) (runs: Run list) =
    runs
    |> List.distinctBy label
    |> List.map (fun run -> label run, written path (chosen run) run |> located file)

/// The Byzantine nodes that ratios stand for, ascending and each once.
let private liarsOf benign (ratios: float list) =
    ratios
    |> List.map (fun ratio -> int (Math.Round(ratio * float benign / (1.0 - ratio))) |> max 1)
    |> List.distinct
    |> List.sort

let private usualLiars benign =
    1 :: liarsOf benign [ for tenths in 1..8 -> float tenths / 10.0 ] |> List.distinct

let private readRatios (text: string) : Result<float list, string> =
    text.Split(',', StringSplitOptions.TrimEntries ||| StringSplitOptions.RemoveEmptyEntries)
    |> List.ofArray
    |> List.traverseResultM (fun written ->
        match Trends.tryNumber written with
        | Some ratio when ratio > 0.0 && ratio < 1.0 -> Ok ratio
        | _ -> Error $"--ratios has '{written}': expected ratios above 0 and below 1, such as 10%%,30%%,50%%")
    |> Result.bind (function
        | [] -> Error "--ratios is empty: expected ratios such as 10%,30%,50%"
        | ratios -> Ok ratios)

let private isListed (scenario: Scenario) =
    match scenario.Definition.Content with
    | Content.Mapping entries -> entries |> List.exists (fun entry -> entry.Key.Value = "seeds")
    | _ -> false

let private seedsOf (scenario: Scenario) : Result<int option, string> =
    match (scenario.Runs |> List.map _.Seed |> List.distinct).Length with
    | enough when enough >= Interval.fewest -> Ok None
    | few when isListed scenario ->
        Error $"the scenario lists {few} seeds, and fewer than {Interval.fewest} decide nothing: list more"
    | _ -> Ok(Some Interval.fewest)

/// What a scenario's search is about, or why there is none. `ratios` are those of the command line.
let subject (ratios: string option) (scenario: Scenario) : Result<Subject, string> =
    result {
        let runs = scenario.Runs
        let swept = runs |> List.collect (_.Swept >> List.map fst) |> List.distinct

        match swept |> List.except searched with
        | [] -> ()
        | path :: _ ->
            return!
                Error
                    $"the scenario sweeps '{path}', and a search varies the Byzantine ratio alone, for the rules and the \
                      attacks that are listed under 'rule' and 'attack': set '{path}' with --set, or list what differs \
                      there"

        let attacks =
            runs |> List.filter (isHarmless >> not) |> distinct "attack" scenario.File Run.attackLabel _.Attacks

        if attacks.IsEmpty then
            return! Error "the scenario has no attack to search with: write 'attack: bit-flip', or sweep several"

        let! repeat = seedsOf scenario
        let benign = runs.Head.Network.Benign

        let! liars =
            match ratios with
            | None -> Ok(usualLiars benign)
            | Some text -> readRatios text |> Result.map (liarsOf benign)

        return
            { File = scenario.File
              Name = scenario.Name
              Baseline = scenario.Baseline
              Rules = distinct "rule" scenario.File Run.ruleLabel (fun run -> [ run.Rule ]) runs
              Attacks = attacks
              Absent = absent
              Benign = benign
              Liars = liars
              Repeat = repeat }
    }

/// So many Byzantine nodes as a ratio.
let ratioOf (subject: Subject) (liars: int) = float liars / float (liars + subject.Benign)

let private digits (value: float) = value.ToString("R", CultureInfo.InvariantCulture)

let private quoted (text: string) = "'" + text.Replace("'", "''") + "'"

/// A scenario of some rules, attacks and numbers of Byzantine nodes, for a file in a folder; lines of explanation first.
let text (subject: Subject) (folder: string) name (explanation: string list) rules attacks (liars: int list) : string =
    let extends = Path.GetRelativePath(Path.GetFullPath folder, Path.GetFullPath subject.File)
    let flow items = items |> String.concat ", " |> sprintf "[%s]"

    [ for line in explanation do
          $"# {line}"

      $"extends: {quoted extends}"
      $"name: {quoted name}"

      match subject.Repeat with
      | Some repeat -> $"repeat: {repeat}"
      | None -> ()

      "sweep:"
      $"  rule: {flow rules}"
      $"  attack: {flow attacks}"
      $"  {ratioPath}: {liars |> List.map (ratioOf subject >> digits) |> flow}" ]
    |> List.map (fun line -> line + "\n")
    |> String.concat ""

/// The rules of a search with the baseline, which it needs even where the scenario has it not.
let withBaseline (subject: Subject) : string list =
    let texts = List.map snd subject.Rules

    let isKnown =
        subject.Rules
        |> List.exists (fun (label, text) -> label = subject.Baseline || text = subject.Baseline)

    if isKnown then texts else subject.Baseline :: texts

/// The overrides of the command line that a search leaves as they are: what it varies is in its own file.
let kept (overrides: string list) : string list =
    overrides
    |> List.filter (fun assignment ->
        let path = assignment.Split('=', 2)[0]

        searched
        |> List.forall (fun own -> path <> own && not (path.StartsWith(own + ".", StringComparison.Ordinal)))
        && path <> "name"
        && path <> "repeat")
