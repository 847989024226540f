namespace UbarFs.Scenario

open FsToolkit.ErrorHandling
open UbarFs.Core

/// The keys of a scenario, their values and their defaults.
[<RequireQualifiedAccess>]
module Grammar =

    /// The most nodes of a network.
    let mostNodes = 20_000

    /// The most runs of a scenario.
    let mostRuns = 100_000

    /// The most layers of a model: the time of a pass grows with layers × parameters.
    let mostLayers = 1000

    // The largest whole number that every program which reads a seed understands: 2^53 − 1.
    let largestSeed = 9_007_199_254_740_991L

    let private data =
        fields {
            let! dataset =
                Choice.decoder "dataset" Catalogue.datasets
                |> Decode.located
                |> Field.required "dataset" "the images that the nodes learn to classify"

            and! partition =
                Choice.decoder "partition" Catalogue.partitions
                |> Decode.map Partition.traced
                |> Decode.shown (fun chosen -> Said.Value(Chosen.canonical chosen, Chosen.fingerprints chosen))
                |> Field.placed "partition" "how the training images are divided among the nodes" "iid"

            and! holders =
                Decode.choice [ "all", DataHolders.All; "benign", DataHolders.Benign ]
                |> Field.withDefault
                    "holders"
                    "which nodes get training images: all, or benign ones alone; without any, a node's gradient is 0"
                    "all"

            and! least =
                Decode.wholeOrWord 0 100_000_000 [ "batch" ]
                |> Field.withDefault
                    "least"
                    "the least number of images of a share; batch: a batch, or an equal share where that is smaller"
                    "batch"

            return
                {| Dataset = dataset
                   Partition = partition
                   Holders = holders
                   Least = Result.toOption least |}
        }
        |> Field.mapping

    let private byzantineRatio =
        let explain text =
            match Kind.read (Kind.Real Interval.unbounded) text with
            | Some(Value.Real 1.0) -> Some(Correction.says "a ratio of 1 would take infinitely many Byzantine nodes")
            | _ -> None

        Decode.real (Interval.below 0.0 1.0) |> Decode.explaining explain

    let private placement =
        Choice.decoder "placement" Catalogue.placements
        |> Decode.map _.Value
        |> Decode.orList (Decode.whole 0 (mostNodes - 1)) Placement.Nodes
        // The order of listed nodes does not matter.
        |> Decode.shown (string >> Said.text)

    let private network =
        fields {
            let! topology =
                Choice.decoder "topology" Catalogue.topologies
                |> Field.placed "topology" "who is connected to whom" "random"

            and! benign =
                Decode.whole 1 mostNodes |> Decode.located |> Field.required "benign" "the number of benign nodes"

            and! byzantine =
                byzantineRatio
                |> Field.placed "byzantine" "the Byzantine ratio: Byzantine nodes / all nodes, benign ones included" "0"

            and! benignRatio =
                Decode.real (Interval.above 0.0 1.0)
                |> Field.placed "benign-ratio" "ρ, the share of benign neighbours that every node assumes" "0.4"

            and! enforce =
                Decode.truth
                |> Field.withDefault
                    "enforce-benign-ratio"
                    "whether edges of Byzantine nodes are dropped until ρ holds everywhere"
                    "true"

            and! placement =
                placement
                |> Field.placed
                    "placement"
                    "which nodes are Byzantine: any, those with the most neighbours, ones that join, or those listed"
                    "random"

            and! weights =
                Decode.choice MixingWeights.all
                |> Field.withDefault
                    "weights"
                    "W, how much each message counts for rules that mix: equal: 1/(|N_i|+1); metropolis: \
                     1/(1+max(|N_i|, |N_j|)); max-degree: 1/(1+max_v |N_v|); lazy-metropolis: half of metropolis"
                    "equal"

            let plan =
                { Topology = fst topology
                  Benign = benign.Value
                  ByzantineRatio = fst byzantine
                  BenignRatio = fst benignRatio
                  EnforceBenignRatio = enforce
                  Placement = fst placement
                  Weights = weights }

            return
                {| Plan = plan
                   Benign = benign.Span
                   Topology = snd topology
                   ByzantineRatio = snd byzantine
                   BenignRatio = snd benignRatio
                   Placement = snd placement |}
        }
        |> Field.mapping

    let private measure =
        fields {
            let! every = Durations.either |> Field.withDefault "every" "the time between two evaluations" "1 epoch"

            and! images =
                Decode.wholeOrWord 1 100_000_000 [ "all" ]
                |> Field.withDefault "images" "how many test images, spread evenly over the test set" "all"

            and! validation =
                Holdouts.decoder
                |> Field.placed
                    "validation"
                    "how many training images nobody trains on, for reports to choose settings by: a number or a percentage"
                    "none"

            and! averaged =
                Decode.truth
                |> Field.withDefault
                    "averaged"
                    "whether the mean of the benign nodes' estimates is tested as well"
                    "false"

            return
                {| Every = every
                   Averaged = averaged
                   Images = Result.toOption images
                   Validation = fst validation
                   ValidationPlace = snd validation |}
        }
        |> Field.mapping

    let private attacks =
        let one = Choice.orCode "attack" _.Attack Catalogue.attacks

        one
        |> Decode.map List.singleton
        |> Decode.orList one id
        |> Decode.located
        |> Decode.refine (fun _ attacks ->
            Run.mixed attacks.Value |> Result.mapError (fun reason -> [ Diagnostic.error attacks.Span reason ]))

    // Several seeds in the place of one.
    let private severalSeeds text =
        Correction.ends text
        |> Option.map (fun (first, last) ->
            let count = last - first + 1

            { Correction.says $"for {count} seeds from {first} on, write 'seed: {first}' and 'repeat: {count}'" with
                Values = [ string first ]
                Also = [ "repeat", string count ] })

    let private seed = Decode.wholeLong 0L largestSeed |> Decode.explaining severalSeeds

    /// A model by its name, or as a list of layers with their places.
    let private model =
        let bounded (decoder: Decoder<'model>) =
            let read context (node: Node) =
                match node.Content with
                | Content.Sequence layers when LayerLists.count layers > mostLayers ->
                    $"a model of {LayerLists.count layers} layers, more than {mostLayers}"
                    |> Diagnostic.error node.Span
                    |> Validation.error
                | _ -> decoder.Read context node

            { decoder with Read = read }

        let ofLayers (layers: Located<Chosen<int -> Layer>> list) =
            Model.ofLayers (layers |> List.map (fun layer -> layer.Value)), layers |> List.map (fun layer -> layer.Span)

        Choice.decoder "model" Catalogue.models
        |> Decode.map (fun model -> model, [])
        |> Decode.orList (Decode.located LayerLists.decoder) ofLayers
        |> bounded

    let private run =
        fields {
            let! seed = seed |> Field.withDefault "seed" "what all randomness derives from" "1"

            and! data = Field.section "data" "what the nodes learn" data

            and! model =
                model |> Decode.located |> Field.required "model" "the network of neurons that every node trains"

            and! network = Field.section "network" "who takes part" network
            and! training = Field.section "training" "how the nodes train" TrainingGrammar.decoder

            and! protocol =
                Choice.decoder "protocol" Catalogue.protocols
                |> Field.placed "protocol" "what a message is, and when a step is taken" "gossip"

            and! rule =
                Pipelines.decoder
                |> Field.placed
                    "rule"
                    "how a node aggregates what it receives; a list is a pipeline: stages, and a rule at its end"
                    "ubar"

            and! attacks =
                attacks |> Field.placed "attack" "what Byzantine nodes send; in a list, they take turns" "none"

            and! measure = Field.section "measure" "what is recorded" measure

            return
                { Run =
                    { Scenario = ""
                      Seed = seed
                      Settings = []
                      Swept = []
                      Dataset = data.Dataset.Value
                      Partition = fst data.Partition
                      Holders = data.Holders
                      LeastShare = data.Least
                      Model = fst model.Value
                      Network = network.Plan
                      Training = training.Plan
                      Protocol = fst protocol
                      Rule = fst rule
                      Attacks = fst attacks
                      Every = measure.Every
                      TestImages = measure.Images
                      Validation = measure.Validation
                      Averaged = measure.Averaged }
                  Dataset = data.Dataset.Span
                  Partition = snd data.Partition
                  Model = model.Span
                  Layers = snd model.Value
                  Benign = network.Benign
                  Topology = network.Topology
                  ByzantineRatio = network.ByzantineRatio
                  BenignRatio = network.BenignRatio
                  Protocol = snd protocol
                  Rule = snd rule
                  Placement = network.Placement
                  Length = training.Length
                  Batch = training.Batch
                  Attack = snd attacks
                  Validation = measure.ValidationPlace
                  Odd = [] }
        }

    let private seedList = Decode.list "a list of seeds" (Decode.located seed)

    let private header =
        fields {
            let! name =
                ScenarioName.decoder
                |> Field.optional "name" "the name of the folder with the results; by default that of the file"

            and! _ =
                Decode.text "the path of a scenario" id Ok
                |> Field.optional "extends" "another scenario, by its path: what is said here is said anew"

            and! description =
                Decode.text "a text" id (fun text -> Ok(text.Trim()))
                |> Field.withDefault "description" "what the scenario shows" "''"

            and! baseline =
                Decode.text "the name or the label of a rule" id Ok
                |> Field.placed
                    "baseline"
                    "the rule that reports compare the others with, where nobody lies: its name or its label"
                    BaselineRule.usual

            and! repeat = Decode.whole 1 mostRuns |> Field.withDefault "repeat" "runs with consecutive seeds" "1"

            and! seeds =
                seedList |> Field.optional "seeds" "the seeds of the runs, listed" |> Field.insteadOf "repeat"

            and! sweep =
                Sweep.decoder
                |> Field.withDefault
                    "sweep"
                    "what is varied: paths with lists, which are tried in all combinations"
                    "{}"

            let seeds = seeds |> Option.map Seeds.Listed |> Option.defaultValue (Seeds.Consecutive repeat)

            return
                { Name = name
                  Description = description
                  Baseline = fst baseline
                  BaselinePlace = snd baseline
                  Seeds = seeds
                  Sweep = sweep }
        }
        |> Field.fixed'

    // The seed is the run's own: repetitions differ in it.
    let private withSettings settings (draft: Draft) =
        { draft with
            Draft.Run.Settings = settings |> List.filter (fun (path, _) -> path <> "seed") }

    /// A scenario file; a sweep that gives a required key must have been applied.
    let scenario: Decoder<Header * Draft> =
        fields {
            let! header = header
            and! draft = run
            return header, draft
        }
        |> Field.mapping
        |> Decode.saying (fun settings (header, draft) -> header, withSettings settings draft)

    /// One run: a scenario without the keys of its header.
    let draft: Decoder<Draft> = Field.mapping run |> Decode.saying withSettings

    /// Whether a key is one of a run's.
    let isRunKey key = run.Fields |> List.exists (fun field -> field.Key = key)
