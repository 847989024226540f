namespace UbarFs.Report

/// A seed under a rule and under the baseline: the same network, the same data, the same start.
type Pair =
    {
        Seed: int64
        /// The worst accuracy of a benign node at the end, as a fraction.
        Accuracy: float
        /// The baseline's.
        Baseline: float
    }

    member pair.Difference = pair.Accuracy - pair.Baseline

    /// How much of what the baseline has learned beyond guessing the rule keeps: (a − c)/(b − c), which may exceed 1.
    member pair.Kept(chance: float) = (pair.Accuracy - chance) / (pair.Baseline - chance)

/// A rule beside the baseline, seed by seed.
type Comparison =
    {
        /// At least one, in ascending order of the seeds.
        Pairs: Pair list
        /// The accuracy of guessing.
        Chance: float
        /// What a finite number of test images leaves open of a difference, as a fraction; none where their number is
        /// unknown.
        SamplingError: float option
        /// Rule minus baseline, as a fraction.
        Difference: Interval
        /// The share kept.
        Kept: Interval
        /// How many of the seeds are destroyed.
        Destroyed: int
    }

    member comparison.Seeds = comparison.Pairs.Length

[<RequireQualifiedAccess>]
module Comparison =

    /// From this share kept on a rule is as good as the baseline.
    let asGoodFrom = 0.95

    /// Below this share kept a rule is destroyed.
    let destroyedBelow = 0.25

    /// A baseline this near to guessing has learned too little to compare with.
    let leastGain = 0.05

    /// Standard errors to the end of an interval that one side exceeds in one of twenty cases.
    let standardErrors = 1.645

    /// What `images` test images leave open of the difference of two accuracies: 1.645 standard errors of a binomial
    /// difference, with a hit and a miss added to each as Agresti and Caffo (2000) do, so that it is not 0 at 0 or 1.
    let samplingError (images: int) (one: float) (other: float) : float =
        let variance accuracy =
            let share = (float images * accuracy + 1.0) / (float images + 2.0)
            share * (1.0 - share) / (float images + 2.0)

        standardErrors * sqrt (variance one + variance other)

    /// Whether the baseline has learned enough in a seed to compare with.
    let isComparable chance (pair: Pair) = pair.Baseline - chance >= leastGain

    /// Compares at least one pair, all of them comparable, given the accuracy of guessing and the number of test images.
    let ofPairs (chance: float) (images: int option) (pairs: Pair list) : Comparison =
        let kept = pairs |> List.map _.Kept(chance)
        let difference = pairs |> List.map _.Difference |> Interval.ofValues
        let share = Interval.ofValues kept
        let baseline = pairs |> List.map _.Baseline |> Interval.median

        // The accuracy that the median share kept stands for, so that a better rule never looks worse for its error.
        let accuracy = chance + share.Middle * (baseline - chance) |> max 0.0 |> min 1.0
        let error = images |> Option.map (fun images -> samplingError images accuracy baseline)
        let shared = Option.defaultValue 0.0 error

        { Pairs = pairs |> List.sortBy _.Seed
          Chance = chance
          SamplingError = error
          Difference = Interval.reaching shared difference
          Kept = Interval.reaching (shared / (baseline - chance)) share
          Destroyed = kept |> List.filter (fun kept -> kept < destroyedBelow) |> List.length }
