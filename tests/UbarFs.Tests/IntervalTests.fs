/// What few seeds say of all seeds: laws of intervals and comparisons, and how often they hold.
module UbarFs.Tests.IntervalTests

open System
open Expecto
open FsCheck.FSharp
open UbarFs.Report
open UbarFs.Testing.Generators

let private share = Gen.choose (0, 1000) |> Gen.map (fun thousandths -> float thousandths / 1000.0)

/// Pairs with a baseline that has learned enough, under guessing at 10 %.
let private pairs =
    gen {
        let! count = Gen.choose (1, 14)
        let! accuracies = Gen.listOfLength count share
        let! gains = Gen.listOfLength count (Gen.choose (60, 900))

        return
            List.zip accuracies gains
            |> List.mapi (fun seed (accuracy, gain) ->
                { Seed = int64 seed; Accuracy = accuracy; Baseline = 0.1 + float gain / 1000.0 })
    }

let private samples =
    Gen.elements
        [ None
          Some { Images = 20; TestSize = 100 }
          Some { Images = 20; TestSize = 20 }
          Some { Images = 1000; TestSize = 10_000 } ]

let private measured images pairs = Comparison.ofPairs 0.1 (Some { Images = images; TestSize = 10_000 }) pairs

let private rank comparison = Verdict.possible comparison.Kept comparison.Destroyed

let private laws =
    [ testProperty "permuting the seeds changes nothing"
      <| forAll (Gen.zip pairs samples) (fun (pairs, images) ->
          let shuffled = pairs |> List.sortBy (fun pair -> hash (pair.Accuracy, pair.Seed))
          Comparison.ofPairs 0.1 images shuffled = Comparison.ofPairs 0.1 images pairs)

      testProperty "a rule that ends higher in some seeds has no worse verdict"
      <| forAll
          (Gen.zip3 pairs samples (Gen.listOfLength 14 (Gen.elements [ 0.0; 0.0; 0.01; 0.2; 0.9 ])))
          (fun (lower, images, rises) ->
              let higher =
                  List.zip lower (List.truncate lower.Length rises)
                  |> List.map (fun (pair, rise) -> { pair with Accuracy = min 1.0 (pair.Accuracy + rise) })

              let worst, best = rank (Comparison.ofPairs 0.1 images lower)
              let worst', best' = rank (Comparison.ofPairs 0.1 images higher)
              worst <= worst' && best <= best')

      testProperty "adding a constant to both sides changes no difference"
      <| forAll pairs (fun pairs ->
          let moved =
              pairs
              |> List.map (fun pair ->
                  { pair with Accuracy = pair.Accuracy + 0.125; Baseline = pair.Baseline + 0.125 })

          let one, other = Comparison.ofPairs 0.1 None pairs, Comparison.ofPairs 0.1 None moved
          let near (a: float) b = abs (a - b) < 1e-12

          near one.Difference.Low other.Difference.Low
          && near one.Difference.Middle other.Difference.Middle
          && near one.Difference.High other.Difference.High)

      testProperty "the middle lies in the interval, which more images never widen"
      <| forAll pairs (fun pairs ->
          let few, many = measured 50 pairs, measured 5000 pairs

          few.Kept.Low <= many.Kept.Low
          && many.Kept.Low <= many.Kept.Middle
          && many.Kept.Middle <= many.Kept.High
          && many.Kept.High <= few.Kept.High)

      testProperty "fewer than five seeds decide nothing"
      <| forAll (Gen.zip pairs samples) (fun (pairs, images) ->
          let few = List.truncate 4 pairs

          match Verdict.ofComparison images (Comparison.ofPairs 0.1 images few) with
          | Verdict.Undecided _ -> true
          | Verdict.Decided _ -> false)

      testProperty "a rule with a destroyed seed is not as good"
      <| forAll (Gen.zip pairs samples) (fun (pairs, images) ->
          let broken = { pairs.Head with Accuracy = 0.1 } :: pairs.Tail
          let _, best = rank (Comparison.ofPairs 0.1 images broken)
          best <> Standing.AsGood)

      testProperty "the baseline beside itself can be as good, and guessing beside it can be destroyed"
      <| forAll (Gen.zip pairs samples) (fun (pairs, images) ->
          let equal = pairs |> List.map (fun pair -> { pair with Accuracy = pair.Baseline })
          let guessing = pairs |> List.map (fun pair -> { pair with Accuracy = 0.1 })

          snd (rank (Comparison.ofPairs 0.1 images equal)) = Standing.AsGood
          && fst (rank (Comparison.ofPairs 0.1 images guessing)) = Standing.Destroyed)

      testProperty "as many seeds as would decide do decide, if they fall like those that there are"
      <| forAll pairs (fun pairs ->
          match Verdict.ofComparison None (Comparison.ofPairs 0.1 None pairs) with
          | Verdict.Undecided(_, _, Remedy.Seeds seeds) ->
              let sorted = pairs |> List.sortBy _.Kept(0.1) |> Array.ofList
              let more = [ for index in 0 .. seeds - 1 -> sorted[index * sorted.Length / seeds] ]

              match Verdict.ofComparison None (Comparison.ofPairs 0.1 None more) with
              | Verdict.Decided _ -> true
              | Verdict.Undecided _ -> false
          | _ -> true) ]

let private counting =
    [ testCase "the confidence of so many seeds is a matter of tossing coins"
      <| fun () ->
          for seeds, out, confidence in
              [ 1, 0, 0.0
                2, 0, 0.5
                3, 0, 0.75
                4, 0, 0.875
                5, 0, 1.0 - 2.0 / 32.0
                7, 0, 1.0 - 2.0 / 128.0
                8, 1, 1.0 - 2.0 * 9.0 / 256.0
                10, 1, 1.0 - 2.0 * 11.0 / 1024.0
                11, 2, 1.0 - 2.0 * 67.0 / 2048.0 ] do
              Expect.equal (Interval.leftOut seeds) out $"left out of {seeds}"
              Expect.floatClose Accuracy.high (Interval.confidence seeds) confidence $"of {seeds}"

          Expect.isGreaterThan (Interval.confidence 5000) 0.89 "of very many"

      testCase "a sample has the error of a binomial difference, and the whole test set has none"
      <| fun () ->
          let error images size accuracy =
              Comparison.samplingError { Images = images; TestSize = size } accuracy accuracy

          // 1.645 · √(0.9 · 2 · p(1 − p)/1002) with p = (0.9·1000 + 1)/1002.
          Expect.floatClose { absolute = 5e-5; relative = 0.0 } (error 1000 10_000 0.9) 0.0210 "0.9"
          Expect.isGreaterThan (error 1000 10_000 1.0) 0.0 "also where nothing went wrong"
          Expect.equal (error 359 359 0.9) 0.0 "all images" ]

// ---- How often intervals hold what they are about

let private trials = 4000

/// How often an interval of so many draws holds the median of what is drawn.
let private coverage seeds (draw: Random -> float) =
    let random = Random 7
    let truth = List.init 100_001 (fun _ -> draw random) |> Interval.median

    let holds _ =
        let interval = List.init seeds (fun _ -> draw random) |> Interval.ofValues
        interval.Low <= truth && truth <= interval.High

    float (List.init trials holds |> List.filter id |> List.length) / float trials

let private normal mean deviation (random: Random) =
    // Twelve uniform numbers have the variance 1.
    mean + deviation * (List.init 12 (fun _ -> random.NextDouble()) |> List.sum |> fun sum -> sum - 6.0)

/// A network is destroyed with a probability, or holds.
let private bimodal destroyed (random: Random) =
    if random.NextDouble() < destroyed then
        normal 0.06 0.01 random
    else
        normal 0.85 0.03 random

let private covering =
    [ for name, draw in
          [ "normal", normal 0.85 0.03
            "bimodal, 10 % destroyed", bimodal 0.1
            "bimodal, 40 % destroyed", bimodal 0.4
            "bimodal, 70 % destroyed", bimodal 0.7 ] do
          testCase $"intervals hold the median as often as they say: {name} outcomes"
          <| fun () ->
              for seeds in [ 2; 3; 5; 8; 10 ] do
                  // Three standard errors of the trials, and what the median of the draws itself leaves open.
                  let tolerance = 0.025
                  let said = Interval.confidence seeds
                  let held = coverage seeds draw
                  Expect.isLessThan (abs (held - said)) tolerance $"{seeds} seeds: {held} for {said}"

      testCase "with an error of the images that all seeds share, nine of ten intervals hold the median share kept"
      <| fun () ->
          let random = Random 11
          let seen, all = 400, 2000

          /// Hits among the images that are seen, and among all.
          let hits probability =
              let hits images =
                  Seq.init images (fun _ -> random.NextDouble() < probability) |> Seq.filter id |> Seq.length

              let first = hits seen
              float first / float seen, float (first + hits (all - seen)) / float all

          for seeds in [ 5; 10 ] do
              let holds _ =
                  let (rule, trueRule), (baseline, trueBaseline) = hits 0.9, hits 0.95

                  let pairs =
                      [ for seed in 1..seeds ->
                            { Seed = int64 seed
                              Accuracy = rule + normal 0.0 0.005 random
                              Baseline = baseline + normal 0.0 0.005 random } ]

                  let kept = (Comparison.ofPairs 0.1 (Some { Images = seen; TestSize = all }) pairs).Kept
                  let truth = (trueRule - 0.1) / (trueBaseline - 0.1)
                  kept.Low <= truth && truth <= kept.High

              let held = float (List.init 1000 holds |> List.filter id |> List.length) / 1000.0
              Expect.isGreaterThan held 0.87 $"{seeds} seeds" ]

[<Tests>]
let tests = testList "seed intervals" (laws @ counting @ covering)
