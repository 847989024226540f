/// Scenarios in F#, with the vocabulary of the language: `scenario "name" { dataset "digits"; … }`. What is built is
/// written as YAML and read like any other scenario, so that the same checks hold.
module UbarFs.Scenario.Build

open System
open System.Collections
open System.Globalization

/// A value of the language. Texts, numbers and truth values are taken as they are; `choose` makes a component with
/// parameters.
[<Sealed; AllowNullLiteral(false)>]
type Term internal (node: Node) =
    member internal _.Node = node

    /// The value as YAML on one line.
    override _.ToString() = Node.flow node

    static member op_Implicit(text: string) : Term = Term.Of text
    static member op_Implicit(number: float) : Term = Term.Of number
    static member op_Implicit(number: int) : Term = Term.Of number
    static member op_Implicit(truth: bool) : Term = Term.Of truth

    /// The value of the language for a value of F#: lists become lists.
    static member Of(value: obj) : Term =
        let place =
            { Source = Source.create Origin.CommandLine ""
              Offset = 0
              Length = 0
              Extent = 0 }

        let scalar text = Term { Span = place; Content = Content.Scalar(text, true) }

        match value with
        | :? Term as term -> term
        | :? string as text -> scalar text
        | :? bool as truth -> scalar (if truth then "true" else "false")
        | :? IEnumerable as items ->
            Term
                { Span = place
                  Content = Content.Sequence [ for item in items -> (Term.Of item).Node ] }
        | :? IFormattable as number -> scalar (number.ToString(null, CultureInfo.InvariantCulture))
        | other -> scalar (string other)

let private place = (Term.Of "").Node.Span

let private mapping (entries: (string * Term) list) =
    Term(
        Node.mapping place [ for key, value in entries -> { Key = { Value = key; Span = place }; Value = value.Node } ]
    )

/// A parameter of a component, or a path with its value: `"rho" => 0.3`.
let (=>) (key: string) (value: 'value) : string * Term = key, Term.Of value

/// A component with parameters: `choose "ubar" [ "rho" => 0.3 ]`.
let choose (name: string) (parameters: (string * Term) list) : Term = mapping [ name, mapping parameters ]

/// A rule or an attack from an F# script, by its path: `script "rules/mine.fsx" [ "share" => 0.3 ]`.
let script (path: string) (parameters: (string * Term) list) : Term =
    let given =
        if parameters.IsEmpty then
            []
        else
            [ CodeFile.arguments, mapping parameters ]

    mapping (("script", Term.Of path) :: given)

/// A rule or an attack under a name of its own in tables and legends: `labelled "Ours" (choose "ubar" [ "rho" => 0.3 ])`.
let labelled (label: string) (named: 'value) : Term =
    let term = Term.Of named

    let entries =
        match term.Node.Content with
        | Content.Mapping entries -> entries |> List.map (fun entry -> entry.Key.Value, Term entry.Value)
        | Content.Scalar(name, _) -> [ name, mapping [] ]
        | Content.Sequence _ -> invalidArg (nameof named) "a list has no label; each item of it can have one"

    mapping (entries @ [ Label.key, Term.Of label ])

/// What a scenario says, by the paths of its keys, in the order in which it was said.
type Saying =
    internal
        { Name: string
          Keys: (string list * Term) list
          Zips: (string * Term) list list
          Variants: (string * Term) list
          Exclusions: Term list }

/// A scenario as it was built, not yet checked.
type Built =
    {
        Name: string
        /// The scenario as YAML.
        Yaml: string
    }

let rec private nested (keys: (string list * Term) list) : Term =
    keys
    |> List.map (fun (path, _) -> List.head path)
    |> List.distinct
    |> List.map (fun key ->
        let inner =
            keys
            |> List.choose (fun (path, value) ->
                if List.head path = key then
                    Some(List.tail path, value)
                else
                    None)

        match List.last inner with
        | [], value -> key, value
        | _ -> key, nested (inner |> List.filter (fst >> List.isEmpty >> not)))
    |> mapping

let private list (items: Term list) = Term.Of(ResizeArray<Term> items)

let private yaml (saying: Saying) =
    let zips = saying.Zips |> List.rev |> List.map mapping

    let more =
        [ if not zips.IsEmpty then
              [ "sweep"; "zip" ], list zips
          if not saying.Variants.IsEmpty then
              [ "sweep"; "variants" ], mapping (List.rev saying.Variants)
          if not saying.Exclusions.IsEmpty then
              [ "sweep"; "exclude" ], list (List.rev saying.Exclusions) ]

    let keys = ([ "name" ], Term.Of saying.Name) :: List.rev saying.Keys @ more
    YamlText.ofNode (nested keys).Node

/// `scenario "name" { … }`: one operation for each key of the language. A later value replaces an earlier one.
type ScenarioBuilder(name: string) =

    let say path (value: obj) (saying: Saying) = { saying with Keys = (path, Term.Of value) :: saying.Keys }

    member _.Yield(_: unit) : Saying = { Name = name; Keys = []; Zips = []; Variants = []; Exclusions = [] }

    member _.Run(saying: Saying) : Built = { Name = saying.Name; Yaml = yaml saying }

    /// What the scenario shows.
    [<CustomOperation "description">]
    member _.Description(saying, text: string) = say [ "description" ] text saying

    /// Another scenario, by its path: what is said here is said anew.
    [<CustomOperation "extends">]
    member _.Extends(saying, path: string) = say [ "extends" ] path saying

    /// The rule that reports compare the others with, by its name or its label.
    [<CustomOperation "baseline">]
    member _.Baseline(saying, rule: string) = say [ "baseline" ] rule saying

    /// What all randomness derives from.
    [<CustomOperation "seed">]
    member _.Seed(saying, seed: int) = say [ "seed" ] seed saying

    /// How many runs with consecutive seeds.
    [<CustomOperation "repeat">]
    member _.Repeat(saying, count: int) = say [ "repeat" ] count saying

    /// The seeds of the runs, listed.
    [<CustomOperation "seeds">]
    member _.Seeds(saying, seeds: int list) = say [ "seeds" ] seeds saying

    /// The images that the nodes learn to classify.
    [<CustomOperation "dataset">]
    member _.Dataset(saying, dataset: Term) = say [ "data"; "dataset" ] dataset saying

    /// How the training images are divided among the nodes.
    [<CustomOperation "partition">]
    member _.Partition(saying, partition: Term) = say [ "data"; "partition" ] partition saying

    /// Which nodes get training images: "all" or "benign".
    [<CustomOperation "holders">]
    member _.Holders(saying, holders: string) = say [ "data"; "holders" ] holders saying

    /// The least number of images of a share, or "batch".
    [<CustomOperation "least">]
    member _.Least(saying, images: Term) = say [ "data"; "least" ] images saying

    /// The network of neurons that every node trains.
    [<CustomOperation "model">]
    member _.Model(saying, model: Term) = say [ "model" ] model saying

    /// What a message is, and when a step is taken.
    [<CustomOperation "protocol">]
    member _.Protocol(saying, protocol: Term) = say [ "protocol" ] protocol saying

    /// Who is connected to whom.
    [<CustomOperation "topology">]
    member _.Topology(saying, topology: Term) = say [ "network"; "topology" ] topology saying

    /// The number of benign nodes.
    [<CustomOperation "benign">]
    member _.Benign(saying, nodes: int) = say [ "network"; "benign" ] nodes saying

    /// Byzantine nodes / all nodes.
    [<CustomOperation "byzantine">]
    member _.Byzantine(saying, ratio: float) = say [ "network"; "byzantine" ] ratio saying

    /// ρ, the share of benign neighbours that every node assumes.
    [<CustomOperation "benignRatio">]
    member _.BenignRatio(saying, ratio: float) = say [ "network"; "benign-ratio" ] ratio saying

    /// Whether edges of Byzantine nodes are dropped until ρ holds everywhere.
    [<CustomOperation "enforceBenignRatio">]
    member _.EnforceBenignRatio(saying, enforce: bool) = say [ "network"; "enforce-benign-ratio" ] enforce saying

    /// How much each message counts for rules that mix: "equal", "metropolis", "max-degree" or "lazy-metropolis".
    [<CustomOperation "weights">]
    member _.Weights(saying, weights: string) = say [ "network"; "weights" ] weights saying

    /// Which nodes are Byzantine: "random", "degree", or a list of them.
    [<CustomOperation "placement">]
    member _.Placement(saying, placement: obj) = say [ "network"; "placement" ] placement saying

    /// Images in a mini-batch.
    [<CustomOperation "batch">]
    member _.Batch(saying, images: int) = say [ "training"; "batch" ] images saying

    /// How often each node sees its images.
    [<CustomOperation "epochs">]
    member _.Epochs(saying, count: int) = say [ "training"; "epochs" ] count saying

    /// How often each node aggregates.
    [<CustomOperation "iterations">]
    member _.Iterations(saying, count: int) = say [ "training"; "iterations" ] count saying

    /// λ₀, the initial learning rate.
    [<CustomOperation "rate">]
    member _.Rate(saying, rate: float) = say [ "training"; "rate" ] rate saying

    /// f of the rate λ₀·f/(f + epoch), or "none".
    [<CustomOperation "fading">]
    member _.Fading(saying, fading: Term) = say [ "training"; "fading" ] fading saying

    /// How the rate falls: "fading", "none", "inverse-root", "cosine", or `choose "steps" [ … ]`.
    [<CustomOperation "decay">]
    member _.Decay(saying, decay: Term) = say [ "training"; "decay" ] decay saying

    /// How long the rate rises to λ₀ first, such as "5 epochs".
    [<CustomOperation "warmup">]
    member _.Warmup(saying, time: string) = say [ "training"; "warmup" ] time saying

    /// β: how much of the direction before remains in that of a step.
    [<CustomOperation "momentum">]
    member _.Momentum(saying, beta: float) = say [ "training"; "momentum"; "beta" ] beta saying

    /// How the direction follows from gradients: "heavy-ball" or "averaged".
    [<CustomOperation "momentumForm">]
    member _.MomentumForm(saying, form: string) = say [ "training"; "momentum"; "form" ] form saying

    /// How much of the estimate is added to its gradient.
    [<CustomOperation "weightDecay">]
    member _.WeightDecay(saying, share: float) = say [ "training"; "weight-decay" ] share saying

    /// The largest norm of a gradient.
    [<CustomOperation "gradientClip">]
    member _.GradientClip(saying, norm: Term) = say [ "training"; "gradient-clip" ] norm saying

    /// Steps between two exchanges.
    [<CustomOperation "localSteps">]
    member _.LocalSteps(saying, steps: int) = say [ "training"; "local-steps" ] steps saying

    /// What happens to a smaller last batch of an epoch: "drop" or "keep".
    [<CustomOperation "lastBatch">]
    member _.LastBatch(saying, choice: string) = say [ "training"; "last-batch" ] choice saying

    /// Where nodes start: "shared", "own", or `choose "normal" [ … ]`.
    [<CustomOperation "start">]
    member _.Start(saying, choice: Term) = say [ "training"; "start" ] choice saying

    /// What the nodes minimise: "cross-entropy" or "hinge".
    [<CustomOperation "loss">]
    member _.Loss(saying, loss: string) = say [ "training"; "loss" ] loss saying

    /// How a node aggregates what it receives.
    [<CustomOperation "rule">]
    member _.Rule(saying, rule: Term) = say [ "rule" ] rule saying

    /// A pipeline: stages through which what a node receives goes in turn, and the rule that aggregates at the end.
    [<CustomOperation "rules">]
    member _.Rules(saying, pipeline: obj list) = say [ "rule" ] pipeline saying

    /// What Byzantine nodes send.
    [<CustomOperation "attack">]
    member _.Attack(saying, attack: Term) = say [ "attack" ] attack saying

    /// Attacks that Byzantine nodes follow in turns.
    [<CustomOperation "attacks">]
    member _.Attacks(saying, attacks: Term list) = say [ "attack" ] attacks saying

    /// The time between two evaluations, such as "1 epoch".
    [<CustomOperation "every">]
    member _.Every(saying, time: string) = say [ "measure"; "every" ] time saying

    /// How many test images an evaluation takes, spread evenly over the test set.
    [<CustomOperation "images">]
    member _.Images(saying, images: int) = say [ "measure"; "images" ] images saying

    /// How many training images nobody trains on, for reports to choose settings by: a number, or a text such as "10%".
    [<CustomOperation "validation">]
    member _.Validation(saying, images: Term) = say [ "measure"; "validation" ] images saying

    /// Whether the mean of the benign nodes' estimates is tested as well.
    [<CustomOperation "averaged">]
    member _.Averaged(saying, isTested: bool) = say [ "measure"; "averaged" ] isTested saying

    /// Any key by its path.
    [<CustomOperation "set">]
    member _.Set(saying, path: string, value: Term) = say (List.ofArray (path.Split '.')) value saying

    /// Values that a path takes in turn, in all combinations with other sweeps.
    [<CustomOperation "sweep">]
    member _.Sweep(saying, path: string, values: 'value list) = say [ "sweep"; path ] values saying

    /// Lists that are taken side by side: `zip [ "network.byzantine" => [ 0.1; 0.3 ]; "seed" => [ 1; 2 ] ]`.
    [<CustomOperation "zip">]
    member _.Zip(saying: Saying, lists: (string * Term) list) : Saying = { saying with Zips = lists :: saying.Zips }

    /// A name with several values that it sets at once. `"label" => "…"` among them is what tables call it.
    [<CustomOperation "variant">]
    member _.Variant(saying: Saying, name: string, values: (string * Term) list) : Saying =
        { saying with Variants = (name, mapping values) :: saying.Variants }

    /// A combination that is left out: runs that have all of these values.
    [<CustomOperation "exclude">]
    member _.Exclude(saying: Saying, values: (string * Term) list) : Saying =
        { saying with Exclusions = mapping values :: saying.Exclusions }

/// A scenario: `scenario "name" { dataset "digits"; model "softmax"; benign 8; epochs 3 }`.
let scenario (name: string) = ScenarioBuilder name

/// Checks what was built, as if it were written in a file: `file` tells where it comes from.
let check (file: string) (built: Built) : Result<Scenario * Diagnostic list, Diagnostic list> =
    Scenario.parse $"{file} ({built.Name})" built.Yaml []
