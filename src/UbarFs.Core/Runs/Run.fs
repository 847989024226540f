namespace UbarFs.Core

/// One training of one network: a scenario with every sweep and repetition resolved. Two runs that differ in
/// anything that can change the numbers differ here.
type Run =
    {
        Scenario: string
        Seed: int64
        /// Everything else that determines the run's numbers, by its path in the language and in its order: values in
        /// their canonical form. The grammar gives them as it reads the run.
        Settings: (string * string) list
        /// The values that the sweep gave this run, by path, each on one line in a form that does not depend on its
        /// layout. A swept seed is not among them: it is the run's.
        Swept: (string * string) list
        Dataset: Chosen<Dataset>
        Partition: Chosen<Partition>
        Holders: DataHolders
        /// The least number of images of a share; none: a batch, or an equal share where that is smaller.
        LeastShare: int option
        Model: Chosen<Model>
        Network: NetworkPlan
        Training: TrainingPlan
        Protocol: Chosen<Protocol>
        Rule: Chosen<Rule>
        /// How Byzantine nodes behave: with several, they take turns in ascending order of the nodes. At least one, and
        /// only such lists as `Run.mixed` lets through.
        Attacks: Chosen<Attack> list
        /// Time between two evaluations.
        Every: Duration
        /// How many test images they take, spread evenly over the test set; none for all.
        TestImages: int option
        /// What is held out of the training images, to choose settings by; none for nothing.
        Validation: Holdout option
        /// Whether the mean of the benign nodes' estimates is tested as well.
        Averaged: bool
    }

[<RequireQualifiedAccess>]
module Run =

    let private poisons (attacks: Chosen<Attack> list) =
        attacks
        |> List.choose (fun attack ->
            match attack.Value with
            | Attack.Absent -> None
            | Attack.Present behaviour -> behaviour.Poison)
        |> List.distinctBy (fun poison -> poison.Trigger, poison.Target)

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
        | _ when (poisons attacks).Length > 1 ->
            Error "the triggers or targets of the backdoors differ: a run has one, whose success rate it measures"
        | _ -> Ok attacks

    let private listed (text: Chosen<Attack> -> string) attacks =
        match attacks with
        | [ single ] -> text single
        | several -> several |> List.map text |> String.concat ", " |> sprintf "[%s]"

    /// What the rule is called: its label, or its shortest form.
    let ruleLabel (run: Run) = Chosen.label run.Rule

    /// What the attack is called, its label or its shortest form; several as a list in brackets.
    let attackLabel (run: Run) = listed Chosen.label run.Attacks

    /// Everything that determines the run's numbers, by its path in the language. Runs with the same text are the same.
    let canonical (run: Run) = ("seed", string run.Seed) :: run.Settings

    /// What its network follows from, beside its seed and whether anybody is left out: the canonical values of `network`.
    let networkSettings (run: Run) =
        run.Settings
        |> List.filter (fun (path, _) -> path.StartsWith("network.", System.StringComparison.Ordinal))

    /// The run with the graph of its topology's file read, which counts by its edges: by their checksum.
    let onGraph (graph: Topology) (print: string) (run: Run) =
        let settings =
            [ for path, value in run.Settings do
                  path, value

                  if path = "network.topology" then
                      "network.graph", print ]

        { run with Run.Network.Topology.Value = graph; Settings = settings }

    /// The run with the shares of its partition's file read, which count by their checksum.
    let onShares (partition: Partition) (print: string) (run: Run) =
        let settings =
            [ for path, value in run.Settings do
                  path, value

                  if path = "data.partition" then
                      "data.shares", print ]

        { run with Run.Partition.Value = partition; Settings = settings }

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

    /// The poison whose success every evaluation measures, if there is one.
    let poison (run: Run) : Poison option = List.tryHead (poisons run.Attacks)

    /// How many of so many training images are held out.
    let heldOut (run: Run) (images: int) : int =
        match run.Validation with
        | None -> 0
        | Some(Holdout.Images count) -> count
        | Some(Holdout.Share share) -> max 1 (int (round (share * float images)))

    /// How many images the nodes can have for their training.
    let trainingImages (run: Run) =
        run.Dataset.Value.TrainingSize - heldOut run run.Dataset.Value.TrainingSize |> max 0

    /// How many images an evaluation takes.
    let testImages (run: Run) =
        run.TestImages |> Option.defaultValue run.Dataset.Value.TestSize |> min run.Dataset.Value.TestSize

    /// The number of nodes that hold training images.
    let holders (run: Run) =
        match run.Holders with
        | DataHolders.All -> run.Network.Nodes
        | DataHolders.Benign -> run.Network.Benign

    /// How many training images are divided among the nodes: all but what is held out and a server's.
    let dividedImages (run: Run) = max 0 (trainingImages run - Protocol.root run.Protocol.Value)

    /// How many training images an average node has of those that hold any.
    let meanShare (run: Run) =
        run.Partition.Value.MeanShare (dividedImages run) run.Dataset.Value.Classes (holders run)

    /// Steps in an epoch: the batches in one pass over an average node's share of the data.
    let perEpoch (run: Run) = Batches.perPass run.Training.LastBatch run.Training.Batch (meanShare run)

    /// A stretch of the run's training in iterations; in 64 bits, since a scenario can ask for any number of epochs.
    let iterations (run: Run) duration : int64 =
        match duration with
        | Duration.Epochs epochs ->
            let steps = int64 run.Training.LocalSteps
            (int64 epochs * int64 (perEpoch run) + steps - 1L) / steps
        | Duration.Iterations count -> int64 count

    /// What sets the run apart within its scenario: the swept values and the seed.
    let label (run: Run) =
        (run.Swept |> List.map (fun (path, value) -> $"{path}={value}")) @ [ $"seed={run.Seed}" ]
        |> String.concat ", "
