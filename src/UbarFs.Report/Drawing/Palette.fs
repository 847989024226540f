namespace UbarFs.Report

/// The shape that marks points of a rule's lines.
[<RequireQualifiedAccess>]
type Marker =
    | Circle
    | Square
    | Triangle
    | Diamond
    | Plus
    | Down
    | Star
    | Left
    | Right

/// How a rule's lines look: a colour class of the style sheet, a dash pattern and a marker.
type Stroke = { Colour: int; Dash: string; Marker: Marker }

/// Colours that people with colour vision deficiencies tell apart (Okabe and Ito, 2008), in a light and a dark version,
/// with the dashes and markers that tell lines apart in grey print.
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

    let private dashes = [| ""; "7 3"; "2 2.5"; "9 3 2 3"; "14 3.5" |]

    let private markers =
        [| Marker.Circle
           Marker.Square
           Marker.Triangle
           Marker.Diamond
           Marker.Plus
           Marker.Down
           Marker.Star
           Marker.Left
           Marker.Right |]

    /// So many places differ in dash or marker, whatever their colours.
    let distinct = dashes.Length * markers.Length

    /// The stroke of a place. The three lengths have no common factor: places repeat only after their product.
    let ofPlace place : Stroke =
        { Colour = place % light.Length
          Dash = dashes[place % dashes.Length]
          Marker = markers[place % markers.Length] }

    // Fixed, so that a rule that joins the catalogue changes the looks of no other.
    let private settled =
        [ "ubar"
          "average"
          "dkrum"
          "dmedian"
          "dbulyan"
          "bridge"
          "multi-krum"
          "geometric-median"
          "slsgd"
          "byrdie"
          "rd-svm"
          "tv-norm"
          "zeno"
          // Withdrawn; what stands behind it keeps its place.
          "zeno++"
          "fltrust"
          "afa" ]

    let private known =
        lazy (settled @ (UbarFs.Core.Catalogue.rules |> List.map _.Name |> List.except settled))

    /// The name of a rule alone: "ubar (rho: 0.2)" is a variant of "ubar".
    let withoutParameters (rule: string) =
        match rule.IndexOf '(' with
        | -1 -> rule
        | at -> rule.Substring(0, at).TrimEnd()

    let private placeOf name = known.Value |> List.tryFindIndex ((=) name)

    // A rule of the catalogue has its own place, a variant the place of its rule if it is the only one of that rule.
    let private own (rules: string list) rule =
        let alike = rules |> List.filter (fun other -> withoutParameters other = withoutParameters rule)

        match placeOf rule, alike with
        | Some place, _ -> Some place
        | None, [ _ ] -> placeOf (withoutParameters rule)
        | None, _ -> None

    /// The strokes of a study's rules. A rule of the catalogue looks the same in every study; others take what is free,
    /// new colours first.
    let strokes (rules: string list) : Map<string, Stroke> =
        let placed = rules |> List.choose (fun rule -> own rules rule |> Option.map (fun place -> rule, place))

        let settle (placed: (string * int) list) rule =
            let taken = placed |> List.map snd

            let worn place =
                taken |> List.filter (fun other -> (ofPlace other).Colour = (ofPlace place).Colour)

            let place =
                match [ 0 .. distinct - 1 ] |> List.except taken with
                | [] -> 1 + List.max taken
                | free -> free |> List.minBy (fun place -> (worn place).Length, place)

            (rule, place) :: placed

        rules
        |> List.except (List.map fst placed)
        |> List.fold settle placed
        |> List.map (fun (rule, place) -> rule, ofPlace place)
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

    /// How light a colour "#rrggbb" is: its relative luminance (WCAG 2.2), from 0 to 1.
    let luminance (colour: string) =
        let part start =
            let share = float (System.Convert.ToInt32(colour.Substring(start, 2), 16)) / 255.0

            if share <= 0.04045 then
                share / 12.92
            else
                ((share + 0.055) / 1.055) ** 2.4

        0.2126 * part 1 + 0.7152 * part 3 + 0.0722 * part 5

    /// The class of text that can be read on a colour: white on dark ones, black on light ones, whatever the page's are.
    let textOn (colour: string) =
        if 1.05 / (luminance colour + 0.05) > (luminance colour + 0.05) / 0.05 then
            "over-dark"
        else
            "over-light"
