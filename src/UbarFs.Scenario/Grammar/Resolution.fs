namespace UbarFs.Scenario

open UbarFs.Core

/// Where a run's network is written: its size, and what else is not left to a default; and the rule that it runs.
type NetworkPlaces =
    { Size: Span
      Ratio: Span option
      Topology: Span option
      Partition: Span option
      Rule: Span option }

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
