module UbarFs.Tests.UbarTests

open System
open Expecto
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Testing
open UbarFs.Testing.Generators

let private ubar = (Component.choose Map.empty Ubar.rule).Value

let private apply (view: Neighbourhood) =
    use _ = torch.NewDisposeScope()
    let aggregate = Rule.aggregate ubar (Neighbourhood.toView view)
    let kept name = aggregate.Stages |> List.find (fun stage -> stage.Name = name) |> _.Kept
    aggregate.Estimate.data<float>().ToArray(), kept "stage 1", kept "stage 2"

let private distance (view: Neighbourhood) row =
    let squares = Array.map2 (fun own received -> (own - received) ** 2.0) view.Own view.Received[row]
    let distance = sqrt (Array.sum squares)
    if Double.IsFinite distance then distance else infinity

let private rows (view: Neighbourhood) = [| 0 .. view.Received.Length - 1 |]
let private isFinite estimate = Array.forall Double.IsFinite estimate

let private mean (estimates: float[][]) =
    Array.init estimates[0].Length (fun coordinate -> estimates |> Array.averageBy (Array.item coordinate))

let private close one other =
    Array.forall2 (fun one other -> abs (one - other) <= 1e-9 * (1.0 + abs other)) one other

let private stage1 =
    testList
        "stage 1"
        [ testProperty "keeps max(1, ⌊ρ|N|⌋) neighbours"
          <| forAll mixed (fun view ->
              let _, shortlist, _ = apply view
              let exact = decimal view.BenignRatio * decimal view.Received.Length
              shortlist.Length = max 1 (int (floor exact)))

          testProperty "never keeps a farther neighbour than one it drops, and of two as far it keeps the first"
          <| forAll mixed (fun view ->
              let _, shortlist, _ = apply view

              Seq.allPairs shortlist (Array.except shortlist (rows view))
              |> Seq.forall (fun (kept, dropped) ->
                  let near, far = distance view kept, distance view dropped
                  near < far || (near = far && kept < dropped)))

          testCase "rounding of ρ|N| does not lose a neighbour"
          <| fun () ->
              for neighbours in 1..200 do
                  for percent in 1..100 do
                      let size = Ubar.shortlistSize (float percent / 100.0) neighbours
                      Expect.equal size (max 1 (percent * neighbours / 100)) $"{percent} %% of {neighbours}" ]

let private stage2 =
    testList
        "stage 2"
        [ testProperty "keeps exactly the finite candidates whose loss is at most the own, or else the best one"
          <| forAll mixed (fun view ->
              let _, shortlist, kept = apply view
              let candidates = shortlist |> Array.filter (fun row -> isFinite view.Received[row])
              let good = candidates |> Array.filter (fun row -> view.Losses[row] <= view.OwnLoss)

              match good, candidates with
              | [||], [||] -> Array.isEmpty kept
              | [||], _ -> kept = [| Array.minBy (fun row -> view.Losses[row], row) candidates |]
              | _ -> kept = good)

          testProperty "a candidate with a loss that is not finite is kept only as the last resort"
          <| forAll finite (fun view ->
              let view = { view with Losses = Array.updateAt 0 nan view.Losses }
              let _, shortlist, kept = apply view
              not (Array.contains 0 kept) || shortlist = [| 0 |])

          testProperty "a node whose own loss is not finite accepts every finite candidate"
          <| forAll finite (fun view ->
              let _, shortlist, kept = apply { view with OwnLoss = nan }
              kept = shortlist) ]

let private result =
    testList
        "result"
        [ testProperty "is the mean of what stage 2 kept"
          <| forAll mixed (fun view ->
              let result, _, kept = apply view

              match kept with
              | [||] -> result = view.Own
              | _ -> close result (mean (Array.map (fun row -> view.Received[row]) kept)))

          testProperty "stays finite whatever the neighbours send"
          <| forAll mixed (fun view ->
              let result, _, _ = apply view
              isFinite result)

          testProperty "moves with a translation of all estimates"
          <| forAll finite (fun view ->
              let moved = Array.map (fun coordinate -> coordinate + 2.5)

              let translated: Neighbourhood =
                  { view with Own = moved view.Own; Received = Array.map moved view.Received }

              let before, shortlist, kept = apply view
              let after, shortlist', kept' = apply translated
              shortlist = shortlist' && kept = kept' && close after (moved before))

          testProperty "does not depend on the order of neighbours at different distances"
          <| forAll finite (fun view ->
              let distinct = rows view |> Array.distinctBy (distance view)

              let ordered order =
                  { view with
                      Received = order |> Array.map (fun row -> view.Received[row])
                      Losses = order |> Array.map (fun row -> view.Losses[row]) }

              let forward, _, kept = apply (ordered distinct)
              let backward, _, kept' = apply (ordered (Array.rev distinct))
              // A tie of losses in the fallback goes to the first; with several kept there is no such choice.
              let fallback = kept |> Array.forall (fun row -> (ordered distinct).Losses[row] > view.OwnLoss)
              fallback || (close forward backward && kept.Length = kept'.Length))

          testProperty "equals the own estimate when all estimates are equal"
          <| forAll finite (fun view ->
              let result, _, _ = apply { view with Received = Array.map (fun _ -> view.Own) view.Received }
              close result view.Own)

          testCase "a diverged node takes what finite neighbours offer"
          <| fun () ->
              let view: Neighbourhood =
                  { Own = [| nan; 1.0 |]
                    Received = [| [| 1.0; 2.0 |]; [| 3.0; 4.0 |]; [| 5.0; 6.0 |] |]
                    OwnLoss = 0.1
                    Losses = [| 9.0; 9.0; 9.0 |]
                    BenignRatio = 0.7 }

              let result, _, kept = apply view
              Expect.equal kept [| 0; 1 |] "all distances are infinite, so the first two stay"
              Expect.equal result [| 2.0; 3.0 |] "their mean" ]

[<Tests>]
let tests = testList "ubar" [ stage1; stage2; result ]
