namespace UbarFs.Report

/// Draws the shapes that mark points of lines.
[<RequireQualifiedAccess>]
module Markers =

    /// The outline of a marker around the origin, as the data of an SVG path about seven units wide.
    let outline (marker: Marker) =
        match marker with
        | Marker.Circle -> "M-3 0A3 3 0 1 0 3 0A3 3 0 1 0 -3 0Z"
        | Marker.Square -> "M-2.7 -2.7L2.7 -2.7L2.7 2.7L-2.7 2.7Z"
        | Marker.Triangle -> "M0 -3.7L3.4 2.5L-3.4 2.5Z"
        | Marker.Diamond -> "M0 -3.9L3.9 0L0 3.9L-3.9 0Z"
        | Marker.Plus ->
            "M-1.1 -3.6L1.1 -3.6L1.1 -1.1L3.6 -1.1L3.6 1.1L1.1 1.1L1.1 3.6L-1.1 3.6L-1.1 1.1L-3.6 1.1L-3.6 -1.1L-1.1 -1.1Z"
        | Marker.Down -> "M0 3.7L3.4 -2.5L-3.4 -2.5Z"
        | Marker.Star -> "M0 -4.2L1.1 -1.5L4 -1.3L1.8 0.6L2.5 3.4L0 1.9L-2.5 3.4L-1.8 0.6L-4 -1.3L-1.1 -1.5Z"
        | Marker.Left -> "M-3.7 0L2.5 -3.4L2.5 3.4Z"
        | Marker.Right -> "M3.7 0L-2.5 -3.4L-2.5 3.4Z"

    /// The marker of a class at a point.
    let draw cls attributes (x: float, y: float) (marker: Marker) : Markup =
        Markup.element
            "path"
            ([ "class", $"marker {cls}"
               "d", outline marker
               "transform", $"translate({Markup.number x} {Markup.number y})" ]
             @ attributes)
            []

    /// Where a run failed: a cross.
    let failure cls attributes (x: float, y: float) : Markup =
        Markup.element
            "path"
            ([ "class", $"failure {cls}"
               "d", "M-3.5 -3.5L3.5 3.5M-3.5 3.5L3.5 -3.5"
               "transform", $"translate({Markup.number x} {Markup.number y})" ]
             @ attributes)
            []
