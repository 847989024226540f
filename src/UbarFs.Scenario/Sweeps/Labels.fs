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

    // What is called alike, with what it is, its place, also among others at the same one, and whether a label says so.
    let ofOne what (things: (string * string * (Span * int) * bool) list) =
        things
        |> List.distinctBy (fun (label, identity, _, _) -> label, identity)
        |> List.groupBy (fun (label, _, _, _) -> label)
        |> List.choose (fun (label, same) ->
            // One place with several values of a parameter is one thing by name: 'Ours (share: 0.2)'.
            let clashing (_, identity, place, _) =
                same |> List.tryFind (fun (_, other, elsewhere, _) -> other <> identity && elsewhere <> place)

            same
            |> List.tryFind (fun (_, _, _, isLabelled) -> isLabelled)
            |> Option.bind (fun labelled ->
                clashing labelled
                |> Option.map (fun (_, _, other, _) ->
                    let _, _, place, _ = labelled

                    let first, second =
                        if (fst place).Offset < (fst other).Offset then
                            fst place, fst other
                        else
                            fst other, fst place

                    clash what label second first)))

    let told (place: Span) index (chosen: Chosen<'value>) =
        let print = Chosen.fingerprint chosen |> Option.defaultValue ""
        Chosen.label chosen, $"{Chosen.canonical chosen} {print}", (place, index), chosen.Label.IsSome

    let rules =
        variants
        |> List.choose (fun (_, draft) -> draft.Rule |> Option.map (fun place -> told place 0 draft.Run.Rule))

    let attacks =
        variants
        |> List.collect (fun (_, draft) ->
            match draft.Attack with
            | Some place -> draft.Run.Attacks |> List.mapi (told place)
            | None -> [])

    let names =
        [ for levels, _ in variants do
              for level in levels do
                  match level.Name, level.Label with
                  | Some name, Some label -> label.Value, name.Value, (label.Span, 0), true
                  | Some name, None -> name.Value, name.Value, (name.Span, 0), false
                  | None, _ -> () ]

    ofOne "rules" rules @ ofOne "attacks" attacks @ ofOne "variants" names
