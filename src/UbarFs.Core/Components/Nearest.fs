/// Guesses what a misspelt name was meant to be.
[<RequireQualifiedAccess>]
module UbarFs.Core.Nearest

open System

/// Letters that have to be inserted, dropped, replaced or swapped with their neighbour to turn one text into the
/// other (optimal string alignment).
let distance (first: string) (second: string) =
    let rows = Array2D.zeroCreate (first.Length + 1) (second.Length + 1)

    for i in 0 .. first.Length do
        for j in 0 .. second.Length do
            rows[i, j] <-
                if min i j = 0 then
                    max i j
                else
                    let replaced = if first[i - 1] = second[j - 1] then 0 else 1
                    let simple = min (min (rows[i - 1, j] + 1) (rows[i, j - 1] + 1)) (rows[i - 1, j - 1] + replaced)

                    if i > 1 && j > 1 && first[i - 1] = second[j - 2] && first[i - 2] = second[j - 1] then
                        min simple (rows[i - 2, j - 2] + 1)
                    else
                        simple

    rows[first.Length, second.Length]

// Names of the language are lower-case words with hyphens: other spellings of the same words cost nothing.
let private normal (name: string) = name.ToLowerInvariant().Replace('_', '-').Replace(' ', '-')

/// A third of the letters may be wrong, and one letter always.
let private tolerance (name: string) = max 1 (name.Length / 3)

/// The known name that a written one comes closest to, if it is close enough to be meant: few wrong letters, or the
/// beginning of exactly one known name.
let find (known: string list) (written: string) =
    let wanted = normal written

    let close =
        known
        |> List.filter (fun name -> abs (name.Length - wanted.Length) <= tolerance name)
        |> List.map (fun name -> distance wanted (normal name), name)
        |> List.filter (fun (letters, name) -> letters <= tolerance name && letters < name.Length)

    let beginning (name: string) = wanted.Length >= 3 && name.StartsWith(wanted, StringComparison.Ordinal)

    match close, List.filter beginning known with
    | [], [ name ] -> Some name
    | [], _ -> None
    | close, _ -> close |> List.minBy fst |> snd |> Some
