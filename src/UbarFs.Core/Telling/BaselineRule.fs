/// The rule that reports compare the others with. It is chosen before anything has run, by its name or its label.
[<RequireQualifiedAccess>]
module UbarFs.Core.BaselineRule

/// Where a scenario names none: the paper's.
let usual = "average"

/// The labels that a text means among rules, given as `label, name`: the label that it is, or else all of the rules with
/// that name.
let labels (rules: (string * string) list) (written: string) : string list =
    let ofLabel = rules |> List.filter (fst >> (=) written)
    let ofName = rules |> List.filter (snd >> (=) written)
    (if ofLabel.IsEmpty then ofName else ofLabel) |> List.map fst |> List.distinct
