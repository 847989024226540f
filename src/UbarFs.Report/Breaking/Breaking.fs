namespace UbarFs.Report

open System.Text.Json.Nodes
open UbarFs.Engine

/// What a search for breaking points has come to.
type Breaking =
    {
        /// The scenario's name.
        Name: string
        /// The rule that the others are compared with, where nobody lies.
        Baseline: string
        Question: BreakingQuestion
        Benign: int
        /// The Byzantine nodes at the places 1, 2, …
        Liars: int list
        /// What is found of each rule.
        Findings: (string * Finding) list
        /// The complete runs that this rests on, the baseline's included.
        Runs: int
    }

/// What a search has come to, as tables.
[<RequireQualifiedAccess>]
module Breaking =

    /// The Byzantine ratio at a place, as a fraction: of the whole number of liars that there are.
    let ratio (breaking: Breaking) place : float =
        if place = 0 then
            0.0
        else
            let liars = float breaking.Liars[place - 1]
            liars / (liars + float breaking.Benign)

    let private percent (value: float) = $"%.0f{100.0 * value} %%"

    let private at (breaking: Breaking) place =
        match place with
        | 0 -> "0 %"
        | place ->
            let liars = breaking.Liars[place - 1]
            $"{percent (ratio breaking place)} ({liars} of {liars + breaking.Benign})"

    let private last (breaking: Breaking) = breaking.Liars.Length

    let private holding breaking (threshold: Threshold) =
        match threshold.Holds with
        | Some held -> at breaking held.Place
        | None -> "never"

    let private falling breaking (threshold: Threshold) =
        match threshold.Falls, threshold.Holds with
        | Some fallen, _ when fallen.Place = 0 -> "0 %, without an attack"
        | Some fallen, _ -> $"{at breaking fallen.Place}, {fallen.Attack}"
        | None, Some held when held.Place = last breaking -> $"not up to {at breaking held.Place}"
        | None, _ -> $"undecided up to {at breaking (last breaking)}"

    // What all seeds leave open, of both thresholds: each place once.
    let private undecided (finding: Finding) : Confirmed list =
        match finding with
        | Finding.Points(degraded, destroyed) ->
            degraded.Open @ destroyed.Open |> List.distinctBy _.Place |> List.sortBy _.Place
        | Finding.NoResult _
        | Finding.Unfinished _ -> []

    let private leftOpen breaking (finding: Finding) =
        undecided finding
        |> List.map (fun one -> $"{at breaking one.Place}: {VerdictText.marks one.Verdict}")
        |> String.concat "; "

    let headings = [ "rule"; "as good up to"; "degraded from"; "destroyed from"; "undecided at" ]

    /// A row for each rule.
    let rows (breaking: Breaking) : string list list =
        [ for rule, finding in breaking.Findings do
              match finding with
              | Finding.Points(degraded, destroyed) ->
                  [ rule
                    holding breaking degraded
                    falling breaking degraded
                    falling breaking destroyed
                    leftOpen breaking finding ]
              | Finding.NoResult reason -> [ rule; $"no result: {reason}"; ""; ""; "" ]
              | Finding.Unfinished places ->
                  let places = places |> List.map (at breaking) |> String.concat "; "
                  [ rule; "not found yet"; ""; ""; $"runs left at {places}" ] ]

    /// What the table says, and what it does not.
    let caption (breaking: Breaking) : string list =
        let question = breaking.Question
        let attacks = String.concat ", " question.Attacks
        let ratios = [ 1 .. last breaking ] |> List.map (ratio breaking >> percent) |> String.concat ", "
        let good, destroyed = percent Comparison.asGoodFrom, percent Comparison.destroyedBelow

        [ $"Byzantine ratios, as shares of all nodes: {breaking.Benign} are benign. Compared with {breaking.Baseline} \
            without an attack at the same ratio, seed by seed, over {question.Seeds.Length} seeds."
          $"As good: keeps at least {good} of what that learns beyond guessing. Degraded: decided to keep less. \
            Destroyed: decided to keep less than {destroyed}."
          $"Tried were the ratios {ratios} and the attacks {attacks}. More liars are taken to hurt more: ratios that one \
            seed under each attack rules out were not tried with all seeds."
          if question.Attacks.Length > 1 then
              "At each ratio all attacks had one seed, the half that hurt most twice as many, and so on; the one that is \
               left decides."
          if breaking.Findings |> List.exists (snd >> undecided >> List.isEmpty >> not) then
              "Undecided at: all seeds were tried there, and leave the verdicts open that the marks stand for (● as good, ◐ \
               degraded, ✕ destroyed); with more seeds (repeat) they may decide."
          $"It rests on {breaking.Runs} runs." ]

    let private number (value: float option) = value |> Option.map Csv.number |> Option.defaultValue ""

    let private cells breaking (confirmed: Confirmed option) =
        [ number (confirmed |> Option.map (fun one -> ratio breaking one.Place))
          confirmed
          |> Option.filter (fun one -> one.Place > 0)
          |> Option.map _.Attack
          |> Option.defaultValue ""
          number (confirmed |> Option.map _.Comparison.Kept.Low)
          number (confirmed |> Option.map _.Comparison.Kept.Middle)
          number (confirmed |> Option.map _.Comparison.Kept.High) ]

    let private thresholds (finding: Finding) : (string * Confirmed option) list =
        let degraded, destroyed =
            match finding with
            | Finding.Points(degraded, destroyed) -> Some degraded, Some destroyed
            | Finding.NoResult _
            | Finding.Unfinished _ -> None, None

        [ "as_good_up_to", degraded |> Option.bind _.Holds
          "degraded_from", degraded |> Option.bind _.Falls
          "not_destroyed_up_to", destroyed |> Option.bind _.Holds
          "destroyed_from", destroyed |> Option.bind _.Falls ]

    let private state finding =
        match finding with
        | Finding.Points _ -> "found"
        | Finding.NoResult _ -> "no result"
        | Finding.Unfinished _ -> "not found yet"

    /// Headings and rows: of each threshold the ratio, the attack, and the share kept with its interval.
    let csv (breaking: Breaking) : string list * string list list =
        let headings =
            [ "rule"
              "state"
              for name, _ in thresholds (Finding.Unfinished []) do
                  name
                  $"{name}_attack"
                  $"{name}_kept_low"
                  $"{name}_kept"
                  $"{name}_kept_high"
              "undecided_at"
              "runs_left_at" ]

        let ratios places = places |> List.map (ratio breaking >> Csv.number) |> String.concat "; "

        let runsLeft finding =
            match finding with
            | Finding.Unfinished places -> places
            | Finding.Points _
            | Finding.NoResult _ -> []

        headings,
        [ for rule, finding in breaking.Findings do
              [ rule
                state finding
                yield! List.collect (snd >> cells breaking) (thresholds finding)
                undecided finding |> List.map _.Place |> ratios
                ratios (runsLeft finding) ] ]

    /// The same for programs.
    let json (breaking: Breaking) : JsonNode =
        let text, object, array = JsonNodes.text, JsonNodes.object, JsonNodes.array
        let real (value: float) = JsonNodes.real (Some value)

        let confirmed (one: Confirmed option) : JsonNode | null =
            match one with
            | None -> null
            | Some one ->
                object
                    [ "ratio", real (ratio breaking one.Place)
                      "attack", (if one.Place = 0 then null else text one.Attack)
                      "kept",
                      array (
                          List.map
                              real
                              [ one.Comparison.Kept.Low
                                one.Comparison.Kept.Middle
                                one.Comparison.Kept.High ]
                      )
                      "seeds", real (float one.Comparison.Seeds)
                      "possible", array (one.Verdict.Possible |> List.map (string >> text)) ]

        object
            [ "name", text breaking.Name
              "baseline", text breaking.Baseline
              "benign", real (float breaking.Benign)
              "attacks", array (List.map text breaking.Question.Attacks)
              "ratios", array ([ 1 .. last breaking ] |> List.map (ratio breaking >> real))
              "runs", real (float breaking.Runs)
              "rules",
              array
                  [ for rule, finding in breaking.Findings do
                        object
                            [ "rule", text rule
                              "state", text (state finding)
                              for name, one in thresholds finding do
                                  name, confirmed one

                              "undecided", array (undecided finding |> List.map (Some >> confirmed)) ] ] ]

    /// The table of a paper.
    let paper (breaking: Breaking) : PaperTable =
        { Caption = caption breaking; Headings = headings; Rows = rows breaking }
