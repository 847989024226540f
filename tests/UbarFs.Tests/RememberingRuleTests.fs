/// Laws of the related work's rules that remember: FLTrust and AFA.
module UbarFs.Tests.RememberingRuleTests

open Expecto
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Testing
open UbarFs.Testing.Generators
open UbarFs.Tests.RelatedRuleTests

let private flTrust =
    let rule = chosen FlTrust.rule []
    let update (view: Neighbourhood) = view.Own |> Array.mapi (fun index _ -> if index % 2 = 0 then 1.0 else -0.5)
    let previous view = Array.map2 (-) view.Own (update view)
    let remembering view (given: View) = { given with Memory = Map.ofList [ "previous", torch.tensor (previous view) ] }
    let trusted (view: Neighbourhood) = applyTo rule (remembering view) view

    /// Every neighbour's update, changed.
    let changed change (view: Neighbourhood) =
        let start = previous view
        let move row estimate = Array.map2 (fun from now -> from + change row * (now - from)) start estimate
        { view with Received = Array.mapi move view.Received }

    let alongside (view: Neighbourhood) factor =
        let estimate = Array.map2 (fun from step -> from + factor * step) (previous view) (update view)
        { view with Received = Array.append view.Received [| estimate |] }

    [ testProperty "fltrust: the first iteration keeps the own estimate"
      <| forAll mixed (fun view -> fst (apply rule view) = view.Own)

      testProperty "fltrust: equal updates give the own update"
      <| forAll finite (fun view ->
          let result, kept = trusted { view with Received = Array.map (fun _ -> view.Own) view.Received }
          close result view.Own && kept = rows view)

      testProperty "fltrust: an opposite update has no influence"
      <| forAll (Gen.zip finite (Gen.choose (1, 100))) (fun (view, factor) ->
          let without, keptWithout = trusted view
          let result, kept = trusted (alongside view (-float factor))
          close result without && kept = keptWithout)

      testProperty "fltrust: the length of a neighbour's update does not matter"
      <| forAll finite (fun view ->
          // Powers of two change no rounding, so a cosine that is 0 stays 0.
          let longer = changed (fun row -> 2.0 ** float (row % 5 - 2)) view
          let (result, kept), (result', kept') = trusted view, trusted longer
          close result result' && kept = kept')

      testProperty "fltrust: nobody moves a node farther from its last estimate than its own update"
      <| forAll mixed (fun view ->
          let result, _ = trusted view
          distance result (previous view) <= distance view.Own (previous view) + 1e-9)

      testProperty "fltrust: a lost node goes back to its last finite estimate"
      <| forAll (Gen.zip mixed notFinite) (fun (view, poison) ->
          let lost = { view with Own = Array.updateAt 0 poison view.Own }
          fst (applyTo rule (remembering view) lost) = previous view) ]

let private afa =
    let rule = chosen Afa.rule []
    let judgements (memory: Memory) = floats memory["judgements"] |> Array.splitInto 2

    /// Nine who agree and, last, one who sends the opposite.
    let divided =
        { Own = [| 1.0; 1.0 |]
          Received =
            [| for k in 0..9 ->
                   if k < 9 then
                       [| 1.0; 1.0 + float k / 100.0 |]
                   else
                       [| -1.0; -1.0 |] |]
          OwnLoss = 1.0
          Losses = Array.create 10 1.0
          BenignRatio = 0.4 }

    let iterate neighbourhood (memory: Memory) =
        Rule.aggregate rule { Neighbourhood.toView neighbourhood with Memory = memory }

    let afterwards count =
        let memories = Seq.unfold (fun memory -> Some(memory, (iterate divided memory).Memory)) Map.empty
        Seq.item count memories

    let binomial (n: int) k =
        Seq.fold (fun product i -> product * bigint (n - i + 1) / bigint (i: int)) 1I [ 1..k ]

    [ testProperty "afa: I_½(a, b) is the chance of at least a heads in a + b − 1 throws"
      <| forAll (Gen.zip (Gen.choose (1, 60)) (Gen.choose (1, 60))) (fun (a, b) ->
          let throws = a + b - 1
          let exact = float (Seq.sumBy (binomial throws) [ a..throws ]) / float (bigint.Pow(2I, throws))
          abs (Afa.halfBeta a b - exact) < 1e-12)

      testCase "afa: I_½ stays accurate where 2⁻ⁿ underflows"
      <| fun () -> Expect.floatClose Accuracy.medium (Afa.halfBeta 2000 2000) 0.5 "symmetric"

      testCase "afa: reputation grows for those it keeps and shrinks for the others"
      <| fun () ->
          use _ = torch.NewDisposeScope()
          let counts = judgements (afterwards 4)
          Expect.equal counts[0] [| for k in 0..9 -> if k < 9 then 4.0 else 0.0 |] "good"
          Expect.equal counts[1] [| for k in 0..9 -> if k < 9 then 0.0 else 4.0 |] "bad"

      testCase "afa: a sender is blocked once I_½(α, β) exceeds δ, whatever it sends then"
      <| fun () ->
          use _ = torch.NewDisposeScope()

          let reformed =
              { divided with
                  Received = Array.updateAt 9 divided.Received[4] divided.Received }

          let kept count = (iterate reformed (afterwards count)).Stages.Head.Kept
          // I_½(3, 8) = 0.945 and I_½(3, 9) = 0.967.
          Expect.contains (kept 5) 9 "five bad judgements are not enough"
          Expect.isFalse (Array.contains 9 (kept 6)) "six are"
          Expect.equal (judgements (afterwards 10)).[1].[9] 6.0 "a blocked sender is not judged any more"

      testCase "afa: weighs by reputation"
      <| fun () ->
          use _ = torch.NewDisposeScope()
          let two = { divided with Received = [| [| 1.0; 0.0 |]; [| 0.0; 1.0 |] |] }
          let memory = Map.ofList [ "judgements", torch.tensor([| 6.0; 0.0; 0.0; 2.0 |]).view(2L, 2L) ]
          let result = floats (iterate two memory).Estimate
          // p = 10/13 and 4/9: both are good this time, too.
          let first, second = 10.0 / 13.0, 4.0 / 9.0
          Expect.isTrue (close result [| first / (first + second); second / (first + second) |]) $"{result}"

      testCase "afa: the judgement of an iteration counts in its mean"
      <| fun () ->
          use _ = torch.NewDisposeScope()
          let two = { divided with Received = [| [| 1.0; 0.0 |]; [| 1.0; 1.0 |] |] }
          let memory = Map.ofList [ "judgements", torch.tensor([| 0.0; 5.0; 0.0; 0.0 |]).view(2L, 2L) ]
          // p = 4/7 and 9/12.
          let estimate = floats (iterate two memory).Estimate
          Expect.floatClose Accuracy.medium estimate[1] (21.0 / 37.0) "second coordinate"

      testCase "afa: stays among the kept estimates where their weights' rounding would leave the numbers"
      <| fun () ->
          let rule = chosen Afa.rule [ "prior-good", Value.Whole 2; "prior-bad", Value.Whole 4 ]
          let largest = [| System.Double.MaxValue; -1.0 |]

          let view =
              { Own = [| 0.0; 0.0 |]
                Received = Array.create 3 largest
                OwnLoss = 1.0
                Losses = Array.create 3 1.0
                BenignRatio = 1.0 }

          Expect.equal (apply rule view) (largest, [| 0; 1; 2 |]) "three equal shares are more than one"

      testProperty "afa: never drops more than half of the finite neighbours"
      <| forAll mixed (fun view ->
          let _, kept = apply rule view

          2 * kept.Length >= (finiteRows view).Length
          && kept |> Array.forall (fun row -> isFinite view.Received[row])) ]

let private memory =
    let written (memory: Memory) =
        memory |> Map.map (fun _ tensor -> torch.tensor(floats tensor).view tensor.shape)

    /// Some iterations, in each of which every estimate and the gradient move a little; `between` handles the memory.
    let trained rule between neighbourhood =
        use _ = torch.NewDisposeScope()

        let iterate (memory: Memory, results) iteration =
            let view, drift = Neighbourhood.toView neighbourhood, 0.5 * float (iteration + 1)

            let view =
                { view with
                    Own = Native.shifted drift view.Own
                    Received = Native.shifted -drift view.Received
                    Gradient = Native.scaled drift view.Gradient
                    Iteration = int64 iteration
                    Memory = memory }

            let aggregate = Rule.aggregate rule view
            let result = floats aggregate.Estimate
            between view aggregate.Memory, result :: results

        List.fold iterate (Map.empty, []) [ 0..5 ] |> snd

    [ for name, rule in stateful do
          testProperty $"{name}: a memory that was saved and read again continues as if nothing had happened"
          <| forAll finite (fun view ->
              trained rule (fun _ memory -> memory) view = trained rule (fun _ memory -> written memory) view)

          testProperty $"{name}: what it remembers does not share the view's tensors"
          <| forAll finite (fun view ->
              let spoil (view: View) memory =
                  for tensor in [ view.Own; view.Received; view.Gradient ] do
                      Native.number nan (fun value -> tensor.fill_ value) |> ignore

                  memory

              trained rule (fun _ memory -> memory) view = trained rule spoil view) ]

[<Tests>]
let tests = testList "remembering rules" [ yield! flTrust; yield! afa; testList "memory" memory ]
