/// How much is held out, as a scenario says it.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.Holdouts

open UbarFs.Core

let private expected = "a number of images from 1, a percentage such as '10%', or 'none'"

// A share without its sign is meant as one.
let private read (text: string) : Result<Holdout option, Correction option> =
    match Kind.read (Kind.Whole(1L, 100_000_000L)) text, Kind.read (Kind.Real Interval.unbounded) text with
    | _ when text = "none" -> Ok None
    | Some(Value.Whole count), _ -> Ok(Some(Holdout.Images(int count)))
    | _, Some(Value.Real share) when text.EndsWith '%' && 0.0 < share && share < 1.0 -> Ok(Some(Holdout.Share share))
    | _, Some(Value.Real share) when 0.0 < share && share < 1.0 ->
        Error(Some(Correction.values [ string (Holdout.Share share) ]))
    | _ -> Error None

/// A number of images, a percentage of them, or none.
let decoder: Decoder<Holdout option> =
    Decode.text expected (Option.map string >> Option.defaultValue "none") read
