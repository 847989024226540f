namespace UbarFs.Scenario

open UbarFs.Core

/// What is written about one run, without its place in the sweep. The spans are those of values that later checks
/// may find fault with; a value that is left out has none.
type Draft =
    {
        Run: Run
        Dataset: Span
        Partition: Span option
        Model: Span
        /// The items of a model that is a list of layers.
        Layers: Span list
        Benign: Span
        Topology: Span option
        Placement: Span option
        ByzantineRatio: Span option
        BenignRatio: Span option
        Protocol: Span option
        Rule: Span option
        Length: Span
        Batch: Span option
        Attack: Span option
        Validation: Span option
        /// What is odd about the files of the dataset, in sentences.
        Odd: string list
    }

/// The seeds of the runs that differ in nothing else.
[<RequireQualifiedAccess>]
type Seeds =
    /// As many as this, from the scenario's seed on.
    | Consecutive of int
    | Listed of Located<int64> list

/// What is written about the scenario as a whole.
type Header =
    {
        Name: string option
        Description: string
        /// The rule that others are compared with in reports, by its name or label.
        Baseline: string
        /// Where it is written.
        BaselinePlace: Span option
        Seeds: Seeds
        Sweep: Plan
    }
