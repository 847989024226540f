namespace UbarFs.Report

/// What has to be said beside the verdicts of a study: what they mean, what they lack and what would help.
[<RequireQualifiedAccess>]
module VerdictNotes =

    let private plural count word = if count = 1 then $"1 {word}" else $"{count} {word}s"

    // So many places of a kind are named.
    let private most = 4

    let private listed (places: string list) =
        match List.distinct places with
        | places when places.Length > most ->
            let named = places |> List.truncate most |> String.concat "; "
            $"{named}; and {places.Length - most} more"
        | places -> String.concat "; " places

    let private baselineName (groups: Group list) =
        match Baseline.rules groups with
        | [ rule ] -> rule
        | _ -> groups |> List.collect _.Baselines |> List.distinct |> String.concat ", "

    let private hasNoSamplingError (judged: Judged) =
        match judged.Judgement with
        | Judgement.Compared(_, comparison, _) -> comparison.SamplingError.IsNone
        | _ -> false

    let private backdoors (judged: Judged list) =
        [ if judged |> List.exists _.Group.Success.IsSome then
              "Success: the share of the test images not of the target's class that the mean benign node takes for the \
               target once they have the backdoor's trigger."
          if judged |> List.exists _.IsBackdoored then
              $"backdoored: that is at least %.0f{100.0 * Comparison.backdooredFrom} %%, whatever the accuracy" ]

    /// What the marks mean that a study has.
    let definition (judged: Judged list) : string list =
        let verdicts =
            judged
            |> List.choose (fun one ->
                match one.Judgement with
                | Judgement.Compared(_, comparison, verdict) -> Some(comparison.Seeds, verdict)
                | _ -> None)

        let isOpen enough (seeds, verdict) =
            match verdict with
            | Verdict.Undecided _ -> seeds >= Interval.fewest = enough
            | Verdict.Decided _ -> false

        if verdicts.IsEmpty then
            backdoors judged
        else
            let rule = baselineName (judged |> List.map _.Group)
            let good, destroyed = 100.0 * Comparison.asGoodFrom, 100.0 * Comparison.destroyedBelow

            [ $"Compared with {rule} without an attack at the same settings, seed by seed."
              $"● as good: keeps at least %.0f{good} %% of what that learns beyond guessing"
              $"◐ degraded: keeps less; ✕ destroyed: keeps less than %.0f{destroyed} %%"
              if List.exists (isOpen false) verdicts then
                  $"(●) so far, from fewer than {Interval.fewest} seeds, which decide nothing: repeat: {Interval.fewest}"
              if List.exists (isOpen true) verdicts then
                  "●◐✕ undecided: the marks that are still possible"
              yield! backdoors judged
              if judged |> List.exists hasNoSamplingError then
                  "Without the sampling error of the test images: an older version wrote the store, and a new run adds it." ]

    let private hasName (group: Group) path = List.exists (fst >> (=) path) group.Settings

    // The attack is what the baseline does without.
    let private place (groups: Group list) : Group -> string =
        let paths = Summary.paths groups |> List.filter (Baseline.isFree >> not)

        fun group ->
            match paths |> List.filter (hasName group) with
            | [] -> ""
            | paths -> Summary.title paths group

    // A name that a scenario writes as it stands; what has parameters is written otherwise than it is called.
    let private isWritten (name: string) =
        name |> Seq.forall (fun letter -> letter = '-' || System.Char.IsAsciiLetterOrDigit letter)

    let private swept key first (names: string list) =
        let values =
            first :: names |> List.distinct |> List.map (fun name -> if isWritten name then name else "…")

        let all = values |> List.distinct |> String.concat ", "
        $"{key}: [{all}]"

    /// The sweep that adds the baseline to what was run. It takes the place of the keys that it sweeps: a scenario says
    /// each once.
    let private withBaseline name (groups: Group list) =
        let rules = groups |> List.map _.Rule |> List.distinct

        let keys =
            [ "attack", swept "attack" "absent" (groups |> List.map _.Attack)
              if rules <> [ name ] then
                  "rule", swept "rule" name rules ]

        let replaced = keys |> List.map (fun (key, _) -> $"'{key}'") |> String.concat " and "
        let sweep = keys |> List.map snd |> String.concat ", "
        $"write 'sweep: {{ {sweep} }}' and 'repeat: {Interval.fewest}' in the place of {replaced}"

    let private remedyOf name groups reason =
        match reason with
        | NoBaseline.NothingAttackFree -> "nothing ran without an attack", withBaseline name groups
        | NoBaseline.OtherRules rules ->
            let others = rules |> List.map (sprintf "'%s'") |> String.concat ", "

            $"only {others} ran without an attack",
            $"add '{name}' there, or choose another rule with the key 'baseline' or 'ubarfs report --baseline RULE'"
        | NoBaseline.Several rules ->
            let all = rules |> List.map (sprintf "'%s'") |> String.concat ", "
            $"several rules could be it ({all})", "choose one by its label with 'ubarfs report --baseline RULE'"
        | NoBaseline.Incomplete -> "its runs are not complete", "complete them"
        | NoBaseline.NoCommonSeed -> "no seed is complete on both sides", "give both the same seeds"
        | NoBaseline.LearnedTooLittle seeds ->
            let all = seeds |> List.map string |> String.concat ", "

            $"it learned too little: it ends within %.0f{100.0 * Comparison.leastGain} points of guessing (seed {all})",
            "train longer, or compare with another rule"

    /// Where there is no baseline, why, and what to add to get one.
    let withoutBaseline (judged: Judged list) : string list =
        let groups = judged |> List.map _.Group
        let name = if groups.IsEmpty then "" else baselineName groups
        let place = place groups

        judged
        |> List.choose (fun one ->
            match one.Judgement with
            | Judgement.NotCompared reason -> Some(reason, place one.Group)
            | _ -> None)
        |> List.groupBy fst
        |> List.map (fun (reason, places) -> remedyOf name groups reason, places)
        |> List.groupBy fst
        |> List.map (fun ((reason, remedy), places) ->
            let places = places |> List.collect snd |> List.map snd |> List.filter ((<>) "")
            let where = if places.IsEmpty then "" else $" at {listed places}"
            $"No baseline{where}: {reason}. To get a verdict, {remedy}.")

    /// What would decide the undecided verdicts that have enough seeds for one.
    let undecided (judged: Judged list) : string list =
        let paths = judged |> List.map _.Group |> Summary.paths

        judged
        |> List.choose (fun one ->
            match one.Judgement with
            | Judgement.Compared(_, comparison, _) when comparison.Seeds >= Interval.fewest ->
                VerdictText.remedy one.Judgement |> Option.map (fun remedy -> remedy, one.Group)
            | _ -> None)
        |> List.groupBy fst
        |> List.map (fun (remedy, undecided) ->
            let places = undecided |> List.map (fun (_, group) -> $"{Summary.title paths group}, {group.Rule}")
            $"Undecided at {listed places}: {remedy}.")

    /// A group's runs without a result that share their state.
    type Missing =
        {
            Group: Group
            Seeds: int64 list
            /// Their state, and why where the store says so.
            State: string
        }

    /// The runs without a result.
    let missing (groups: Group list) : Missing list =
        let state (run: StudyRun) =
            match run.Outcome.Reason with
            // More of it is in the run's own folder.
            | Some reason -> $"{run.Outcome.Status}: {reason.Trim().Split('\n')[0]}"
            | None -> string run.Outcome.Status

        [ for group in groups do
              let without = group.Runs |> List.filter (fun run -> run.Outcome.Status <> UbarFs.Engine.Status.Complete)

              for state, runs in List.groupBy state without do
                  { Group = group; Seeds = runs |> List.map _.Identity.Seed; State = state } ]

    /// The seeds of compared groups that are complete while the baseline's are not.
    let unpaired (judged: Judged list) : (Group * int64 list) list =
        judged
        |> List.choose (fun one ->
            match one.Judgement with
            | Judgement.Compared(_, comparison, _) when comparison.Seeds < one.Group.Complete ->
                let seeds =
                    one.Group.Runs
                    |> List.filter (fun run -> run.Outcome.Status = UbarFs.Engine.Status.Complete)
                    |> List.map _.Identity.Seed

                Some(one.Group, List.except (comparison.Pairs |> List.map _.Seed) seeds)
            | _ -> None)

    let seedList (seeds: int64 list) =
        let all = seeds |> List.map string |> String.concat ", "
        if seeds.Length = 1 then $"seed {all}" else $"seeds {all}"

    let private title (judged: Judged list) : Group -> string =
        let paths = judged |> List.map _.Group |> Summary.paths
        fun group -> $"{Summary.title paths group}, {group.Rule}"

    /// The seeds that are not compared, in lines.
    let notCompared (judged: Judged list) : string list =
        let title = title judged

        unpaired judged
        |> List.map (fun (group, seeds) -> $"Not compared: {title group}, {seedList seeds}: the baseline lacks them")

    /// The runs that the table leaves out, and why, in lines.
    let leftOut (judged: Judged list) : string list =
        let title = title judged

        let lines =
            (missing (judged |> List.map _.Group)
             |> List.map (fun missing ->
                 $"Without a result: {title missing.Group}, {seedList missing.Seeds}: {missing.State}"))
            @ notCompared judged

        if lines.Length > 12 then
            List.truncate 11 lines
            @ [ $"… and {lines.Length - 11} lines more: results.csv has the status of every run" ]
        else
            lines

    /// Everything but the runs without a result, in lines for a terminal.
    let ofResults (judged: Judged list) : string list =
        definition judged @ undecided judged @ withoutBaseline judged @ notCompared judged

    /// Everything, in lines for a terminal.
    let lines (judged: Judged list) : string list =
        definition judged @ undecided judged @ withoutBaseline judged @ leftOut judged
