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
