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

/// The test images that accuracies were measured on: how many, spread evenly over a test set of how many.
type Sample = { Images: int; TestSize: int }

/// A rule beside the baseline, seed by seed.
type Comparison =
    {
        /// At least one, in ascending order of the seeds.
        Pairs: Pair list
        /// The accuracy of guessing.
        Chance: float
        /// What test images that were left out leave open of a difference, as a fraction; none where it is unknown how
        /// many there were.
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

    /// From this success rate on a rule lets a backdoor in: most images with the trigger are taken for its target.
    let backdooredFrom = 0.5

    /// A baseline this near to guessing has learned too little to compare with.
    let leastGain = 0.05

    /// Standard errors to the end of an interval that one side exceeds in one of twenty cases.
    let standardErrors = 1.645

    /// What a sample of the test images leaves open of the difference of two test accuracies: 1.645 standard errors of a
    /// binomial difference, with a hit and a miss added to each as Agresti and Caffo (2000) do, so that it is not 0 at 0
    /// or 1; less the share of the test set that was seen, so that it is 0 where that is all of it.
    let samplingError (sample: Sample) (one: float) (other: float) : float =
        let images = float sample.Images

        let variance accuracy =
            let share = (images * accuracy + 1.0) / (images + 2.0)
            share * (1.0 - share) / (images + 2.0)

        let unseen = 1.0 - images / float sample.TestSize
        standardErrors * sqrt (unseen * (variance one + variance other))

    /// Whether the baseline has learned enough in a seed to compare with.
    let isComparable chance (pair: Pair) = pair.Baseline - chance >= leastGain

    /// Compares at least one pair, all of them comparable, given the accuracy of guessing and the test images.
    let ofPairs (chance: float) (sample: Sample option) (pairs: Pair list) : Comparison =
        let kept = pairs |> List.map _.Kept(chance)
        let difference = pairs |> List.map _.Difference |> Interval.ofValues
        let share = Interval.ofValues kept
        let baseline = pairs |> List.map _.Baseline |> Interval.median

        // The accuracy that the median share kept stands for, so that a better rule never looks worse for its error.
        let accuracy = chance + share.Middle * (baseline - chance) |> max 0.0 |> min 1.0
        let error = sample |> Option.map (fun sample -> samplingError sample accuracy baseline)
        let shared = Option.defaultValue 0.0 error

        { Pairs = pairs |> List.sortBy _.Seed
          Chance = chance
          SamplingError = error
          Difference = Interval.reaching shared difference
          Kept = Interval.reaching (shared / (baseline - chance)) share
          Destroyed = kept |> List.filter (fun kept -> kept < destroyedBelow) |> List.length }
