namespace UbarFs.Report

/// The part of the page that judges every rule in every setting: a group of rows for each setting, a row for each rule.
[<RequireQualifiedAccess>]
module VerdictSection =

    let private standingClass standing =
        match standing with
        | Standing.AsGood -> "good"
        | Standing.Degraded -> "fair"
        | Standing.Destroyed -> "bad"

    let private judgementClass (judged: Judged) =
        match judged.Judgement with
        | Judgement.Compared(_, _, Verdict.Decided Standing.AsGood) when judged.IsBackdoored ->
            standingClass Standing.Degraded
        | Judgement.Baseline -> "isbaseline"
        | Judgement.Compared(_, _, Verdict.Decided standing) -> standingClass standing
        | Judgement.Compared _ -> "open"
        | Judgement.NoResult _
        | Judgement.NotCompared _ -> ""

    // What a small square says.
    let private square (judged: Judged) =
        match judged.Judgement with
        | Judgement.Compared(_, _, Verdict.Decided standing) -> standing.Mark
        | Judgement.Compared _ -> "?"
        | Judgement.Baseline -> "="
        | Judgement.NoResult UbarFs.Engine.Status.Failed -> "!"
        | Judgement.NoResult _
        | Judgement.NotCompared _ -> "–"

    let private words (judged: Judged list) =
        judged
        |> List.countBy VerdictText.wordsOf
        |> List.map (fun (word, count) -> $"{count} {word}")
        |> String.concat ", "

    let private said judged =
        match VerdictText.shortOf judged with
        | "" -> VerdictText.wordsOf judged
        | short -> short

    let private tally (paths: string list) (judged: Judged list) =
        let mark (one: Judged) =
            Markup.element
                "span"
                [ "class", judgementClass one
                  "title", $"{Summary.title paths one.Group}: {said one}" ]
                [ Markup.text (square one) ]

        VerdictTable.tally judged
        |> List.collect (fun (rule, judged) ->
            [ Element.withClass "span" "name" [ Markup.text rule ]
              Element.withClass "span" "marks" (List.map mark judged)
              Element.withClass "span" "words" [ Markup.text (words judged) ] ])
        |> Element.withClass "div" "tally"

    let private heading isFigure name =
        Markup.element
            "th"
            ([ "scope", "col" ]
             @ (if isFigure then
                    [ "class", "figure"; "data-first", "descending" ]
                else
                    []))
            [ Markup.element "button" [ "type", "button" ] [ Markup.text name ] ]

    let private headings hasBackdoor =
        [ heading false "rule"
          heading true "worst accuracy, %"
          if hasBackdoor then
              heading true "success rate, %"
          heading true "seeds"
          heading true "difference, points"
          heading true "share kept, %"
          heading true "lowest seed, %"
          heading true "destroyed"
          heading false "verdict" ]

    let private figure (value: float option) (text: string) =
        let value = value |> Option.map UbarFs.Engine.Csv.number |> Option.defaultValue ""
        Markup.element "td" [ "class", "figure"; "data-value", value ] [ Markup.text text ]

    let private compared (comparison: Comparison option) value text =
        match comparison with
        | Some comparison -> figure (Some(value comparison)) (text comparison)
        | None -> figure None "–"

    let private verdictCell (judged: Judged) =
        let text = VerdictText.shortOf judged
        let remedy = VerdictText.remedy judged.Judgement |> Option.map (fun text -> "title", text)

        Markup.element
            "td"
            ([ "class", $"verdict {judgementClass judged}"
               "data-value", VerdictText.wordsOf judged ]
             @ Option.toList remedy)
            [ Markup.text text ]

    let private row hasBackdoor (judged: Judged) =
        let group = judged.Group

        let comparison =
            match judged.Judgement with
            | Judgement.Compared(_, comparison, _) -> Some comparison
            | _ -> None

        Markup.element
            "tr"
            []
            [ Markup.element
                  "th"
                  [ "scope", "row"; "class", "sticky rule"; "data-value", group.Rule ]
                  [ Markup.text group.Rule ]
              figure (group.Worst |> Option.map _.Mean) (VerdictTable.accuracy group)
              if hasBackdoor then
                  figure (group.Success |> Option.map _.Mean) (Spread.percent group.Success)
              figure (Some(float group.Complete)) (VerdictText.seeds judged)
              compared comparison _.Difference.Middle VerdictText.difference
              compared comparison _.Kept.Middle VerdictText.kept
              figure (Judgement.worstSeed group |> Option.map snd) (VerdictText.worstSeed group)
              compared
                  comparison
                  (fun comparison -> float comparison.Destroyed / float comparison.Seeds)
                  VerdictText.destroyed
              verdictCell judged ]

    let private setting hasBackdoor (paths: string list) (setting: VerdictSetting) =
        let title = Summary.title paths setting.Judged.Head.Group
        let columns = string (headings hasBackdoor).Length

        Markup.element
            "tbody"
            []
            (Markup.element
                "tr"
                [ "class", "setting" ]
                [ Markup.element "th" [ "scope", "rowgroup"; "colspan", columns ] [ Markup.text title ] ]
             :: List.map (row hasBackdoor) setting.Judged)

    let private table (paths: string list) (judged: Judged list) =
        let hasBackdoor = VerdictTable.hasBackdoor judged
        let head = Markup.element "thead" [] [ Markup.element "tr" [] (headings hasBackdoor) ]
        let bodies = (VerdictTable.create judged).Settings |> List.map (setting hasBackdoor paths)
        Element.withClass "div" "scroll" [ Markup.element "table" [ "class", "verdicts" ] (head :: bodies) ]

    let private notes (judged: Judged list) =
        [ VerdictNotes.definition
          VerdictNotes.undecided
          VerdictNotes.withoutBaseline
          VerdictNotes.notCompared ]
        |> List.collect (fun notes -> notes judged)

    let verdicts (groups: Group list) =
        let judged = Judgement.ofGroups groups
        let paths = Summary.paths groups

        Element.section
            "verdicts"
            "Verdict"
            [ tally paths judged
              Element.note
                  "Worst test accuracy of a benign node at the end: mean ± standard deviation over the seeds. Difference \
                   from the baseline and share kept of what it has learned beyond guessing: medians over pairs of equal \
                   seeds, with [90 % intervals], or the (range) of fewer seeds than give one."
              table paths judged
              yield! notes judged |> List.map Element.note ]
