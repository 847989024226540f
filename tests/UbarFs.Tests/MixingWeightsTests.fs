/// How nodes weigh what they receive when they mix.
module UbarFs.Tests.MixingWeightsTests

open Expecto
open FsCheck
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Api
open UbarFs.Scripting
open UbarFs.Testing
open UbarFs.Testing.Generators
open UbarFs.Testing.Situations
open UbarFs.Tests.Runs

/// Sends each neighbour what that makes of it, in every coordinate.
type Weighing() =
    interface IAttack with
        member _.Send view =
            let place receiver = Seq.findIndex ((=) receiver) view.Neighbours
            Message.ToEach(fun receiver -> Native.shifted view.Weights[place receiver] (torch.zeros_like view.Estimate))

let private weighing =
    lazy
        let here = typeof<Weighing>.Assembly.Location

        match RuleAssembly.loadAttack here "Weighing" with
        | Error problems -> failtest $"{problems}"
        | Ok loaded ->
            match (Component.choose Map.empty loaded.Component).Value with
            | Attack.Present behaviour -> behaviour
            | Attack.Absent -> failtest "it has no behaviour"

/// What three nodes in a line come to from (1, 0, 0) by averaging at the rate 0.
let private limit weights =
    use _ = torch.NewDisposeScope()
    let graph: Graph = [| [| 1 |]; [| 0; 2 |]; [| 1 |] |]
    let rule = (choose "average" Catalogue.rules).Value

    let next (estimates: float[]) _ =
        graph
        |> Array.mapi (fun node senders ->
            use _ = torch.NewDisposeScope()
            let received, own = MixingWeights.heard weights graph node senders
            let rows = senders |> Array.map (fun sender -> [| estimates[sender] |])

            let view: View =
                { Neighbourhood.toView
                      { Own = [| estimates[node] |]
                        Received = rows
                        OwnLoss = 1.0
                        Losses = Array.map (fun _ -> 1.0) rows
                        BenignRatio = 1.0 } with
                    Weights = received
                    OwnWeight = own
                    Rate = 0.0 }

            (fst (Rule.update rule view)).data<float>().ToArray()[0])

    Seq.fold next [| 1.0; 0.0; 0.0 |] [ 1..200 ]

let private graphs =
    gen {
        let! size = Gen.choose (2, 9)
        let! isEdge = Gen.arrayOfLength (size * size) (Gen.elements [ true; false ])

        return
            Array.init size (fun node ->
                [| 0 .. size - 1 |]
                |> Array.filter (fun other -> other <> node && isEdge[min node other * size + max node other]))
    }

[<Tests>]
let tests =
    testList
        "mixing weights"
        [ for weights, expected in
              [ MixingWeights.Equal, 2.0 / 7.0
                MixingWeights.Metropolis, 1.0 / 3.0
                MixingWeights.LazyMetropolis, 1.0 / 3.0
                MixingWeights.MaxDegree, 1.0 / 3.0 ] do
              testCase $"three nodes in a line agree on what {weights} weights preserve"
              <| fun () ->
                  for estimate in limit weights do
                      Expect.floatClose Accuracy.high estimate expected "the limit"

          for name, weights in MixingWeights.all do
              testProperty $"{name}: they are not negative and come to 1, and the symmetric ones are symmetric"
              <| Prop.forAll (Arb.fromGen graphs) (fun graph ->
                  let rows = graph |> Array.mapi (fun node senders -> MixingWeights.heard weights graph node senders)

                  let of' node other =
                      let place = System.Array.IndexOf(graph[node], other)
                      (fst rows[node])[place]

                  let isRow (received: float[], own) =
                      own >= 0.0
                      && Array.forall (fun weight -> weight > 0.0) received
                      && abs (own + Array.sum received - 1.0) < 1e-12

                  let isSymmetric =
                      graph
                      |> Seq.indexed
                      |> Seq.forall (fun (node, senders) ->
                          senders |> Array.forall (fun other -> of' node other = of' other node))

                  Array.forall isRow rows && (isSymmetric || weights = MixingWeights.Equal))

          testProperty "an attack in C# is told what each neighbour makes of its message"
          <| forAll (Gen.zip (situations 1) (Gen.elements MixingWeights.all)) (fun (situation, (_, weights)) ->
              let graph = situation.Network.Neighbours

              let expected sender receiver =
                  let received, _ = MixingWeights.heard weights graph receiver graph[receiver]
                  let weight = received[System.Array.IndexOf(graph[receiver], sender)]
                  Array.map (fun _ -> weight) situation.Moments[0].Estimates[sender]

              letters weighing.Value { situation with Weights = weights } |> List.forall (allSent expected))

          testCase "who is silent leaves its weight to the node itself, or to all if they are equal"
          <| fun () ->
              let graph: Graph = [| [| 1; 2 |]; [| 0 |]; [| 0 |] |]
              let heard weights = MixingWeights.heard weights graph 0 [| 1 |]
              Expect.equal (heard MixingWeights.Equal) ([| 0.5 |], 0.5) "equal"
              Expect.equal (heard MixingWeights.Metropolis) ([| 1.0 / 3.0 |], 1.0 - 1.0 / 3.0) "metropolis" ]
