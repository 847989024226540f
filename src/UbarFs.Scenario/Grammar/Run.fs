namespace UbarFs.Scenario

open UbarFs.Core

/// A stretch of training, in the unit that the user thinks in.
[<RequireQualifiedAccess>]
type Duration =
    | Epochs of int
    | Iterations of int

    override duration.ToString() =
        match duration with
        | Epochs 1 -> "1 epoch"
        | Epochs count -> $"{count} epochs"
        | Iterations 1 -> "1 iteration"
        | Iterations count -> $"{count} iterations"

/// Where the nodes start from.
[<RequireQualifiedAccess>]
type Start =
    /// All from the same x_0 (algorithm 1).
    | Shared
    /// Each from its own random estimate.
    | Own

/// The loss that the nodes minimise and judge estimates by, as a mean over the images of a batch.
[<RequireQualifiedAccess>]
type Loss =
    | CrossEntropy
    /// The multi-class hinge loss max(0, 1 + max_{c ≠ y} s_c − s_y) for logits s and label y (Crammer and Singer, 2001).
    | Hinge

/// Who is connected to whom, and how many of them lie.
type NetworkPlan =
    {
        Topology: Chosen<Topology>
        Benign: int
        /// Byzantine nodes / all nodes, in [0, 1).
        ByzantineRatio: float
        /// ρ: what every node assumes to be the share of benign nodes in its neighbourhood, in (0, 1].
        BenignRatio: float
        /// Whether Byzantine edges are dropped until ρ holds in every benign neighbourhood.
        EnforceBenignRatio: bool
        /// Which nodes are Byzantine.
        Placement: Placement
    }

    member plan.Byzantine = Network.byzantineCount plan.Benign plan.ByzantineRatio
    member plan.Nodes = plan.Benign + plan.Byzantine

    /// What the plan asks of its topology.
    member plan.Demand: NetworkDemand =
        { BenignCount = plan.Benign
          ByzantineCount = plan.Byzantine
          Placement = plan.Placement
          Bound =
            if plan.EnforceBenignRatio then
                Some plan.BenignRatio
            else
                None }

/// How the nodes train.
type TrainingPlan =
    {
        /// Images in a mini-batch ξ.
        Batch: int
        Length: Duration
        Rate: Rate
        LastBatch: LastBatch
        Start: Start
        Loss: Loss
    }

/// One training of one network: a scenario with every sweep and repetition resolved. Two runs that differ in
/// anything that can change the numbers differ here.
type Run =
    {
        Scenario: string
        Seed: int64
        /// The values that the sweep gave this run, by path, each on one line in a form that does not depend on its
        /// layout. A swept seed is not among them: it is the run's.
        Swept: (string * string) list
        Dataset: Chosen<Dataset>
        Partition: Chosen<Partition>
        Model: Chosen<Model>
        Network: NetworkPlan
        Training: TrainingPlan
        Rule: Chosen<Rule>
        /// How Byzantine nodes behave: with several, they take turns in ascending order of the nodes. At least one, and
        /// only such lists as `Run.mixed` lets through.
        Attacks: Chosen<Attack> list
        /// Time between two evaluations.
        Every: Duration
        /// How many test images they take, spread evenly over the test set; none for all.
        TestImages: int option
    }

/// Where a run's network is written: its size, and what else is not left to a default.
type NetworkPlaces = { Size: Span; Ratio: Span option; Topology: Span option }

/// A scenario, resolved: its runs in the order of the sweep.
type Scenario =
    {
        Name: string
        Description: string
        File: string
        /// The rule that others are compared with in reports, by its name or label. It changes no run.
        Baseline: string
        Runs: Run list
        /// Where each run's network is written, in the order of the runs.
        Places: NetworkPlaces list
        /// The scenario in its canonical form: every key that has one value for all runs, and the sweep.
        Definition: Node
    }

[<RequireQualifiedAccess>]
module Run =

    /// Checks that Byzantine nodes can follow some attacks side by side; the reason if they cannot.
    let mixed (attacks: Chosen<Attack> list) : Result<Chosen<Attack> list, string> =
        let isAbsent (attack: Chosen<Attack>) =
            match attack.Value with
            | Attack.Absent -> true
            | Attack.Present _ -> false

        match attacks, attacks |> List.tryFind isAbsent with
        | [], _ -> Error "a list of attacks must name at least one; 'none' is the attack of nodes that do not attack"
        | _ :: _ :: _, Some absent ->
            Error $"'{absent.Name}' cannot be mixed with other attacks: it leaves all Byzantine nodes out"
        | _ -> Ok attacks

    let private listed (text: Chosen<Attack> -> string) attacks =
        match attacks with
        | [ single ] -> text single
        | several -> several |> List.map text |> String.concat ", " |> sprintf "[%s]"

    /// What the rule is called: its label, or its shortest form.
    let ruleLabel (run: Run) = Chosen.label run.Rule

    /// What the attack is called, its label or its shortest form; several as a list in brackets.
    let attackLabel (run: Run) = listed Chosen.label run.Attacks

    /// Everything that determines the run's numbers, one `key: value` a line. Runs with the same text are the same.
    let canonical (run: Run) =
        let network, training = run.Network, run.Training

        let fading = training.Rate.Fading |> Option.map Value.Real |> Option.defaultValue (Value.Word "none")

        [ "seed", string run.Seed
          "data.dataset", Chosen.canonical run.Dataset
          "data.partition", Chosen.canonical run.Partition
          "model", Chosen.canonical run.Model
          "network.topology", Chosen.canonical network.Topology
          yield!
              Topology.fingerprint network.Topology.Value
              |> Option.map (fun print -> "network.graph", print)
              |> Option.toList
          "network.benign", string network.Benign
          "network.byzantine", string (Value.Real network.ByzantineRatio)
          "network.benign-ratio", string (Value.Real network.BenignRatio)
          "network.enforce-benign-ratio", string (Value.Truth network.EnforceBenignRatio)
          "network.placement", string network.Placement
          "training.batch", string training.Batch
          "training.length", string training.Length
          "training.rate", string (Value.Real training.Rate.Initial)
          "training.fading", string fading
          "training.last-batch",
          (match training.LastBatch with
           | LastBatch.Drop -> "drop"
           | LastBatch.Keep -> "keep")
          "training.start",
          (match training.Start with
           | Start.Shared -> "shared"
           | Start.Own -> "own")
          "training.loss",
          (match training.Loss with
           | Loss.CrossEntropy -> "cross-entropy"
           | Loss.Hinge -> "hinge")
          "rule", Chosen.canonical run.Rule
          for print in Option.toList (Chosen.fingerprint run.Rule) do
              "rule.code", print
          "attack", listed Chosen.canonical run.Attacks
          match List.choose Chosen.fingerprint run.Attacks with
          | [] -> ()
          | prints -> "attack.code", String.concat ", " prints
          "measure.every", string run.Every
          "measure.images", run.TestImages |> Option.map string |> Option.defaultValue "all" ]

    /// The same without the seed: runs that share it are repetitions of each other.
    let settings (run: Run) = canonical run |> List.filter (fun (path, _) -> path <> "seed")

    /// The rule and the attack as a scenario would write them, with their labels, by their paths.
    let written (run: Run) =
        [ "rule", Chosen.written run.Rule; "attack", listed Chosen.written run.Attacks ]

    /// The attack's name in the catalogue, or that of its code; several as a list in brackets.
    let attackName (run: Run) = listed _.Name run.Attacks

    // 'none' behaves as a benign node does, and says so by its name alone.
    let private isHarmless (attack: Chosen<Attack>) =
        match attack.Value with
        | Attack.Absent -> true
        | Attack.Present _ -> attack.Code.IsNone && attack.Name = "none"

    /// Whether nobody lies: the Byzantine nodes are left out or behave, or there are none.
    let isAttackFree (run: Run) = run.Network.Byzantine = 0 || List.forall isHarmless run.Attacks

    /// How many images an evaluation takes.
    let testImages (run: Run) =
        run.TestImages |> Option.defaultValue run.Dataset.Value.TestSize |> min run.Dataset.Value.TestSize

    /// Iterations in an epoch: the batches in one pass over an average node's share of the data.
    let perEpoch (run: Run) =
        let share = run.Dataset.Value.TrainingSize / run.Network.Nodes
        Batches.perPass run.Training.LastBatch run.Training.Batch share

    /// A stretch of the run's training in iterations; in 64 bits, since a scenario can ask for any number of epochs.
    let iterations (run: Run) duration : int64 =
        match duration with
        | Duration.Epochs epochs -> int64 epochs * int64 (perEpoch run)
        | Duration.Iterations count -> int64 count

    /// What sets the run apart within its scenario: the swept values and the seed.
    let label (run: Run) =
        (run.Swept |> List.map (fun (path, value) -> $"{path}={value}")) @ [ $"seed={run.Seed}" ]
        |> String.concat ", "
