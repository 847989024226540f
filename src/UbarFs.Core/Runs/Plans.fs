namespace UbarFs.Core

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

/// Which nodes get training images.
[<RequireQualifiedAccess>]
type DataHolders =
    | All
    /// Byzantine nodes have none: they learn nothing by themselves.
    | Benign

/// What is held out of the training images.
[<RequireQualifiedAccess>]
type Holdout =
    | Images of int
    /// A share in (0, 1), of at least one image.
    | Share of float

    override holdout.ToString() =
        match holdout with
        | Images count -> string count
        | Share share -> string (Value.Real(System.Math.Round(100.0 * share, 10))) + "%"

/// Where the nodes start from.
[<RequireQualifiedAccess>]
type Start =
    /// All from the same x_0 (algorithm 1).
    | Shared
    /// Each from its own random estimate.
    | Own
    /// Each from its own estimate of normal numbers of this deviation.
    | Normal of sigma: float

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
        /// How much each message counts for rules that mix.
        Weights: MixingWeights
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

/// How a direction m follows from gradients g.
[<RequireQualifiedAccess>]
type MomentumForm =
    /// m ← βm + g
    | HeavyBall
    /// m ← βm + (1 − β)g
    | Averaged

type Momentum = { Beta: float; Form: MomentumForm }

/// How the nodes train.
type TrainingPlan =
    {
        /// Images in a mini-batch ξ.
        Batch: int
        Length: Duration
        Rate: Rate
        /// How long the rate rises to λ₀ before it falls.
        Warmup: Duration option
        /// The direction of a step, without momentum the gradient; it starts from 0.
        Momentum: Momentum option
        /// What of the estimate is added to its gradient.
        WeightDecay: float
        /// The largest norm of a gradient.
        GradientClip: float option
        /// τ: steps between two exchanges.
        LocalSteps: int
        LastBatch: LastBatch
        Start: Start
        Loss: Loss
    }
