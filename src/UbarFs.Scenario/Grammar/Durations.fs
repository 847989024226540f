/// Reads lengths of time: `50`, `50 epochs`, `200 iterations`.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.Durations

open System
open System.Globalization
open UbarFs.Core

let private longestEpochs = 1_000_000
/// The most iterations of a run.
let longestIterations = 1_000_000_000

/// A count and the unit behind it, if there is one.
let private split (text: string) =
    match text.Split(' ', StringSplitOptions.RemoveEmptyEntries) with
    | [| count |] -> Some(count, None)
    | [| count; unit' |] -> Some(count, Some unit')
    | _ -> None
    |> Option.bind (fun (count, unit') ->
        match Int32.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture) with
        | true, count when count > 0 -> Some(count, unit')
        | _ -> None)

let private isEpochs unit' = unit' = "epoch" || unit' = "epochs"
let private isIterations unit' = unit' = "iteration" || unit' = "iterations"

let private didYouMean count unit' =
    Nearest.find [ "epochs"; "iterations" ] unit'
    |> Option.map (fun unit' -> Correction.words [ $"{count} {unit'}" ])

/// `50epochs` and `1_000`, as they should be written.
let private tidied (isRight: string -> bool) (text: string) =
    let plain = text |> String.filter (fun letter -> letter <> '_')
    let letter = plain |> Seq.tryFindIndex Char.IsAsciiLetter

    let apart =
        match letter with
        | Some index when index > 0 -> plain.Substring(0, index).TrimEnd() + " " + plain.Substring index
        | _ -> plain

    if apart <> text && isRight apart then
        Some(Correction.words [ apart ])
    else
        None

// Where the key tells the unit.
let private count duration =
    match duration with
    | Duration.Epochs count
    | Duration.Iterations count -> string count

let rec private readEpochs text =
    match split text with
    | Some(count, None) when count <= longestEpochs -> Ok(Duration.Epochs count)
    | Some(count, Some unit') when isEpochs unit' && count <= longestEpochs -> Ok(Duration.Epochs count)
    | Some(count, Some unit') when isIterations unit' -> Error(Some(Correction.entry "iterations" (string count)))
    | Some(count, Some unit') when not (isEpochs unit') -> Error(didYouMean count unit')
    | _ -> Error(tidied (readEpochs >> Result.isOk) text)

/// A number of epochs, with or without the unit.
let epochs = Decode.text $"a number of epochs from 1 to {longestEpochs}" count readEpochs

let rec private readIterations text =
    match split text with
    | Some(count, None) when count <= longestIterations -> Ok(Duration.Iterations count)
    | Some(count, Some unit') when isIterations unit' && count <= longestIterations -> Ok(Duration.Iterations count)
    | Some(count, Some unit') when isEpochs unit' -> Error(Some(Correction.entry "epochs" (string count)))
    | Some(count, Some unit') when not (isIterations unit') -> Error(didYouMean count unit')
    | _ -> Error(tidied (readIterations >> Result.isOk) text)

/// A number of iterations, with or without the unit.
let iterations =
    Decode.text $"a number of iterations from 1 to {longestIterations}" count readIterations

let rec private readEither text =
    match split text with
    | Some(count, Some unit') when isEpochs unit' && count <= longestEpochs -> Ok(Duration.Epochs count)
    | Some(count, Some unit') when isIterations unit' && count <= longestIterations -> Ok(Duration.Iterations count)
    | Some(count, Some unit') when not (isEpochs unit' || isIterations unit') -> Error(didYouMean count unit')
    | Some(count, None) ->
        Error(Some(Correction.words [ string (Duration.Epochs count); string (Duration.Iterations count) ]))
    | None when isEpochs text || isIterations text -> Error(Some(Correction.words [ $"1 {text.TrimEnd 's'}" ]))
    | _ -> Error(tidied (readEither >> Result.isOk) text)

/// Either, or `none`.
let eitherOrNone =
    Decode.text
        "a number of epochs or iterations, such as '2 epochs' or '50 iterations', or 'none'"
        (Option.map string >> Option.defaultValue "none")
        (fun text ->
            if text = "none" then
                Ok None
            else
                readEither text |> Result.map Some)

/// Either, with the unit that tells which.
let either =
    Decode.text "a number of epochs or iterations, such as '2 epochs' or '50 iterations'" string readEither
