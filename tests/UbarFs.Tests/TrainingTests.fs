/// Laws of what a node does with its data and its estimate: batches, learning rate, update.
module UbarFs.Tests.TrainingTests

open Expecto
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Scenario
open UbarFs.Testing
open UbarFs.Testing.Generators

let private batches =
    let plan = Gen.zip3 (Gen.choose (1, 50)) (Gen.choose (1, 300)) (Gen.choose (0, 20))

    let pass lastBatch batch count number =
        let passes = Batches.perPass lastBatch batch count

        [ for position in 0 .. passes - 1 ->
              Batches.positions 7L lastBatch batch 2 count (int64 (number * passes + position)) ]

    [ testProperty "a pass shows no image twice, in batches of the full size"
      <| forAll plan (fun (batch, count, number) ->
          let batches = pass LastBatch.Drop batch count number
          let shown = Array.concat batches

          shown.Length = (Array.distinct shown).Length
          && batches |> List.forall (fun positions -> positions.Length = min batch count)
          && shown.Length > count - batch)

      testProperty "a pass that keeps its last batch shows every image once"
      <| forAll plan (fun (batch, count, number) ->
          Array.sort (Array.concat (pass LastBatch.Keep batch count number)) = [| 0 .. count - 1 |])

      testCase "every pass has its own order, and every node too"
      <| fun () ->
          let order pass = Batches.positions 7L LastBatch.Drop 50 2 50 pass
          let other = Batches.positions 7L LastBatch.Drop 50 3 50 0L
          Expect.equal (List.distinct [ order 0L; order 1L; order 2L; other ] |> List.length) 4 "four orders" ]

let private inEpoch epoch : Moment = { Epoch = epoch; Iteration = epoch; Iterations = 2000 }

let private rates =
    let rate = Gen.zip (Gen.choose (1, 100)) (Gen.choose (1, 100))

    [ testProperty "the rate starts at λ₀, fades without rising and is halved after f epochs"
      <| forAll rate (fun (initial, fading) ->
          let rate = { Initial = float initial / 100.0; Decay = Decay.Fading(float fading) }
          let rates = [ for epoch in 0..200 -> Rate.at (inEpoch epoch) rate ]

          abs (rates[0] - rate.Initial) < 1e-12
          && List.pairwise rates |> List.forall (fun (now, next) -> next < now && next > 0.0)
          && abs (rates[fading] - rate.Initial / 2.0) < 1e-12)

      testCase "without fading the rate stays"
      <| fun () -> Expect.equal (Rate.at (inEpoch 1000) { Initial = 0.05; Decay = Decay.None }) 0.05 "λ₀"

      testCase "the paper's rate after 20 epochs is half of 0.05"
      <| fun () ->
          Expect.floatClose
              Accuracy.veryHigh
              (Rate.at (inEpoch 20) { Initial = 0.05; Decay = Decay.Fading 20.0 })
              0.025
              "λ(20)" ]

let private guf =
    let step alpha rate (view: Neighbourhood) (gradient: float[]) =
        use _ = torch.NewDisposeScope()
        let tensor (numbers: float[]) = torch.tensor numbers
        (Guf.step alpha rate (tensor view.Own) (tensor view.Received[0]) (tensor gradient)).data<float>().ToArray()

    let close one other =
        Array.forall2 (fun (one: float) other -> abs (one - other) < 1e-12 * (1.0 + abs other)) one other

    let ofView property = forAll finite (fun view -> property view (Array.map ((*) 0.5) view.Own))

    [ testProperty "α = 1 without a rate keeps the own estimate"
      <| ofView (fun view gradient -> step 1.0 0.0 view gradient = view.Own)
      testProperty "α = 0 without a rate takes the aggregate"
      <| ofView (fun view gradient -> step 0.0 0.0 view gradient = view.Received[0])
      testProperty "the step is equation 2"
      <| ofView (fun view gradient ->
          let expected =
              Array.map3 (fun own r g -> 0.25 * own + 0.75 * r - 0.125 * g) view.Own view.Received[0] gradient

          close (step 0.25 0.125 view gradient) expected)
      testProperty "an estimate that is not finite is replaced by the aggregate"
      <| forAll (Gen.zip finite notFinite) (fun (view, poison) ->
          let lost = { view with Own = Array.updateAt 0 poison view.Own }
          step 0.5 0.1 lost lost.Own = view.Received[0]) ]

let private schedules =
    let schedule batch length every =
        Schedule.create
            { Runs.digits with
                Network.Benign = 12
                Training.Batch = batch
                Training.Length = length
                Every = every }

    [ testCase "an epoch is one pass over an average share"
      <| fun () ->
          let schedule = schedule 32 (Duration.Epochs 10) (Duration.Epochs 1)

          Expect.equal
              schedule
              { PerEpoch = 2; LocalSteps = 1; Iterations = 20; Every = 2; Warmup = 0 }
              "1,438 images over 16 nodes: 89 each"

      testCase "the start and the end are always evaluated"
      <| fun () ->
          let schedule = schedule 32 (Duration.Iterations 7) (Duration.Iterations 3)
          let evaluated = [ 0..7 ] |> List.filter (Schedule.evaluatedAfter schedule)
          Expect.equal evaluated [ 0; 3; 6; 7 ] "every third iteration, and the last" ]

[<Tests>]
let tests =
    testList
        "training"
        [ testList "batches" batches
          testList "rate" rates
          testList "guf" guf
          testList "schedule" schedules ]
