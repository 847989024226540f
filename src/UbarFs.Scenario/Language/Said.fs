namespace UbarFs.Scenario

/// What a scenario comes to at one place once everything is filled in. Decoders give it along with the value: the keys
/// of a run, its identity and what `ubarfs show` prints cannot forget a key.
[<RequireQualifiedAccess>]
type Said =
    /// Nothing: the key may be left out, and is.
    | Nothing
    /// A value in its canonical form, which reads as the same value, and the checksums of the code that it names.
    | Value of text: string * prints: string list
    /// The values of a mapping's keys.
    | Keys of (string * Said) list

/// A value out of a scenario, and what the scenario says in its place.
type Decoded<'value> = { Value: 'value; Said: Said }

[<RequireQualifiedAccess>]
module Said =

    let text text = Said.Value(text, [])

    /// Keys of one mapping, side by side.
    let beside one other =
        match one, other with
        | Said.Keys keys, Said.Keys more -> Said.Keys(keys @ more)
        | Said.Nothing, said
        | said, _ -> said

    /// A list of values.
    let list (items: Said list) =
        let texts, prints =
            items
            |> List.collect (function
                | Said.Value(text, prints) -> [ text, prints ]
                | Said.Nothing
                | Said.Keys _ -> [])
            |> List.unzip

        let texts = String.concat ", " texts
        Said.Value($"[{texts}]", List.concat prints)

    /// The values by their paths, in the order of the language. The checksums of a value's code follow at `PATH.code`.
    let settings (said: Said) : (string * string) list =
        let rec below path said =
            match said with
            | Said.Nothing -> []
            | Said.Value(text, []) -> [ path, text ]
            | Said.Value(text, prints) -> [ path, text; path + ".code", prints |> List.distinct |> String.concat ", " ]
            | Said.Keys keys ->
                keys |> List.collect (fun (key, said) -> below (if path = "" then key else $"{path}.{key}") said)

        below "" said

[<RequireQualifiedAccess>]
module Decoded =

    let map project (reading: Decoded<'a>) : Decoded<'b> = { Value = project reading.Value; Said = reading.Said }
