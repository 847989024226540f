namespace UbarFs.Report

/// How a rule's lines look: a colour class of the style sheet, and a dash pattern where colours have run out.
type Stroke = { Colour: int; Dash: string }

/// Colours that people with colour vision deficiencies tell apart (Okabe and Ito, 2008), in a light and a dark version.
[<RequireQualifiedAccess>]
module Palette =

    let light =
        [| "#0072b2"
           "#e69f00"
           "#cc79a7"
           "#009e73"
           "#56b4e9"
           "#d55e00"
           "#7b5cd6"
           "#8c6d31" |]

    let dark =
        [| "#4fa8e0"
           "#f0b429"
           "#e39cc4"
           "#2cc295"
           "#8fd0f5"
           "#ff8a4c"
           "#a995f0"
           "#c9a86a" |]

    // The paper's rules look the same in every report.
    let private familiar = [ "ubar"; "average"; "dkrum"; "dmedian"; "dbulyan"; "bridge" ]
    let private dashes = [| ""; "6 3"; "2 3"; "8 3 2 3" |]

    /// The strokes of a study's rules: every rule's own.
    let strokes (rules: string list) : Map<string, Stroke> =
        let settled = rules |> List.filter (fun rule -> List.contains rule familiar)
        let taken = settled |> List.map (fun rule -> List.findIndex ((=) rule) familiar)
        let free = [ 0 .. light.Length - 1 ] |> List.except taken

        let others =
            rules
            |> List.except settled
            |> List.mapi (fun index rule ->
                if index < free.Length then
                    rule, { Colour = free[index]; Dash = "" }
                else
                    let further = index - free.Length

                    rule,
                    { Colour = further % light.Length
                      Dash = dashes[1 + further / light.Length % (dashes.Length - 1)] })

        settled
        |> List.map (fun rule -> rule, { Colour = List.findIndex ((=) rule) familiar; Dash = "" })
        |> List.append others
        |> Map.ofList

    // Viridis at nine places (van der Walt and Smith, 2015): from dark to light for 0 to 1.
    let private viridis =
        [| 68, 1, 84
           72, 40, 120
           62, 74, 137
           49, 104, 142
           38, 130, 142
           31, 158, 137
           53, 183, 121
           110, 206, 88
           253, 231, 37 |]

    /// The colour of a share in [0, 1].
    let ofShare (share: float) =
        let place = (max 0.0 (min 1.0 share)) * float (viridis.Length - 1)
        let below = min (viridis.Length - 2) (int place)
        let mix low high = int (round (float low + (place - float below) * float (high - low)))
        let (r, g, b), (r', g', b') = viridis[below], viridis[below + 1]
        $"#%02x{mix r r'}%02x{mix g g'}%02x{mix b b'}"

    /// The style sheet's colour variables, of the light or the dark version.
    let variables colours =
        colours |> Array.mapi (fun index colour -> $"--c{index}:{colour};") |> String.concat ""
