namespace UbarFs.Report

open System.IO
open System.Text.RegularExpressions

/// The style sheets and the script that reports carry with them.
[<RequireQualifiedAccess>]
module Style =

    /// The text of an embedded file.
    let embedded (name: string) =
        match typeof<Markup>.Assembly.GetManifestResourceStream name with
        | null -> invalidOp $"the program was built without {name}"
        | stream ->
            use reader = new StreamReader(stream)
            reader.ReadToEnd()

    let private named colours = colours |> Array.mapi (fun index colour -> $"c{index}", colour) |> List.ofArray

    let private light =
        [ "paper", "#ffffff"
          "ink", "#1b2129"
          "muted", "#5d6875"
          "grid", "#e6e9ed"
          "edge", "#b4bcc6"
          "liar", "#c4320a"
          "panel", "#f6f7f9"
          "good", "#0b6e4f"
          "good-fill", "#dff3ea"
          "fair", "#7a5200"
          "fair-fill", "#fdf0d2"
          "bad", "#a3200d"
          "bad-fill", "#fde3dd"
          "accent", "#0b5cad" ]
        @ named Palette.light

    let private dark =
        [ "paper", "#12161c"
          "ink", "#e8ebef"
          "muted", "#9aa5b1"
          "grid", "#2a313a"
          "edge", "#55606d"
          "liar", "#ff7a59"
          "panel", "#1a2028"
          "good", "#6fdcb0"
          "good-fill", "#123a2c"
          "fair", "#f3c463"
          "fair-fill", "#3b2e10"
          "bad", "#ff9b85"
          "bad-fill", "#46180f"
          "accent", "#6cb6ff" ]
        @ named Palette.dark

    let private variables colours =
        colours |> List.map (fun (name, colour) -> $"--{name}:{colour};") |> String.concat ""

    /// The page's style sheet: light, dark where the reader prefers it, and light again on paper.
    let page () =
        $":root{{color-scheme:light dark;{variables light}}}\n"
        + $"@media screen and (prefers-color-scheme:dark){{:root{{{variables dark}}}}}\n"
        + embedded "figure.css"
        + embedded "report.css"

    let private values = Map.ofList light

    /// The figures' style sheet with the colours of the light version in place: what reads SVG elsewhere knows no
    /// variables.
    let figure () =
        Regex.Replace(embedded "figure.css", @"var\(--([a-z0-9-]+)\)", fun found -> values[found.Groups[1].Value])

    /// The light version's colour of a name.
    let lightColour name = values[name]
