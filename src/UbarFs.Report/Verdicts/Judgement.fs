namespace UbarFs.Report

/// What a study says of a group.
[<RequireQualifiedAccess>]
type Judgement =
    /// The others are compared with it.
    | Baseline
    | Compared of baseline: Group * Comparison * Verdict
    /// Nothing of it is complete: its runs are in this state.
    | NoResult of UbarFs.Engine.Status
    | NotCompared of NoBaseline

/// A group with the judgement on it.
type Judged =
    { Group: Group
      Judgement: Judgement }

    /// Whether a backdoor got in, whatever the accuracy is.
    member judged.IsBackdoored =
        judged.Group.Success |> Option.exists (fun rate -> rate.Mean >= Comparison.backdooredFrom)

[<RequireQualifiedAccess>]
module Judgement =

    /// The worst accuracy of a benign node at the end of every complete run, by seed.
    let worstBySeed (group: Group) =
        group.Runs
        |> List.filter (fun run -> run.Outcome.Status = UbarFs.Engine.Status.Complete)
        |> List.choose (fun run -> run.Outcome.Worst |> Option.map (fun worst -> run.Identity.Seed, worst))
        |> List.distinctBy fst

    /// The complete run that ends lowest: its seed and its worst accuracy.
    let worstSeed (group: Group) : (int64 * float) option =
        match worstBySeed group with
        | [] -> None
        | seeds -> Some(List.minBy snd seeds)

    /// The seeds that are complete on both sides.
    let pairs (group: Group) (baseline: Group) : Pair list =
        let known = Map.ofList (worstBySeed baseline)

        worstBySeed group
        |> List.choose (fun (seed, worst) ->
            known
            |> Map.tryFind seed
            |> Option.map (fun reference -> { Seed = seed; Accuracy = worst; Baseline = reference }))
        |> List.sortBy _.Seed

    let private sample (group: Group) : Sample option =
        match group.Runs.Head.Identity.TestImages, group.Runs.Head.Identity.TestSize with
        | Some images, Some size when images > 0 && size > 0 -> Some { Images = images; TestSize = size }
        | _ -> None

    // One that failed needs somebody; of the others the first says what the group waits for.
    let private state (group: Group) =
        let states = group.Runs |> List.map _.Outcome.Status
        let isLeft state = state <> UbarFs.Engine.Status.Complete

        if List.contains UbarFs.Engine.Status.Failed states then
            UbarFs.Engine.Status.Failed
        elif List.contains UbarFs.Engine.Status.Damaged states then
            UbarFs.Engine.Status.Damaged
        else
            states |> List.tryFind isLeft |> Option.defaultValue UbarFs.Engine.Status.Pending

    let private compared (group: Group) (baseline: Group) : Judgement =
        match pairs group baseline with
        | _ when baseline.Worst.IsNone -> Judgement.NotCompared NoBaseline.Incomplete
        | [] -> Judgement.NotCompared NoBaseline.NoCommonSeed
        | pairs ->
            match pairs |> List.filter (Comparison.isComparable group.Chance >> not) with
            | [] ->
                let sample = sample group
                let comparison = Comparison.ofPairs group.Chance sample pairs
                Judgement.Compared(baseline, comparison, Verdict.ofComparison sample comparison)
            | weak -> Judgement.NotCompared(NoBaseline.LearnedTooLittle(weak |> List.map _.Seed))

    /// The groups of a study, each with the judgement on it.
    let ofGroups (groups: Group list) : Judged list =
        let baselineOf = Baseline.among groups

        let judge (group: Group) =
            match baselineOf group with
            | _ when group.Worst.IsNone -> Judgement.NoResult(state group)
            | Ok baseline when obj.ReferenceEquals(baseline, group) -> Judgement.Baseline
            | Ok baseline -> compared group baseline
            | Error reason -> Judgement.NotCompared reason

        groups |> List.map (fun group -> { Group = group; Judgement = judge group })
