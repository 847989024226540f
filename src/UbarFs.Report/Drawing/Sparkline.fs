namespace UbarFs.Report

/// Curves in the height of a line of text.
[<RequireQualifiedAccess>]
module Sparkline =

    let private blocks = "▁▂▃▄▅▆▇█"

    /// At most `width` blocks for values in [0, 1].
    let create (width: int) (values: float list) : string =
        Panel.thinned width values
        |> List.map (fun value -> blocks[max 0 (min (blocks.Length - 1) (int (value * float blocks.Length)))])
        |> Array.ofList
        |> System.String
