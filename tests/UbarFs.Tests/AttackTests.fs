/// What each attack sends, against its formula in plain numbers.
module UbarFs.Tests.AttackTests

open Expecto
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Testing
open UbarFs.Testing.Generators
open UbarFs.Testing.Situations

let private simple =
    [ testCase "gaussian draws every coordinate from N(0, σ²), for each node and iteration anew"
      <| fun () ->
          use _ = torch.NewDisposeScope()
          let count = 40000
          let zeros = Array.create 3 (Array.zeroCreate count)
          let edges = [ 0, 1; 0, 2 ]
          let moment = { Estimates = zeros; Gradients = zeros }

          let sent =
              letters
                  (behaviour "gaussian" [ "sigma", Value.Real 3.0 ])
                  { Network = Network.ofEdges [| false; true; true |] edges
                    Weights = MixingWeights.Equal
                    Moments = [ moment; moment ]
                    Rate = 0.1
                    Seed = 5L }
              |> List.concat
              |> List.choose _.Vector

          Expect.equal (List.distinct sent).Length 4 "two nodes, two iterations"

          for vector in sent do
              let mean = Array.average vector
              let variance = vector |> Array.averageBy (fun value -> (value - mean) ** 2.0)
              // Standard errors 0.015 and 0.064.
              Expect.isLessThan (abs mean) 0.075 "mean"
              Expect.isLessThan (abs (variance - 9.0)) 0.32 "variance"
              let outside = vector |> Seq.filter (fun value -> abs value > 6.0) |> Seq.length
              Expect.isLessThan (abs (float outside / float count - 0.0455)) 0.0055 "share beyond 2σ"

      testProperty "bit-flip sends the negative estimate"
      <| lastSent 1 "bit-flip" [] (fun _ moments sender _ -> Array.map (~-) moments[0].Estimates[sender])

      testProperty "bit-flip sends −s times the estimate"
      <| lastSent 1 "bit-flip" [ "scale", Value.Real 4.0 ] (fun _ moments sender _ ->
          Array.map ((*) -4.0) moments[0].Estimates[sender])

      testProperty "constant sends one number everywhere"
      <| lastSent 1 "constant" [ "value", Value.Real -3.0 ] (fun _ moments sender _ ->
          Array.map (fun _ -> -3.0) moments[0].Estimates[sender])

      testProperty "sign-flip reverses the last update"
      <| lastSent 2 "sign-flip" [ "scale", Value.Real 1.5 ] (fun _ moments sender _ ->
          let before, now = moments[0].Estimates[sender], moments[1].Estimates[sender]
          Array.map2 (fun before now -> before - 1.5 * (now - before)) before now)

      testProperty "sign-flip of the gradient goes up by λ times the gradient"
      <| lastSent 1 "sign-flip" [ "of", Value.Word "gradient"; "scale", Value.Real 2.0 ] (fun _ moments sender _ ->
          along moments[0].Estimates[sender] moments[0].Gradients[sender] (2.0 * 0.25))

      testProperty "nan poisons exactly its share of the coordinates and leaves the others"
      <| forAll (situations 1) (fun situation ->
          letters (behaviour "nan" [ "share", Value.Real 0.4 ]) situation
          |> List.exactlyOne
          |> List.forall (fun letter ->
              let own, sent = situation.Moments[0].Estimates[letter.Sender], letter.Vector.Value
              let poisoned = sent |> Seq.filter System.Double.IsNaN |> Seq.length

              poisoned = max 1 (int (round (0.4 * float own.Length)))
              && Array.forall2 (fun own sent -> System.Double.IsNaN sent || sent = own) own sent))

      testProperty "inf is infinite in every coordinate"
      <| lastSent 1 "inf" [] (fun _ moments sender _ -> Array.map (fun _ -> infinity) moments[0].Estimates[sender])

      testProperty "silent sends nothing to anyone"
      <| forAll (situations 1) (fun situation ->
          letters (behaviour "silent" []) situation
          |> List.concat
          |> List.forall (fun letter -> letter.Vector.IsNone))

      testProperty "stale repeats the estimate of the last multiple of its age"
      <| forAll (situations 7) (fun situation ->
          letters (behaviour "stale" [ "age", Value.Whole 3L ]) situation
          |> List.indexed
          |> List.forall (fun (k, letters) ->
              allSent (fun sender _ -> situation.Moments[k - k % 3].Estimates[sender]) letters)) ]

let private others =
    [ testProperty "ipm of the update turns the step in the mean of all estimates by the factor (n_b − εn_f)/n"
      <| forAll (situations 2) (fun situation ->
          // Benign nodes that agreed on x before they took their steps.
          let x = situation.Moments[1].Estimates[0]
          let nodes = benign situation

          let stepped =
              situation.Moments[0].Gradients |> Array.map (fun gradient -> along x gradient -situation.Rate)

          let moments = [ situation.Moments[0]; { situation.Moments[1] with Estimates = stepped } ]

          let sent =
              letters
                  (behaviour "ipm" [ "strength", Value.Real 3.0; "of", Value.Word "update" ])
                  { situation with Moments = moments }
              |> List.last

          let b, f = float nodes.Length, float (byzantine situation).Length
          let gradient = mean (ofNodes nodes situation.Moments[0].Gradients)
          let expected = along x gradient (-situation.Rate * (b - 3.0 * f) / (b + f))

          sent
          |> List.forall (fun letter ->
              let total = Array.append (ofNodes nodes stepped) (Array.create (int f) letter.Vector.Value)
              close (mean total) expected))

      testProperty "dissensus with ε = 1 leaves an averaging node where it is"
      <| forAll (situations 1) (fun situation ->
          let estimates = situation.Moments[0].Estimates
          let sent = letters (behaviour "dissensus" []) situation |> List.exactlyOne

          benign situation
          |> Array.forall (fun node ->
              let heard = sent |> List.filter (fun letter -> letter.Receiver = node) |> List.map _.Vector.Value

              let neighbours =
                  situation.Network.Neighbours[node]
                  |> Array.filter (fun neighbour -> not situation.Network.Byzantine[neighbour])

              heard.IsEmpty
              || neighbours.Length = 0
              || close
                  (mean (Array.concat [ [| estimates[node] |]; ofNodes neighbours estimates; Array.ofList heard ]))
                  estimates[node]))

      testProperty "dissensus shrinks the way that W mixes a node by 1 − ε, whatever W"
      <| forAll
          (Gen.zip3 (situations 1) (Gen.elements MixingWeights.all) (Gen.elements [ 0.5; 1.0; 3.0 ]))
          (fun (situation, (_, weights), epsilon) ->
              let situation = { situation with Weights = weights }
              let estimates = situation.Moments[0].Estimates
              let attack = behaviour "dissensus" [ "epsilon", Value.Real epsilon ]
              let sent = letters attack situation |> List.exactlyOne

              benign situation
              |> Array.forall (fun node ->
                  let senders = situation.Network.Neighbours[node]
                  let received, _ = MixingWeights.heard weights situation.Network.Neighbours node senders
                  let isLie (letter: Letter) sender = letter.Receiver = node && letter.Sender = sender

                  let way (message: int -> float[]) (places: int list) =
                      let add (sum: float[]) place =
                          Array.map3
                              (fun sum sent own -> sum + received[place] * (sent - own))
                              sum
                              (message senders[place])
                              estimates[node]

                      List.fold add (Array.map (fun _ -> 0.0) estimates[node]) places

                  let message sender =
                      sent
                      |> List.tryFind (fun letter -> isLie letter sender)
                      |> Option.bind _.Vector
                      |> Option.defaultValue estimates[sender]

                  let liars, honest =
                      [ 0 .. senders.Length - 1 ]
                      |> List.partition (fun place -> situation.Network.Byzantine[senders[place]])

                  liars.IsEmpty
                  || honest.IsEmpty
                  || close
                      (way message (liars @ honest))
                      (way message honest |> Array.map (fun step -> (1.0 - epsilon) * step))))

      testProperty "mimic copies the node that it is told to"
      <| lastSent 2 "mimic" [ "target", Value.Whole 1L ] (fun _ moments _ _ -> moments[1].Estimates[1])

      testProperty "mimic of neighbours sends each receiver something that a benign neighbour sent it, too"
      <| forAll (situations 1) (fun situation ->
          letters (behaviour "mimic" [ "target", Value.Word "neighbour" ]) situation
          |> List.concat
          |> List.forall (fun letter ->
              let neighbours =
                  situation.Network.Neighbours[letter.Receiver]
                  |> Array.filter (fun node -> not situation.Network.Byzantine[node])

              neighbours.Length = 0
              || Array.contains letter.Vector.Value (ofNodes neighbours situation.Moments[0].Estimates))) ]

[<Tests>]
let tests = testList "attacks" [ testList "simple" simple; testList "others" others ]
