namespace UbarFs.Report

open System

/// Which figures somebody wants, of what, and how large.
type FigureRequest =
    {
        Metrics: Metric list
        /// Paths with the values that runs must have: any of them. Panels come in the order of the values.
        Where: (string * string list) list
        /// The rules to show, in this order; all if there are none.
        Rules: string list
        /// In units of which 96 are an inch; as wide as they usually are without.
        Width: float option
    }

[<RequireQualifiedAccess>]
module FigureRequest =

    /// Everything, against the worst accuracy.
    let usual: FigureRequest = { Metrics = [ Metric.worst ]; Where = []; Rules = []; Width = None }

    let private unitsPerMillimetre = 96.0 / 25.4

    /// The widths of a paper's columns in millimetres: IEEE's, which most are close to.
    let private columns = [ "single", 88.9; "double", 181.9 ]

    let private narrowest, widest = 60.0, 600.0

    /// A width of "single" or "double", the columns of a paper, or in millimetres: "120" or "120mm".
    let tryWidth (text: string) : Result<float, string> =
        let digits =
            if text.EndsWith "mm" then
                text.Substring(0, text.Length - 2)
            else
                text

        match columns |> List.tryFind (fst >> (=) text), Trends.tryNumber digits with
        | Some(_, width), _ -> Ok(width * unitsPerMillimetre)
        | None, Some width when width >= narrowest && width <= widest && not (digits.EndsWith '%') ->
            Ok(width * unitsPerMillimetre)
        | _ ->
            Error
                $"'{text}' is not a width: expected single ({columns[0] |> snd} mm), double ({columns[1] |> snd} mm), or \
                  millimetres from {narrowest} to {widest}"

    let private listed (values: string seq) =
        values |> Seq.distinct |> Seq.map (fun value -> $"'{value}'") |> String.concat ", "

    // Values are the same if they are the same number: 30% and 0.3.
    let private same (one: string) (other: string) =
        one = other
        || match Trends.tryNumber one, Trends.tryNumber other with
           | Some one, Some other -> one = other
           | _ -> false

    let private valueOf path (run: StudyRun) =
        run.Settings
        |> List.tryFind (fst >> (=) path)
        |> Option.map snd
        |> Option.orElse (Map.tryFind path run.Outcome.Settings)

    // A path in full, or its last keys where that is unambiguous.
    let private tryPath (runs: StudyRun list) (name: string) =
        let swept = runs |> List.collect _.Settings |> List.map fst |> List.distinct

        let known =
            swept @ (runs |> List.collect (fun run -> run.Outcome.Settings |> Map.toList |> List.map fst))

        match List.contains name known, swept |> List.filter _.EndsWith("." + name) with
        | true, _ -> Ok name
        | false, [ single ] -> Ok single
        | false, [] -> Error $"no run has a setting '{name}'; swept are {listed swept}"
        | false, several -> Error $"'{name}' can be {listed several}: write it in full"

    let private whereIndex (runs: StudyRun list) (name, wanted: string list) =
        tryPath runs name
        |> Result.bind (fun path ->
            let values = runs |> List.choose (valueOf path) |> List.distinct
            let isKnown text = values |> List.exists (same text)

            match wanted |> List.filter (isKnown >> not) with
            | [] ->
                Ok(fun run ->
                    valueOf path run
                    |> Option.bind (fun value -> wanted |> List.tryFindIndex (fun text -> same text value)))
            | unknown -> Error $"no run has {path} {listed unknown}; there is {listed values}")

    let private rulesIndex (groups: Group list) (wanted: string list) =
        let rules = groups |> List.map _.Rule |> List.distinct
        let isOf name (rule: string) = rule = name || Palette.withoutParameters rule = name

        match wanted |> List.filter (fun name -> not (List.exists (isOf name) rules)) with
        | [] -> Ok(fun (group: Group) -> wanted |> List.tryFindIndex (fun name -> isOf name group.Rule))
        | unknown -> Error $"no run has the rule {listed unknown}; there is {listed rules}"

    let private traverse (results: Result<'value, string> list) : Result<'value list, string> =
        let folder result rest =
            match result, rest with
            | Ok value, Ok values -> Ok(value :: values)
            | Error reason, _
            | _, Error reason -> Error reason

        List.foldBack folder results (Ok [])

    let private unmeasured (request: FigureRequest) groups =
        let measured = Metric.measuredIn groups |> List.map (fun metric -> metric.Name)

        match request.Metrics |> List.map (fun metric -> metric.Name) |> List.except measured with
        | [] -> Ok()
        | missing -> Error $"no run has measured {listed missing}; there is {listed measured}"

    /// A group that is asked for, with its place among them.
    let private placed places rule (group: Group) =
        let found = places |> List.map (fun place -> place group.Runs.Head)

        match rule group with
        | Some rule when List.forall Option.isSome found -> Some((List.choose id found, rule), group)
        | _ -> None

    /// The groups that are wanted, in the wanted order, or what is asked for that is not there.
    let groups (request: FigureRequest) (all: Group list) : Result<Group list, string> =
        let runs = all |> List.collect _.Runs
        let places = request.Where |> List.map (whereIndex runs) |> traverse

        let rules =
            if request.Rules.IsEmpty then
                Ok(fun _ -> Some 0)
            else
                rulesIndex all request.Rules

        match unmeasured request all, places, rules with
        | Error reason, _, _
        | _, Error reason, _
        | _, _, Error reason -> Error reason
        | Ok(), Ok places, Ok rule ->
            let chosen = all |> List.choose (placed places rule) |> List.sortBy fst |> List.map snd

            if chosen.IsEmpty then
                Error "no run has all that is asked for"
            else
                Ok chosen
