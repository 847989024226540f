/// What stores of older versions say, in today's words.
[<RequireQualifiedAccess>]
module UbarFs.Engine.OlderSettings

/// Settings by the paths of today's language, out of a store that an older version wrote.
let asToday (settings: Map<string, string>) : Map<string, string> =
    match settings |> Map.tryFind "training.length" |> Option.map _.Split(' ') with
    | Some [| count; unit' |] ->
        settings
        |> Map.remove "training.length"
        |> Map.add
            (if unit'.StartsWith "epoch" then
                 "training.epochs"
             else
                 "training.iterations")
            count
    | _ -> settings
