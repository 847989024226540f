/// What the oracle's cases and the laws leave open about the rules that UBAR is compared with.
module UbarFs.Tests.BaselineTests

open System
open Expecto
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Testing
open UbarFs.Testing.Generators

let private withArguments arguments (component': Component<Rule>) =
    (Component.choose (Map.ofList arguments) component').Value

let private defaults = withArguments []

let private aggregate rule (view: Neighbourhood) =
    use _ = torch.NewDisposeScope()
    let aggregate = Rule.aggregate rule (Neighbourhood.toView view)
    aggregate.Estimate.data<float>().ToArray(), aggregate.Stages

let private estimate rule view = fst (aggregate rule view)

let private kept rule view = (snd (aggregate rule view) |> List.exactlyOne).Kept

let private distance one other =
    sqrt (Array.fold2 (fun sum one other -> sum + (one - other) ** 2.0) 0.0 one other)

/// min(⌈m·min(1−ρ, ρ_central)⌉, cap) in decimal fractions, which have no rounding.
let private byzantine (central: decimal) cap percent neighbours =
    let share = min (1m - decimal percent / 100m) central
    max 0 (min (int (ceil (decimal neighbours * share))) (cap neighbours))

let private tolerances =
    [ for name, rule, central, cap in
          [ "dkrum", Krum.dkrum, 0.5m, (fun neighbours -> (neighbours - 3) / 2)
            "bridge", Trimmed.bridge, 0.5m, (fun neighbours -> (neighbours - 1) / 2)
            "dbulyan", Bulyan.dbulyan, 0.25m, (fun neighbours -> (neighbours - 3) / 4) ] ->
          testCase $"n̂ of {name} is equation 13 within the rule's cap, without rounding"
          <| fun () ->
              for neighbours in 1..40 do
                  for percent in 1..100 do
                      Expect.equal
                          ((defaults rule).Tolerance (float percent / 100.0) neighbours)
                          (byzantine central cap percent neighbours)
                          $"|N| = {neighbours}, ρ = {percent} %%" ]

let private krum =
    let line numbers : Neighbourhood =
        { Own = [| 0.0 |]
          Received = numbers |> Array.map Array.singleton
          OwnLoss = 0.0
          Losses = Array.map (fun _ -> 0.0) numbers
          BenignRatio = 0.4 }

    [ testProperty "multi-krum with one estimate to keep is dkrum"
      <| forAll mixed (fun view ->
          let one = withArguments [ "keep", Value.Real 1.0 ] Krum.multiKrum
          estimate one view = estimate (defaults Krum.dkrum) view)

      testProperty "multi-krum keeps |N|−n̂ finite estimates or all there are, dkrum's among them"
      <| forAll mixed (fun view ->
          let rule = defaults Krum.multiKrum
          let neighbours = view.Received.Length
          let finite = view.Received |> Array.filter (Array.forall Double.IsFinite) |> Array.length
          let expected = min finite (neighbours - rule.Tolerance view.BenignRatio neighbours)
          let picks = kept rule view

          picks.Length = expected
          && Array.forall (fun row -> Array.contains row picks) (kept (defaults Krum.dkrum) view))

      testCase "the paper's sum over |N|−n̂+2 others lets outliers choose the estimate"
      <| fun () ->
          // n̂ = 2: Krum sums over 3 others, the paper over all 6.
          let view = line [| 0.0; 1.0; 2.0; 3.0; 4.0; 100.0; 100.0 |]
          let paper = withArguments [ "closest", Value.Word "paper" ] Krum.dkrum
          Expect.equal (estimate (defaults Krum.dkrum) view) [| 1.0 |] "the first of those in the middle"
          Expect.equal (estimate paper view) [| 4.0 |] "the one nearest the outliers"

      testCase "two estimates beyond each other's square are compared all the same"
      <| fun () ->
          let view = line [| 1e200; 3e200; 2.1e200; 1.9e200; -5e200 |]
          Expect.equal (kept (defaults Krum.dkrum) view) [| 2 |] "the middle of the cluster" ]

let private medians =
    [ testProperty
          "no received estimate, nor their mean or median, has a smaller sum of distances than the geometric median"
      <| forAll (Gen.oneof [ finite; clustered; duplicates ]) (fun view ->
          let sum centre = view.Received |> Array.sumBy (distance centre)

          let others =
              [ estimate (defaults Average.rule) view
                estimate (defaults Median.dmedian) view ]

          let best = sum (estimate (defaults Median.geometricMedian) view)
          // What 100 steps leave between the received estimates.
          Seq.append view.Received others |> Seq.forall (fun other -> best <= sum other * 1.001 + 1e-9))

      testProperty "in one dimension the geometric median is the median"
      <| forAll finite (fun view ->
          let first = Array.truncate 1
          let view: Neighbourhood = { view with Own = first view.Own; Received = Array.map first view.Received }

          let one, other =
              estimate (defaults Median.geometricMedian) view, estimate (defaults Median.dmedian) view

          abs (one[0] - other[0]) < 1e-6) ]

let private trimmed =
    [ testProperty "slsgd aggregates like bridge without the own value"
      <| forAll finite (fun view ->
          let bridge = withArguments [ "own", Value.Word "false" ] Trimmed.bridge
          estimate bridge view = estimate (defaults Trimmed.slsgd) view)

      testProperty
          "with own: screened, bridge is the trimmed mean of what a node received and has, like one more neighbour"
      <| forAll finite (fun view ->
          let count = view.Received.Length
          let assumed = [ "assumed", Value.Whole(int64 ((count - 1) / 2)) ]
          let bridge = withArguments (("own", Value.Word "screened") :: assumed) Trimmed.bridge

          let joined =
              { view with
                  Received = Array.append view.Received [| view.Own |]
                  Losses = Array.append view.Losses [| view.OwnLoss |] }

          estimate bridge view = estimate (withArguments assumed Trimmed.trimmedMean) joined)

      testProperty "slsgd's moving average is the weight of what was received in the update"
      <| forAll finite (fun view ->
          use _ = torch.NewDisposeScope()
          let rule = withArguments [ "moving-average", Value.Real 0.75 ] Trimmed.slsgd
          let update, aggregate = Rule.update rule { Neighbourhood.toView view with Rate = 0.0 }
          let values (tensor: torch.Tensor) = tensor.data<float>().ToArray()
          let expected = Array.map2 (fun own r -> 0.25 * own + 0.75 * r) view.Own (values aggregate.Estimate)
          distance (values update) expected < 1e-12)

      testProperty "bridge leaves out an own estimate that is not finite"
      <| forAll (Gen.zip finite notFinite) (fun (view, poison) ->
          let lost = { view with Own = Array.updateAt 0 poison view.Own }
          let bridge own = withArguments [ "own", Value.Word own ] Trimmed.bridge
          let alone = estimate (bridge "false") view
          estimate (bridge "true") lost = alone && estimate (bridge "screened") lost = alone) ]

let private lastResort =
    [ for rule in [ Krum.dkrum; Krum.multiKrum; Bulyan.dbulyan; Median.geometricMedian ] ->
          testProperty $"{rule.Name} keeps the own estimate when no received one is finite"
          <| forAll (Gen.zip finite notFinite) (fun (view, poison) ->
              let lost = { view with Received = view.Received |> Array.map (Array.updateAt 0 poison) }
              estimate (defaults rule) lost = view.Own) ]

[<Tests>]
let tests =
    testList
        "baselines"
        [ testList "tolerance" tolerances
          testList "krum" krum
          testList "medians" medians
          testList "trimmed means" trimmed
          testList "last resort" lastResort ]
