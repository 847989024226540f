/// The rule that reports compare the others with. It is chosen before anything has run, by its name or its label.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.BaselineRule

/// Where a scenario names none: the paper's.
let usual = "average"

/// The labels that a text means among rules, given as `label, name`: the label that it is, or else all of the rules with
/// that name.
let labels (rules: (string * string) list) (written: string) : string list =
    let ofLabel = rules |> List.filter (fst >> (=) written)
    let ofName = rules |> List.filter (snd >> (=) written)
    (if ofLabel.IsEmpty then ofName else ofLabel) |> List.map fst |> List.distinct

/// What is wrong with a baseline that is written at a place, among the rules of a scenario.
let errors (rules: (string * string) list) (written: string) (place: Span) : Diagnostic list =
    let known = rules |> List.map fst |> List.distinct

    match labels rules written with
    | [ _ ] -> []
    // Writing the default out asks for nothing.
    | [] when written = usual -> []
    | [] ->
        let all = known |> List.map (sprintf "'%s'") |> String.concat ", "
        let nearest = Nearest.find (known @ List.map snd rules) written

        [ Diagnostic.error place $"no rule of the scenario is called '{written}': expected one of {all}"
          |> Diagnostic.withHint (nearest |> Option.map (sprintf "did you mean '%s'?")) ]
    | several ->
        let all = several |> List.map (sprintf "'%s'") |> String.concat ", "

        [ Diagnostic.error place $"several rules are '{written}': {all}"
          |> Diagnostic.hinted "the baseline is one rule: write its label" ]
