namespace UbarFs.Report

open UbarFs.Engine

/// The part of the page that says which runs are not complete, and why.
[<RequireQualifiedAccess>]
module ProblemSection =

    /// So many runs are named one by one.
    let most = 20

    // A reason is a line: more of it is in the run's own folder.
    let private longest = 200

    let private firstLine (text: string) =
        let line = text.Trim().Split('\n') |> Array.head |> _.TrimEnd()

        if line.Length <= longest then
            line
        else
            line.Substring(0, longest) + "…"

    // What failed is worth more attention than what has only not been done.
    let private rank status =
        match status with
        | Status.Failed -> 0
        | Status.Damaged -> 1
        | Status.MissingData -> 2
        | Status.Interrupted -> 3
        | Status.Running -> 4
        | Status.Pending -> 5
        | Status.Complete -> 6

    let private why (run: StudyRun) =
        match run.Outcome.Reason, run.Outcome.Status, List.tryLast run.Points with
        | Some reason, _, _ -> firstLine reason
        | None, Status.MissingData, _ -> $"the dataset {run.Identity.Dataset} is not on the machine"
        | None, Status.Failed, _ -> "its folder may say why"
        | None, _, Some point -> $"evaluated until epoch {Axis.plain point.Epoch}"
        | None, _, None -> "not begun, or not evaluated yet"

    let private which (rule: string) (run: StudyRun) =
        let settings =
            run.Settings
            |> List.filter (fst >> Summary.isOfRule >> not)
            |> List.map (fun (path, value) -> $"{path} {value}")

        rule :: settings @ [ $"seed {run.Identity.Seed}" ] |> String.concat ", "

    let private counted (runs: StudyRun list) =
        runs
        |> List.countBy _.Outcome.Status
        |> List.map (fun (status, number) -> $"{number} {status}")
        |> String.concat ", "

    let private line (rule: string, run: StudyRun) =
        Markup.element
            "li"
            []
            [ Element.withClass "b" (string run.Outcome.Status) [ Markup.text (string run.Outcome.Status) ]
              Markup.text $" {which rule run}: {why run}" ]

    /// The runs that are not complete, what failed first, each with its reason.
    let problems (groups: Group list) : Markup list =
        let incomplete =
            [ for group in groups do
                  for run in group.Runs do
                      if run.Outcome.Status <> Status.Complete then
                          group.Rule, run ]
            |> List.sortBy (fun (_, run) -> rank run.Outcome.Status)

        let runs = incomplete |> List.map snd
        let hasFailed = runs |> List.exists (fun run -> rank run.Outcome.Status <= 2)

        if incomplete.IsEmpty then
            []
        else
            [ Markup.element
                  "details"
                  ([ "class", "problems"; "data-key", "problems" ] @ (if hasFailed then [ "open", "" ] else []))
                  [ Element.text "summary" $"Not complete: {counted runs}"
                    Markup.element
                        "ul"
                        []
                        [ yield! incomplete |> List.truncate most |> List.map line
                          if incomplete.Length > most then
                              Element.text "li" $"and {runs |> List.skip most |> counted}: results.csv has all" ] ] ]
