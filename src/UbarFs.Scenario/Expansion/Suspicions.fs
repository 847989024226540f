/// What is legal, but probably not meant: assumptions of a scenario that its own network contradicts.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.Suspicions

open System
open UbarFs.Core

let private share (number: float) = string (Value.Real(Math.Round(number, 6)))

/// The attacks after which Byzantine nodes do no harm, or are not there.
let private isHarmless (attack: Chosen<Attack>) = attack.Name = "none" || attack.Name = "absent"

let private isAttacked (draft: Draft) =
    draft.Run.Network.Byzantine > 0 && not (List.forall isHarmless draft.Run.Attacks)

let private noting (place: Span option) message diagnostic =
    match place with
    | Some place -> Diagnostic.noting place message diagnostic
    | None -> diagnostic

let private ratioIsHere = "the Byzantine ratio is set here"

/// Warnings of one kind: the first ones, and how many more there are.
let few (warnings: Diagnostic list) : Diagnostic list =
    let most = 5

    match List.truncate most warnings, List.length warnings - most with
    | shown, more when more > 0 ->
        let last = List.last shown
        let noun = if more = 1 then "value" else "values"

        List.truncate (most - 1) shown
        @ [ { last with
                Message = $"{last.Message}; {more} more {noun} of this scenario likewise" } ]
    | shown, _ -> shown

let private percent (ratio: float) =
    Math.Round(100.0 * ratio, 1).ToString Globalization.CultureInfo.InvariantCulture + " %"

/// The number of benign nodes, nearest to what is written, with which the Byzantine ratio comes out nearly as asked.
let private fittingSize (network: NetworkPlan) =
    let isFitting benign =
        let byzantine = Network.byzantineCount benign network.ByzantineRatio
        let effective = float byzantine / float (benign + byzantine)
        byzantine > 0 && abs (effective - network.ByzantineRatio) < 0.005

    seq { 1 .. max 20 (3 * network.Benign) }
    |> Seq.collect (fun step -> [ network.Benign + step; network.Benign - step ])
    |> Seq.filter (fun benign -> benign > 0 && benign <= 2000)
    |> Seq.tryFind isFitting

/// A Byzantine ratio that the whole number of nodes misses by far.
let private rounding (draft: Draft) =
    let network = draft.Run.Network
    let asked, byzantine = network.ByzantineRatio, network.Byzantine
    let exact = asked / (1.0 - asked) * float network.Benign
    let effective = float byzantine / float network.Nodes
    let isFar = abs (effective - asked) >= 0.02 || abs (effective - asked) > 0.1 * asked + 1e-9

    match draft.ByzantineRatio with
    | Some place when isAttacked draft && isFar ->
        let exact = Math.Round(exact, 2).ToString Globalization.CultureInfo.InvariantCulture
        let which = if byzantine = 1 then "which is" else "which are"

        let warning =
            Diagnostic.warning
                place
                $"the Byzantine ratio {percent asked} asks for {exact} Byzantine nodes beside {network.Benign} benign ones: \
                  rounded to {byzantine}, {which} {percent effective} of all nodes"

        match fittingSize network with
        | Some benign ->
            let asked = Network.byzantineCount benign asked
            let comesTo = percent (float asked / float (benign + asked))

            warning
            |> Diagnostic.fixedBy
                [ [ Change.Set("network.benign", string benign) ] ]
                $"with network.benign: {benign}, the Byzantine nodes are {asked} of {benign + asked}: {comesTo}"
            |> Some
        | None -> Some warning
    | _ -> None

/// A batch that no node has the images for.
let private batch (draft: Draft) =
    let run = draft.Run
    let share = Run.meanShare run

    match draft.Batch with
    | Some place when not run.Dataset.Value.IsUnread && run.Training.Batch > share ->
        Diagnostic.warning
            place
            $"a batch of {run.Training.Batch} images, but a node has {share} ({Run.trainingImages run} training \
              images for {Run.holders run} nodes): each batch is all that a node has"
        |> Diagnostic.fixedBy
            [ [ Change.Set("training.batch", string (max 1 share)) ] ]
            $"training.batch: {max 1 share} or less would be a batch; an epoch is one iteration now"
        |> Some
    | _ -> None

let private oddFiles (drafts: Draft list) =
    [ for draft in drafts do
          for reason in draft.Odd do
              Diagnostic.warning draft.Dataset reason ]
    |> List.distinct

/// ρ above the share of benign nodes: edges have to go until it holds, or it does not hold.
let private assumedShare (draft: Draft) =
    let network = draft.Run.Network
    let benign = 1.0 - network.ByzantineRatio

    match draft.BenignRatio |> Option.orElse draft.ByzantineRatio with
    | Some place when isAttacked draft && network.BenignRatio > benign + 1e-9 ->
        // Rounded down, so that it fits.
        let fitting = share (Math.Floor(benign * 1000.0 + 1e-6) / 1000.0)

        let hint =
            if network.EnforceBenignRatio then
                $"edges to Byzantine nodes are dropped until it holds; network.benign-ratio: {fitting} keeps more of them"
            else
                $"set network.benign-ratio to {fitting} or less"

        Diagnostic.warning
            place
            $"every node assumes the share {share network.BenignRatio} of benign neighbours, but only {share benign} of \
              all nodes are benign"
        |> (if draft.BenignRatio.IsSome then
                noting draft.ByzantineRatio ratioIsHere
            else
                id)
        |> Diagnostic.fixedBy [ [ Change.Set("network.benign-ratio", fitting) ] ] hint
        |> Some
    | _ -> None

/// The same of a rule that has its own ρ.
let private assumedByRule (draft: Draft) =
    let network, rule = draft.Run.Network, draft.Run.Rule

    let enforced =
        if network.EnforceBenignRatio then
            network.BenignRatio
        else
            0.0

    let benign = max enforced (1.0 - network.ByzantineRatio)

    let rho =
        rule.Arguments
        |> List.tryPick (fun (parameter, value) ->
            match parameter.Name, value with
            | "rho", Value.Real rho -> Some rho
            | _ -> None)

    match rho, draft.Rule with
    | Some rho, Some place when isAttacked draft && rho > benign + 1e-9 ->
        Diagnostic.warning
            place
            $"'{rule.Name}' assumes the share {share rho} of benign neighbours, but only {share benign} are benign"
        |> noting draft.ByzantineRatio ratioIsHere
        |> Diagnostic.hinted $"{share benign} or less would fit, and 'rho: network' takes network.benign-ratio"
        |> Some
    | _ -> None

let private placement (draft: Draft) =
    match draft.Placement with
    | Some place when draft.Run.Network.ByzantineRatio = 0.0 ->
        Diagnostic.warning place "the placement has no effect: no node is Byzantine"
        |> Diagnostic.fixedBy
            [ [ Change.Set("network.byzantine", "0.3") ] ]
            "set network.byzantine, such as 0.3, or take the placement out"
        |> Some
    | _ -> None

/// One warning for each value that is suspicious in some run; for a placement, in all runs that have it.
let ofDrafts (drafts: Draft list) : Diagnostic list =
    let firsts (suspicion: Draft -> Diagnostic option) = drafts |> List.choose suspicion |> List.distinctBy _.Place

    // What fits where most nodes lie fits everywhere.
    let strictest (suspicion: Draft -> Diagnostic option) =
        drafts
        |> List.sortBy (fun draft -> -draft.Run.Network.ByzantineRatio)
        |> List.choose suspicion
        |> List.distinctBy _.Place

    let placements =
        drafts
        |> List.groupBy _.Placement
        |> List.filter (fun (_, alike) -> alike |> List.forall (placement >> Option.isSome))
        |> List.choose (fun (_, alike) -> placement alike.Head)

    few (firsts rounding)
    @ few (strictest assumedShare)
    @ few (strictest assumedByRule)
    @ few placements
    @ few (firsts batch)
    @ oddFiles drafts
