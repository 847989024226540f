/// Baselines that are no rule of their scenario.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.BaselineErrors

open UbarFs.Core

/// What is wrong with a baseline that is written at a place, among the rules of a scenario.
let find (rules: (string * string) list) (written: string) (place: Span) : Diagnostic list =
    let known = rules |> List.map fst |> List.distinct

    match BaselineRule.labels rules written with
    | [ _ ] -> []
    // Writing the default out asks for nothing.
    | [] when written = BaselineRule.usual -> []
    | [] ->
        let all = known |> List.map (sprintf "'%s'") |> String.concat ", "
        let nearest = Nearest.find (known @ List.map snd rules) written

        [ Diagnostic.error place $"no rule of the scenario is called '{written}': expected one of {all}"
          |> Diagnostic.withHint (nearest |> Option.map (sprintf "did you mean '%s'?")) ]
    | several ->
        let all = several |> List.map (sprintf "'%s'") |> String.concat ", "

        [ Diagnostic.error place $"several rules are '{written}': {all}"
          |> Diagnostic.hinted "the baseline is one rule: write its label" ]
