namespace UbarFs.Core

open System.Text.Json.Nodes

/// What the parts of a scenario's runs are called, so that different ones have different names.
type RunNames =
    { Dataset: Run -> string
      Model: Run -> string
      Rule: Run -> string
      Attack: Run -> string }

/// All runs of a scenario, with what its language says of them: who reads scenarios makes it for those who do the runs and
/// keep what they come to.
type Campaign =
    {
        Name: string
        Description: string
        /// The scenario in its canonical form.
        Scenario: string
        /// The rule that others are compared with, by its name or label.
        Baseline: string
        Runs: Run list
        Names: RunNames
        /// Settings by their paths, in their canonical form, as JSON values.
        Json: (string * string) seq -> JsonObject
    }
