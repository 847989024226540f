namespace UbarFs.Report

open UbarFs.Engine

/// The attack that hurts a rule most somewhere.
type HardestAttack =
    {
        Attack: string
        /// The others that are as hard: they leave the same median share, or accuracy where there is no share.
        AsHard: string list
        /// The worst accuracy of a benign node at the end: its mean over the seeds that count.
        Accuracy: float
        /// The median share kept over the same seeds; none where there is nothing to compare with.
        Kept: float option
    }

/// A rule at one setting under every attack that was run there.
type WorstCell =
    {
        Rule: string
        /// The value of the path that the panel's columns are.
        Column: string
        /// One for each attack.
        Groups: Group list
        /// How many of them have a result.
        Compared: int
        Baseline: Group option
        /// What is complete under all attacks with a result, and under the baseline: nothing else counts.
        Seeds: int64 list
        Hardest: HardestAttack option
        /// In what it is not whole, a phrase each; what is not whole has no colour.
        Remarks: string list
    }

/// Rules against a swept path, at one value of every other setting.
type WorstPanel =
    {
        /// The other paths in which panels differ, with its values.
        Settings: (string * string) list
        Title: string
        Attacks: string list
        Rules: string list
        /// Values of the swept path, with what is written above them; one without a name where nothing was swept.
        Columns: (string * string) list
        /// The swept path, and what it is in words.
        Path: string option
        Across: string
        Cells: WorstCell list
    }

    member panel.TryCell(rule, column) =
        panel.Cells |> List.tryFind (fun cell -> cell.Rule = rule && cell.Column = column)

/// The worst over the attacks: for every rule and setting the attack that hurts it most. It is picked by what the test
/// images say afterwards, so it bounds what any of these attacks does; nothing is averaged over attacks.
[<RequireQualifiedAccess>]
module WorstAttack =

    let private isOfAttack (path: string) = path = "attack" || path.StartsWith "attack."

    // All that sets a group apart beside its rule and its attack.
    let private setting (group: Group) =
        group.Settings |> List.filter (fun (path, _) -> not (isOfAttack path || Summary.isOfRule path))

    let private valueOf path (group: Group) =
        group.Settings |> List.tryFind (fst >> (=) path) |> Option.map snd |> Option.defaultValue ""

    // A component with one number, as a sweep writes it: "{ dirichlet: 0.1 }" or "{ dirichlet: { alpha: 0.1 } }".
    let private parameter =
        System.Text.RegularExpressions.Regex(
            @"^\{\s*(?<name>[\w-]+):\s*(\{\s*(?<key>[\w-]+):\s*)?(?<value>[^\s{},]+)\s*(\}\s*)?\}$"
        )

    let private tryParameter (text: string) : (string * float * string) option =
        let found = parameter.Match text
        let part (name: string) = found.Groups[name].Value

        if found.Success then
            Trends.tryNumber (part "value")
            |> Option.map (fun number -> String.concat " " [ part "name"; part "key" ], number, part "value")
            |> Option.map (fun (name, number, written) -> name.TrimEnd(), number, written)
        else
            None

    /// What is written above the columns of a path's values, in their order, and what the path is.
    let private columnsOf path (values: string list) : (string * string) list * string =
        let numbers = values |> List.map Trends.tryNumber
        let parameters = values |> List.choose tryParameter
        let names = parameters |> List.map (fun (name, _, _) -> name) |> List.distinct

        if List.forall Option.isSome numbers then
            values |> List.sortBy Trends.tryNumber |> List.map (fun value -> value, value), Trends.nameOf path
        elif parameters.Length = values.Length && names.Length = 1 then
            List.zip values parameters
            |> List.sortBy (fun (_, (_, number, _)) -> number)
            |> List.map (fun (value, (_, _, written)) -> value, written),
            names.Head
        else
            values |> List.map (fun value -> value, value), Trends.nameOf path

    // The path whose values are the columns: the ratio of liars before how data differs, and these before other numbers.
    let private across (groups: Group list) : (string * string list) option =
        let swept =
            groups
            |> List.collect setting
            |> List.distinct
            |> List.groupBy fst
            |> List.map (fun (path, pairs) -> path, pairs |> List.map snd)
            |> List.filter (fun (_, values) -> values.Length > 1)

        let isNumber (_, values) = List.forall (Trends.tryNumber >> Option.isSome) values
        let named name = swept |> List.tryFind (fst >> (=) name)

        named "network.byzantine"
        |> Option.filter isNumber
        |> Option.orElse (named "data.partition")
        |> Option.orElse (List.tryFind isNumber swept)

    let private result (group: Group) = Map.ofList (Judgement.worstBySeed group)

    let private commonSeeds (results: Map<int64, float> list) =
        match results with
        | [] -> Set.empty
        | results -> results |> List.map (Map.keys >> Set.ofSeq) |> Set.intersectMany

    let private plural count word = if count = 1 then $"1 {word}" else $"{count} {word}s"

    let private incomplete (group: Group) =
        group.Runs
        |> List.map _.Outcome.Status
        |> List.filter ((<>) Status.Complete)
        |> List.countBy string
        |> List.sort
        |> List.map (fun (status, count) ->
            let runs = plural group.Runs.Length "run"
            $"{group.Attack}: {count} of {runs} {status}")

    let private differingSeeds (groups: Group list) =
        let planned =
            groups
            |> List.map (fun group -> group.Runs |> List.map _.Identity.Seed |> Set.ofList)
            |> List.distinct

        match planned with
        | _ :: _ :: _ ->
            let common = (Set.intersectMany planned).Count
            let seeds = plural common "seed"
            [ $"the attacks were run with different seeds, {seeds} in common" ]
        | _ -> []

    let private remarks attacks (groups: Group list) lacking (reference: Result<unit, string>) =
        let missing = attacks |> List.except (groups |> List.map _.Attack) |> List.sort

        [ if not missing.IsEmpty then
              let names = String.concat ", " missing
              $"not run: {names}"
          yield! groups |> List.sortBy _.Attack |> List.collect incomplete
          yield! differingSeeds groups
          if lacking > 0 then
              let seeds = plural lacking "seed"
              $"the baseline lacks {seeds}"
          match reference with
          | Ok() -> ()
          | Error reason -> $"{reason}, so the lowest median accuracy says which attack is the hardest" ]

    let private pairs chance (seeds: int64 list) (baseline: Map<int64, float>) (result: Map<int64, float>) =
        let pairs =
            seeds |> List.map (fun seed -> { Seed = seed; Accuracy = result[seed]; Baseline = baseline[seed] })

        if pairs |> List.forall (Comparison.isComparable chance) then
            Some pairs
        else
            None

    let private hardest chance (seeds: int64 list) (baseline: Map<int64, float> option) results =
        let judge (group: Group, result: Map<int64, float>) =
            let accuracies = seeds |> List.map (fun seed -> result[seed])

            let kept =
                baseline
                |> Option.bind (fun baseline -> pairs chance seeds baseline result)
                |> Option.map (List.map _.Kept(chance) >> Interval.median)

            let score = kept |> Option.defaultValue (Interval.median accuracies)
            score, List.average accuracies, group.Attack, kept

        match results |> List.map judge |> List.sort with
        | [] -> None
        | (score, accuracy, attack, kept) :: others ->
            Some
                { Attack = attack
                  AsHard =
                    others
                    |> List.filter (fun (other, _, _, _) -> other = score)
                    |> List.map (fun (_, _, attack, _) -> attack)
                  Accuracy = accuracy
                  Kept = kept }

    let private cell find (attacks: string list) (rule, column) (groups: Group list) : WorstCell =
        let chance = groups.Head.Chance

        let results =
            groups |> List.map (fun group -> group, result group) |> List.filter (snd >> Map.isEmpty >> not)

        let attacked = results |> List.map snd |> commonSeeds
        // Nothing else differs, so they have the same baseline.
        let baseline: Group option = find groups.Head |> Result.toOption
        let reference = baseline |> Option.map result |> Option.filter (Map.isEmpty >> not)

        let shared =
            reference |> Option.map (fun reference -> commonSeeds [ reference ] |> Set.intersect attacked)

        let seeds =
            match shared with
            | Some shared when not shared.IsEmpty -> Set.toList shared
            | _ -> Set.toList attacked

        let hardest =
            let reference = reference |> Option.filter (fun _ -> shared <> Some Set.empty)

            if seeds.IsEmpty then
                None
            else
                hardest chance seeds reference results

        let comparable =
            match hardest, shared with
            | None, _ when results.IsEmpty -> Ok()
            | None, _ -> Error "no seed is complete under all attacks"
            | Some { Kept = Some _ }, _ -> Ok()
            | _, None -> Error "there is no complete baseline"
            | _, Some shared when shared.IsEmpty -> Error "the baseline has none of the seeds"
            | _ -> Error "the baseline learned too little to compare with"

        { Rule = rule
          Column = column
          Groups = groups
          Compared = results.Length
          Baseline = baseline
          Seeds = seeds
          Hardest = hardest
          Remarks = remarks attacks groups (attacked.Count - seeds.Length) comparable }

    let private panel find path (paths: string list) columns across (groups: Group list) : WorstPanel =
        let attacks = groups |> List.map _.Attack |> List.distinct
        let column group = path |> Option.map (fun path -> valueOf path group) |> Option.defaultValue ""

        let cells =
            groups
            |> List.groupBy (fun group -> group.Rule, column group)
            |> List.map (fun (place, groups) -> cell find attacks place groups)

        let isThere (value, _) = cells |> List.exists (fun cell -> cell.Column = value)

        { Settings = paths |> List.map (fun path -> path, valueOf path groups.Head)
          Title =
            if paths.IsEmpty then
                ""
            else
                Summary.title paths groups.Head
          Attacks = attacks
          Rules = groups |> List.map _.Rule |> List.distinct
          Columns = List.filter isThere columns
          Path = path
          Across = across
          Cells = cells }

    let private isOfSeveral (panel: WorstPanel) = panel.Cells |> List.exists (fun cell -> cell.Groups.Length > 1)

    /// The panels of some of a study's groups; none where no rule was run under two attacks at the same settings.
    /// Baselines are of all its groups.
    let panels (groups: Group list) (shown: Group list) : WorstPanel list =
        let attacked = shown |> List.filter (fun group -> not group.IsAttackFree)
        let find = Baseline.among groups
        let across = across attacked
        let path = Option.map fst across

        let columns, name =
            match across with
            | Some(path, values) -> columnsOf path values
            | None -> [ "", "" ], ""

        let others (group: Group) = setting group |> List.filter (fun (other, _) -> Some other <> path)

        let paths =
            attacked
            |> List.collect others
            |> List.distinct
            |> List.countBy fst
            |> List.filter (fun (_, values) -> values > 1)
            |> List.map fst

        attacked
        |> List.groupBy others
        |> List.map (snd >> panel find path paths columns name)
        |> List.filter isOfSeveral
