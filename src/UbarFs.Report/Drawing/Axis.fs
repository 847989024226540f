namespace UbarFs.Report

open System
open System.Globalization

/// How places along an axis are spaced.
[<RequireQualifiedAccess>]
type Spacing =
    | Linear
    /// Equal ratios are equally far apart. The axis has positive values only.
    | Logarithmic

/// One axis of a panel, in the units of what it shows.
type Axis =
    {
        Low: float
        High: float
        Spacing: Spacing
        /// Values with what is written beside them.
        Ticks: (float * string) list
    }

[<RequireQualifiedAccess>]
module Axis =

    /// Where a value is along the axis, from 0 to 1. What is beyond an end is drawn at that end.
    let place (axis: Axis) (value: float) =
        let share =
            match axis.Spacing with
            | Spacing.Linear -> (value - axis.Low) / (axis.High - axis.Low)
            | Spacing.Logarithmic when value <= axis.Low -> 0.0
            | Spacing.Logarithmic -> log (value / axis.Low) / log (axis.High / axis.Low)

        max 0.0 (min 1.0 share)

    /// A number with few digits.
    let plain (value: float) =
        if value <> 0.0 && (abs value >= 1e5 || abs value < 1e-3) then
            value.ToString("0.##e0", CultureInfo.InvariantCulture)
        else
            value.ToString("0.####", CultureInfo.InvariantCulture)

    /// A share of one in per cent.
    let percent (value: float) = (100.0 * value).ToString("0.##", CultureInfo.InvariantCulture) + " %"

    /// A round step that divides a range into about so many parts.
    let step (range: float) (parts: float) =
        let raw = range / parts
        let magnitude = 10.0 ** floor (log10 raw)

        [ 1.0; 2.0; 2.5; 5.0; 10.0 ]
        |> List.map ((*) magnitude)
        |> List.find (fun step -> step >= raw * 0.999)

    /// From 0 to a value.
    let upTo (write: float -> string) (high: float) : Axis =
        let step = step high 4.0

        { Low = 0.0
          High = high
          Spacing = Spacing.Linear
          Ticks = [ for index in 0 .. int (high / step + 1e-6) -> float index * step, write (float index * step) ] }

    // Decades that hold the values; every so many have a tick.
    let private decades (lowest: float) (highest: float) : Axis =
        let low = floor (log10 lowest + 1e-9)
        let high = max (low + 1.0) (ceil (log10 highest - 1e-9))
        let every = max 1.0 (ceil ((high - low) / 5.0))

        { Low = 10.0 ** low
          High = 10.0 ** high
          Spacing = Spacing.Logarithmic
          Ticks =
            [ for index in 0 .. int ((high - low) / every + 1e-9) ->
                  let value = 10.0 ** (low + float index * every)
                  value, plain value ] }

    /// From this ratio of the largest to the smallest swept value on, equal ratios are equally far apart.
    let wide = 100.0

    /// The same for values that runs measure: a linear axis would show no more than the largest of them.
    let wideMeasured = 30.0

    /// What an axis shows, with a word on how it is spaced where that is not usual.
    let title (axis: Axis) (name: string) =
        match axis.Spacing with
        | Spacing.Linear -> name
        | Spacing.Logarithmic -> $"{name}, log scale"

    /// An axis for values that are not negative: from 0 to a round number, or in decades where they differ by orders of
    /// magnitude.
    let covering (write: float -> string) (values: float list) : Axis =
        match values |> List.filter (fun value -> Double.IsFinite value && value > 0.0) with
        | [] -> upTo write 1.0
        | positive ->
            let lowest, highest = List.min positive, List.max positive

            if highest / lowest >= wideMeasured then
                decades lowest highest
            else
                let step = step highest 4.0
                upTo write (step * ceil (highest / step - 1e-9))

    /// The values themselves as ticks, at least two of them.
    let through (write: float -> string) (values: float list) : Axis =
        let sorted = values |> List.distinct |> List.sort
        let low, high = List.head sorted, List.last sorted

        { Low = low
          High = high
          Spacing =
            if low > 0.0 && high / low >= wide then
                Spacing.Logarithmic
            else
                Spacing.Linear
          Ticks = sorted |> List.map (fun value -> value, write value) }
