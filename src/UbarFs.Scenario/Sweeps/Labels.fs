/// The labels that a scenario gives to its rules, attacks and variants.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.Labels

open UbarFs.Core

/// Labels that stand for more than one thing.
let ambiguous (variants: (Level list * Draft) list) : Diagnostic list =
    let clash what (label: string) (place: Span) (other: Span) =
        Diagnostic.error place $"the label '{label}' stands for different {what}: tables could not tell them apart"
        |> Diagnostic.noting other "it stands for another one here"
        |> Diagnostic.hinted "give each a label of its own; 'zip' gives swept parameters labels, as rule.label"

    // What is called alike, with what it is, its place and whether a label says so.
    let ofOne what (things: (string * string * Span * bool) list) =
        things
        |> List.distinctBy (fun (label, identity, _, _) -> label, identity)
        |> List.groupBy (fun (label, _, _, _) -> label)
        |> List.choose (fun (label, same) ->
            match same |> List.tryFind (fun (_, _, _, isLabelled) -> isLabelled), same with
            | Some(_, identity, place, _), _ :: _ :: _ ->
                let _, _, other, _ = same |> List.find (fun (_, other, _, _) -> other <> identity)

                let first, second =
                    if place.Offset < other.Offset then
                        place, other
                    else
                        other, place

                Some(clash what label second first)
            | _ -> None)

    let told (place: Span) (chosen: Chosen<'value>) =
        let print = Chosen.fingerprint chosen |> Option.defaultValue ""
        // Values of one rule's parameters have names that its label begins: 'Ours (share: 0.2)'.
        let code = chosen.Code |> Option.map (fun code -> string code.Keys) |> Option.defaultValue ""
        Chosen.label chosen, $"{chosen.Name} {code} {print}", place, chosen.Label.IsSome

    let rules =
        variants
        |> List.choose (fun (_, draft) -> draft.Rule |> Option.map (fun place -> told place draft.Run.Rule))

    let attacks =
        variants
        |> List.collect (fun (_, draft) ->
            match draft.Attack with
            | Some place -> draft.Run.Attacks |> List.map (told place)
            | None -> [])

    let names =
        [ for levels, _ in variants do
              for level in levels do
                  match level.Name, level.Label with
                  | Some name, Some label -> label.Value, name.Value, label.Span, true
                  | Some name, None -> name.Value, name.Value, name.Span, false
                  | None, _ -> () ]

    ofOne "rules" rules @ ofOne "attacks" attacks @ ofOne "variants" names
