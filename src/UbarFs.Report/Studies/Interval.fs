namespace UbarFs.Report

/// A figure over seeds, with the range in which that of all seeds may lie.
type Interval = { Middle: float; Low: float; High: float }

/// What few seeds say of the median over all the seeds that might have been taken. Outcomes of this field have two peaks
/// (a network holds, or it is destroyed), so nothing is assumed of their distribution: a seed lies above the median as
/// often as below it, and how often n seeds all lie on one side is a matter of counting (the sign test).
[<RequireQualifiedAccess>]
module Interval =

    /// Each end of an interval lies on the wrong side of the median at most this often.
    let error = 0.05

    /// The probability of at most `heads` heads in `tosses` of a fair coin.
    let tail (tosses: int) (heads: int) : float =
        let mutable logarithm = -float tosses * log 2.0
        let mutable sum = exp logarithm

        for index in 1..heads do
            logarithm <- logarithm + log (float (tosses - index + 1) / float index)
            sum <- sum + exp logarithm

        sum

    /// The fewest seeds that decide anything: of five, all lie on one side of the median in 1 of 32 cases.
    let fewest = 5

    /// How many seeds are left out at either end: 0 for less than eight, 1 for eight to ten, …
    let leftOut (seeds: int) : int =
        Seq.initInfinite id |> Seq.takeWhile (fun count -> tail seeds count <= error) |> Seq.fold max 0

    /// How often an interval of so many seeds holds the median.
    let confidence (seeds: int) : float = max 0.0 (1.0 - 2.0 * tail seeds (leftOut seeds))

    /// Of at least one value; the mean of the two in the middle of an even number.
    let median (values: float list) : float =
        let sorted = Array.sort (Array.ofList values)
        let half = sorted.Length / 2

        if sorted.Length % 2 = 1 then
            sorted[half]
        else
            (sorted[half - 1] + sorted[half]) / 2.0

    /// From the lowest to the highest of at least one value, without those that are left out.
    let ofValues (values: float list) : Interval =
        let sorted = Array.sort (Array.ofList values)
        let out = leftOut sorted.Length

        { Middle = median values
          Low = sorted[out]
          High = sorted[sorted.Length - 1 - out] }

    /// The interval that reaches at least as far from its middle as an error which all seeds share.
    let reaching (shared: float) (interval: Interval) : Interval =
        { interval with
            Low = min interval.Low (interval.Middle - shared)
            High = max interval.High (interval.Middle + shared) }
