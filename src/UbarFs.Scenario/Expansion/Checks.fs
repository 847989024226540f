/// What is wrong, or odd, in values that are each right by themselves.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.Checks

open UbarFs.Core

// Counted in floating point: near the ratio 1 the number of nodes exceeds every integer.
let private nodes (network: NetworkPlan) =
    let benign, ratio = float network.Benign, network.ByzantineRatio
    benign + round (ratio / (1.0 - ratio) * benign)

let private modelFits draft =
    let dataset, model = draft.Run.Dataset, draft.Run.Model

    match Architecture.fit dataset.Value.Shape dataset.Value.Classes model.Value with
    | Ok _ -> []
    | Error misfit ->
        let layer = misfit.Layer |> Option.bind (fun layer -> List.tryItem (layer - 1) draft.Layers)

        let name =
            if draft.Layers.IsEmpty then
                $"the model '{model.Name}'"
            else
                "the list of layers"

        [ Diagnostic.error
              (Option.defaultValue draft.Model layer)
              $"{name} does not fit the images of '{dataset.Name}' ({dataset.Value.Shape}): {misfit.Reason}"
          |> Diagnostic.noting draft.Dataset "the dataset is chosen here" ]

let private networkFits draft =
    let network, dataset = draft.Run.Network, draft.Run.Dataset
    let total = nodes network
    let place = draft.ByzantineRatio |> Option.defaultValue draft.Benign

    let counted =
        if network.ByzantineRatio = 0.0 then
            $"%.0f{total} nodes"
        else
            let ratio = Value.Real network.ByzantineRatio
            $"{network.Benign} benign nodes and the Byzantine ratio {ratio} make %.0f{total} nodes"

    if total > float Grammar.mostNodes then
        [ Diagnostic.error place $"{counted}, more than {Grammar.mostNodes}" ]
    elif not dataset.Value.IsUnread && Run.dividedImages draft.Run > 0 && Run.meanShare draft.Run = 0 then
        let images =
            match Run.dividedImages draft.Run with
            | all when all = dataset.Value.TrainingSize -> $"only {all} training images"
            | left when left = Run.trainingImages draft.Run ->
                $"only {left} training images beside those that measure.validation holds out"
            | left -> $"only {left} training images beside the server's"

        [ Diagnostic.error place $"{counted}, but '{dataset.Name}' has {images}: some nodes would have none" ]
    else
        []

// What is held out must leave something, and no file may have given it to a node.
let private holdoutFits draft =
    let run = draft.Run
    let size = run.Dataset.Value.TrainingSize

    match draft.Validation, run.Validation with
    | Some place, Some _ when run.Partition.Name = ListedShares.partition.Name ->
        [ Diagnostic.error place "no images can be held out: the partition 'file' says by their numbers who has which"
          |> Diagnostic.hinted "take measure.validation out, or choose another partition" ]
    | Some place, Some _ when not run.Dataset.Value.IsUnread && Run.heldOut run size >= size ->
        [ Diagnostic.error
              place
              $"{Run.heldOut run size} images are to be held out, but '{run.Dataset.Name}' has {size} for training" ]
    | _ -> []

// A file of shares says more once it is read.
let private partitionFits draft =
    let run = draft.Run

    match run.Partition.Value.Conflict run.Dataset.Value.Classes (Run.holders run) with
    | Some reason ->
        [ Diagnostic.error
              (Option.defaultValue draft.Dataset draft.Partition)
              $"the partition '{run.Partition.Name}' does not fit: {reason}" ]
    | None -> []

// Whether the rule is defined for the protocol, and a server leaves images for the nodes.
let private protocolFits (draft: Draft) =
    let run = draft.Run
    let root, images = Protocol.root run.Protocol.Value, run.Dataset.Value.TrainingSize
    let place = draft.Protocol |> Option.defaultValue draft.Length

    let refused =
        match Protocols.refusal run.Protocol.Value run.Rule.Value with
        | None ->
            Protocols.contradiction run.Training run.Rule.Value
            |> Option.map (fun reason ->
                Diagnostic.error (draft.Rule |> Option.defaultValue place) $"'{run.Rule.Name}' does not fit: {reason}")
            |> Option.toList
        | Some(reason, hint) ->
            [ Diagnostic.error
                  (draft.Rule |> Option.defaultValue place)
                  $"'{run.Rule.Name}' is not defined under '{run.Protocol.Name}': {reason}"
              |> Diagnostic.noting place "the protocol is chosen here"
              |> Diagnostic.hinted hint ]

    if not run.Dataset.Value.IsUnread && root >= images then
        [ Diagnostic.error
              place
              $"the server cannot have {root} images: '{run.Dataset.Name}' has {images} for training, and nothing would be \
                left for the nodes" ]
    elif root > 0 && run.Partition.Value.File.IsSome then
        [ Diagnostic.error place "the server cannot have images of a partition that is a file, which says who has which"
          |> Diagnostic.hinted "take 'root' out, or the file" ]
    else
        refused

let private placementFits draft =
    let network = draft.Run.Network

    match draft.Placement, Placement.check network.Nodes network.Byzantine network.Placement with
    | Some place, Error reason when nodes network <= float Grammar.mostNodes -> [ Diagnostic.error place reason ]
    | _ -> []

// How many iterations an epoch has depends on the data and the network: only together they can be too many.
let private lengthFits draft =
    match Run.iterations draft.Run draft.Run.Training.Length with
    | count when count > int64 Durations.longestIterations ->
        [ Diagnostic.error
              draft.Length
              $"{draft.Run.Training.Length} are {count} iterations, more than {Durations.longestIterations}" ]
    | _ -> []

let private attacksFit (draft: Draft) : Diagnostic list =
    let contradiction (attack: Chosen<Attack>) =
        match attack.Value with
        | Attack.Absent -> None
        | Attack.Present behaviour -> behaviour.Contradiction

    let dataset = draft.Run.Dataset.Value

    let misfit =
        if dataset.IsUnread then
            None
        else
            Run.poison draft.Run
            |> Option.bind (Poison.misfit dataset.Shape dataset.Classes)
            |> Option.map (fun reason -> $"the backdoor does not fit '{draft.Run.Dataset.Name}': {reason}")

    match draft.Attack with
    | Some place ->
        (draft.Run.Attacks |> List.choose contradiction) @ Option.toList misfit
        |> List.map (Diagnostic.error place)
    | None -> []

/// Why a run of the draft cannot be. What depends on a dataset that nobody has looked at is left open.
let errors draft =
    let model =
        if draft.Run.Dataset.Value.IsUnread then
            []
        else
            modelFits draft

    let size =
        match holdoutFits draft with
        | [] -> networkFits draft
        | wrong -> wrong

    match size with
    | [] when draft.Run.Dataset.Value.IsUnread -> placementFits draft
    | [] -> model @ partitionFits draft @ placementFits draft @ lengthFits draft
    | wrong -> model @ wrong @ placementFits draft
    @ attacksFit draft
    @ protocolFits draft

let private poisons (attack: Chosen<Attack>) =
    match attack.Value with
    | Attack.Absent -> false
    | Attack.Present behaviour -> behaviour.Poison.IsSome

/// Why the attack changes nothing in a run.
let private idle draft =
    let network = draft.Run.Network

    let isBaseline (attack: Chosen<Attack>) = attack.Name = "none" || attack.Name = "absent"

    match draft.Run.Attacks with
    | attacks when List.forall isBaseline attacks -> None
    | _ when network.ByzantineRatio = 0.0 ->
        Some(
            "no node is Byzantine",
            ("set network.byzantine, such as 0.3, or take the attack out", Some("network.byzantine", "0.3"))
        )
    | _ when network.Byzantine = 0 ->
        Some(
            $"the Byzantine ratio {Value.Real network.ByzantineRatio} of {network.Benign} benign nodes rounds to no \
              Byzantine node",
            ("raise network.byzantine or network.benign", None)
        )
    | attacks when draft.Run.Holders = DataHolders.Benign && List.forall poisons attacks ->
        Some(
            "Byzantine nodes hold no images that it could poison",
            ("take data.holders out, or set it to all", Some("data.holders", "all"))
        )
    | _ when network.EnforceBenignRatio && network.BenignRatio = 1.0 ->
        Some(
            "with network.benign-ratio 1, benign nodes drop all edges to Byzantine ones",
            ("lower network.benign-ratio, or set network.enforce-benign-ratio to false",
             Some("network.enforce-benign-ratio", "false"))
        )
    | _ -> None

// A topology that is written down and no run has.
let private unheard (drafts: Draft list) : Diagnostic list =
    drafts
    |> List.groupBy _.Topology
    |> List.choose (fun (place, drafts) ->
        match place with
        | Some place when drafts |> List.forall (fun draft -> Protocol.isCentral draft.Run.Protocol.Value) ->
            "the topology counts for nothing: under 'server' everyone is heard by the server alone"
            |> Diagnostic.warning place
            |> Diagnostic.hinted "take it out"
            |> Some
        | _ -> None)

/// Attacks that change nothing in any of their runs. Where a sweep gives an attack other runs as well, a ratio of 0
/// is a baseline.
let warnings (drafts: Draft list) : Diagnostic list =
    let warn (span: Span option, drafts: Draft list) =
        match span, List.map idle drafts with
        | Some span, (Some(reason, (hint, value)) :: _ as idle) when List.forall Option.isSome idle ->
            [ Diagnostic.warning span $"the attack has no effect: {reason}"
              |> Diagnostic.fixedBy
                  (value |> Option.map (fun (path, value) -> [ Change.Set(path, value) ]) |> Option.toList)
                  hint ]
        | _ -> []

    (drafts |> List.groupBy _.Attack |> List.collect warn) @ unheard drafts
