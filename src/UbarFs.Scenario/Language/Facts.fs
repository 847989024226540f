/// What help pages say of a component beside its text, read off the component itself, with its defaults: a subject
/// and a sentence about it.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.Facts

open System.Globalization
open UbarFs.Core

let private listed (texts: string list) = String.concat ", " texts

/// A number with its thousands apart.
let private grouped (number: int) = number.ToString("N0", CultureInfo.InvariantCulture)

let private short (number: float) =
    if System.Double.IsInfinity number then
        "∞"
    else
        number.ToString("0.##", CultureInfo.InvariantCulture)

/// Neighbourhoods that stand for all others, and the ρ that is assumed in them: the language's default.
let private neighbourhoods, private benignRatio = [ 5; 10; 20; 30 ], 0.4

let private update (rule: Rule) =
    match rule.Update with
    | _ when rule.Central.IsSome -> "x' = x − λR, which the server takes for all"
    | Update.Replaced -> "replaces the update: the result is x', with the rule's own gradient step"
    | Update.Mixed -> "x' = αx + (1−α)R − λ∇l with α = W_ii, the node's own mixing weight"
    | Update.Guf alpha ->
        match neighbourhoods |> List.map alpha |> List.distinct with
        | [ alpha ] -> $"x' = αx + (1−α)R − λ∇l with α = {Value.Real alpha}"
        | _ -> "x' = αx + (1−α)R − λ∇l; α depends on the number of neighbours"

let private tolerance (rule: Rule) =
    let tolerated =
        neighbourhoods |> List.map (fun neighbours -> neighbours, rule.Tolerance benignRatio neighbours)

    if tolerated |> List.forall (fun (_, byzantine) -> byzantine = 0) then
        "no Byzantine neighbour"
    elif tolerated |> List.forall (fun (neighbours, byzantine) -> byzantine = neighbours) then
        "defined for any number of Byzantine neighbours"
    else
        let each =
            tolerated |> List.map (fun (neighbours, byzantine) -> $"{byzantine} of {neighbours}") |> listed

        $"n̂ = {each} neighbours, with ρ = {Value.Real benignRatio}"

let private robustness (rule: Rule) =
    rule.Kappa
    |> Option.map (fun kappa ->
        let each =
            neighbourhoods
            |> List.map (fun neighbours ->
                let byzantine = rule.Tolerance benignRatio neighbours
                $"{short (kappa neighbours byzantine)} ({byzantine} of {neighbours})")
            |> listed

        $"(f, κ)-robust; κ with f = n̂: {each}")

let private costOf cost =
    match cost with
    | Cost.Linear -> "O(md) for m neighbours and d parameters"
    | Cost.LinearWithLosses -> "O(md) and the losses of O(m) estimates on the own batch"
    | Cost.Quadratic -> "O(m²d) for m neighbours and d parameters"

let ofRule (rule: Rule) =
    [ "Update", update rule
      "Tolerance", tolerance rule
      match robustness rule with
      | Some robustness -> "Robustness", robustness
      | None -> ()
      "Cost", costOf rule.Cost
      "Protocols", listed (Protocols.definedFor rule)
      if not rule.Claims.IsEmpty then
          "Laws", rule.Claims |> List.map Law.text |> String.concat "; " ]

let ofStage (stage: PipelineStage) =
    let tolerated =
        neighbourhoods |> List.map (fun neighbours -> neighbours, stage.Tolerance benignRatio neighbours)

    [ if tolerated |> List.forall (fun (neighbours, liars) -> liars >= neighbours) then
          "Tolerance", "defined for any number of Byzantine neighbours"
      else
          let each = tolerated |> List.map (fun (neighbours, liars) -> $"{liars} of {neighbours}") |> listed
          "Tolerance", $"n̂ = {each} neighbours, with ρ = {Value.Real benignRatio}"
      "Cost", costOf stage.Cost
      if not stage.Claims.IsEmpty then
          "Laws of a rule that it keeps", stage.Claims |> List.map Law.text |> String.concat "; " ]

let private knowledge strategy =
    match strategy with
    | Strategy.OwnState _ -> "its own state alone: estimate, gradient, rate"
    | Strategy.NeighboursMessages _ -> "its own state, and what its neighbours send before it sends"
    | Strategy.Colluding _ -> "the network and its weights, and the estimates of all who follow the attack"
    | Strategy.Omniscient _ -> "everything: the network and its weights, all estimates and gradients, λ and ρ"
    | Strategy.Rehearsing _ -> "everything, and what the rule in force would make of messages"

let ofAttack (attack: Attack) =
    match attack with
    | Attack.Absent -> []
    | Attack.Present behaviour ->
        [ "Adversary", $"knows {knowledge behaviour.Strategy}"
          match behaviour.Strength with
          | Some strength -> "Strength", $"'{strength.Parameter}', which 'strongest' can search"
          | None -> ()
          if List.exists (fun label -> behaviour.Label 10 label <> label) [ 0..9 ] then
              "Training", "on labels that it changes" ]

let ofTopology (topology: Topology) =
    match topology with
    | Topology.File _
    | Topology.Listed _ -> [ "Byzantine", "placed among the nodes of the graph" ]
    | Topology.Family family ->
        [ "Drawn",
          if family.IsRandom then
              "anew for every seed, until the benign nodes are connected"
          else
              "always the same for a number of nodes"
          "Byzantine",
          if family.Join.IsSome then
              "join the connected benign graph"
          else
              "placed among the nodes, so that the benign ones stay connected" ]

let private numbers (values: float list) = values |> List.map (Value.Real >> string) |> listed

/// A dataset whose size is not known before it is read has none.
let ofDataset (dataset: Dataset) =
    if dataset.TrainingSize = 0 then
        []
    else
        [ "Images",
          $"{grouped dataset.TrainingSize} for training, {grouped dataset.TestSize} for testing; {dataset.Shape}, "
          + $"{dataset.Classes} classes"
          "Pixels", $"scaled to [0, 1], less {numbers dataset.Mean}, over {numbers dataset.Deviation}"
          "Licence", dataset.Licence
          if dataset.Storage.IsEmbedded then
              "Found", "in the program" ]

/// d for every dataset that the model fits.
let ofModel (model: Model) =
    let dimensions =
        [ for dataset in Catalogue.datasets do
              let images = (Component.choose Map.empty dataset).Value

              if images.TrainingSize > 0 then
                  match Architecture.create images.Shape images.Classes model with
                  | Ok architecture -> $"{grouped architecture.Dimension} for {dataset.Name}"
                  | Error _ -> () ]

    [ "Parameters d", listed dimensions ]
