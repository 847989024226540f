/// Numbers as people write them.
[<RequireQualifiedAccess>]
module UbarFs.Testing.Written

open System
open System.Globalization

/// As short as it can be without loss.
let number (number: float) =
    if number = 0.0 then
        // Of either sign.
        "0"
    elif Double.IsNaN number then
        "NaN"
    elif Double.IsInfinity number then
        if number > 0.0 then "∞" else "-∞"
    else
        number.ToString("R", CultureInfo.InvariantCulture)

/// `[1, 2.5]`
let numbers (numbers: float[]) = numbers |> Seq.map number |> String.concat ", " |> sprintf "[%s]"

/// As F# code.
let literal (number: float) =
    if Double.IsNaN number then
        "nan"
    elif Double.IsPositiveInfinity number then
        "infinity"
    elif Double.IsNegativeInfinity number then
        "-infinity"
    else
        let text = (number + 0.0).ToString("R", CultureInfo.InvariantCulture)

        if text.IndexOfAny [| '.'; 'E' |] >= 0 then
            text
        else
            text + ".0"
