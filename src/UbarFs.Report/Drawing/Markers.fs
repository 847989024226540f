namespace UbarFs.Report

/// Draws the shapes that mark points of lines.
[<RequireQualifiedAccess>]
module Markers =

    /// The outline of a marker from its middle, as relative commands of an SVG path; about seven units wide.
    let outline (marker: Marker) =
        match marker with
        | Marker.Circle -> "m-3 0a3 3 0 1 0 6 0a3 3 0 1 0 -6 0z"
        | Marker.Square -> "m-2.7 -2.7h5.4v5.4h-5.4z"
        | Marker.Triangle -> "m0 -3.7l3.4 6.2h-6.8z"
        | Marker.Diamond -> "m0 -3.9l3.9 3.9l-3.9 3.9l-3.9 -3.9z"
        | Marker.Plus -> "m-1.1 -3.6h2.2v2.5h2.5v2.2h-2.5v2.5h-2.2v-2.5h-2.5v-2.2h2.5z"
        | Marker.Down -> "m0 3.7l3.4 -6.2h-6.8z"
        | Marker.Star -> "m0 -4.2l1.1 2.7l2.9 0.2l-2.2 1.9l0.7 2.8l-2.5 -1.5l-2.5 1.5l0.7 -2.8l-2.2 -1.9l2.9 -0.2z"
        | Marker.Left -> "m-3.7 0l6.2 -3.4v6.8z"
        | Marker.Right -> "m3.7 0l-6.2 -3.4v6.8z"

    // Not moved by a transform: Chromium forgets those in legends that it repeats on printed pages.
    let private path cls attributes (x: float, y: float) outline : Markup =
        Markup.element "path" ([ "class", cls; "d", $"M{Markup.number x} {Markup.number y}{outline}" ] @ attributes) []

    /// The marker of a class at a point.
    let draw cls attributes point (marker: Marker) : Markup = path $"marker {cls}" attributes point (outline marker)

    /// Where a run failed: a cross.
    let failure cls attributes point : Markup = path $"failure {cls}" attributes point "m-3.5 -3.5l7 7m-7 0l7 -7"
