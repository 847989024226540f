/// Laws of the related work's rules: what holds for all of them, ByRDiE, RD-SVM, the TV norm and Zeno.
module UbarFs.Tests.RelatedRuleTests

open System
open Expecto
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Testing
open UbarFs.Testing.Generators

/// A rule with some arguments.
let chosen (rule: Component<Rule>) arguments = (Component.choose (Map.ofList arguments) rule).Value

/// The numbers of a tensor.
let floats (tensor: torch.Tensor) = tensor.to_type(torch.float64).data<float>().ToArray()

/// What a rule makes of a neighbourhood, and the rows that its last stage kept.
let applyTo rule (adapt: View -> View) neighbourhood =
    use _ = torch.NewDisposeScope()
    let aggregate = Rule.aggregate rule (adapt (Neighbourhood.toView neighbourhood))
    floats aggregate.Estimate, aggregate.Stages |> List.tryLast |> Option.map _.Kept |> Option.defaultValue [||]

let apply rule neighbourhood = applyTo rule id neighbourhood
let isFinite (estimate: float[]) = Array.forall Double.IsFinite estimate
let private near (one: float) other = abs (one - other) <= 1e-9 * (1.0 + abs other)
let close one other = Array.forall2 near one other

let mean (estimates: float[][]) =
    Array.init estimates[0].Length (fun coordinate -> estimates |> Array.averageBy (Array.item coordinate))

let meanOf (view: Neighbourhood) rows = rows |> Array.map (fun row -> view.Received[row]) |> mean
let distance one other = Array.map2 (fun a b -> (a - b) ** 2.0) one other |> Array.sum |> sqrt
let rows (view: Neighbourhood) = [| 0 .. view.Received.Length - 1 |]
let finiteRows view = rows view |> Array.filter (fun row -> isFinite view.Received[row])

/// ⌈(1 − ρ)m⌉, at most m − 1, in decimal arithmetic.
let private screened (view: Neighbourhood) =
    let count = view.Received.Length
    min (count - 1) (int (ceil ((1M - decimal view.BenignRatio) * decimal count)))

/// The rules that remember.
let stateful =
    [ "fltrust", chosen FlTrust.rule []
      "afa", chosen Afa.rule []
      "fools-gold", chosen FoolsGold.rule []
      "wfagg", chosen WfAgg.rule [ "transitory", Value.Whole 0 ] ]

let private all =
    [ "byrdie", chosen Byrdie.rule []
      "rd-svm", chosen RdSvm.rule []
      "tv-norm", chosen TvNorm.rule []
      "zeno", chosen Zeno.zeno []
      yield! stateful ]

let private containment =
    [ for name, rule in all do
          testProperty $"{name}: n̂ neighbours that are not finite cannot make a node so"
          <| forAll (Gen.zip finite notFinite) (fun (view, poison) ->
              let tolerated = rule.Tolerance view.BenignRatio view.Received.Length

              let hostile row estimate =
                  if row < tolerated then
                      Array.map (fun _ -> poison) estimate
                  else
                      estimate

              let result, kept = apply rule { view with Received = Array.mapi hostile view.Received }
              isFinite result && Array.forall (fun row -> row >= tolerated) kept)

          testProperty $"{name}: a node that is not finite recovers from finite neighbours"
          <| forAll (Gen.zip finite notFinite) (fun (view, poison) ->
              use _ = torch.NewDisposeScope()
              let lost = { view with Own = Array.updateAt 0 poison view.Own; OwnLoss = nan }
              isFinite (floats (fst (Rule.update rule (Neighbourhood.toView lost)))))

          testProperty $"{name}: leaves only its result and its memory to the caller"
          <| forAll mixed (fun view ->
              use scope = torch.NewDisposeScope()
              let view = Neighbourhood.toView view
              let before = scope.DisposablesCount
              let aggregate = Rule.aggregate rule view
              scope.DisposablesCount - before = 1 + aggregate.Memory.Count) ]

let private byrdie =
    let withBlocks own blocks =
        chosen Byrdie.rule [ "blocks", Value.Whole(int64 blocks); "own", Value.Word own ]

    /// Equation by equation for one coordinate, with plain floats.
    let descended isOwnScreened (view: Neighbourhood) coordinate =
        let count = view.Received.Length
        let cut = min (int (ceil (min (1M - decimal view.BenignRatio) 0.5M * decimal count))) ((count - 1) / 2)
        let received = view.Received |> Array.map (Array.item coordinate)
        let own = view.Own[coordinate]
        let screen values = (Array.sort values)[cut .. values.Length - 1 - cut]

        let kept =
            if isOwnScreened then
                screen (Array.append received [| own |])
            else
                Array.append (screen received) [| own |]

        Array.average kept - 0.125 * 0.5 * own

    [ for own, isOwnScreened in [ "true", false; "screened", true ] do
          testProperty
              $"byrdie, own: {own}: changes only the block whose turn it is, by the screened mean and the gradient"
          <| forAll (Gen.zip3 finite (Gen.choose (1, 7)) (Gen.choose (0, 20))) (fun (view, blocks, iteration) ->
              let at (view: View) = { view with Iteration = int64 iteration }
              let result, _ = applyTo (withBlocks own blocks) at view
              let blocks = min blocks view.Own.Length
              let first, length = Byrdie.block blocks view.Own.Length (iteration % blocks)

              let expected =
                  Array.init view.Own.Length (fun coordinate ->
                      if coordinate >= first && coordinate < first + length then
                          descended isOwnScreened view coordinate
                      else
                          view.Own[coordinate])

              close result expected)

      testProperty "byrdie: the blocks take every coordinate once in a round"
      <| forAll (Gen.zip (Gen.choose (1, 1000)) (Gen.choose (1, 1000))) (fun (dimension, blocks) ->
          let blocks = min blocks dimension

          let visited =
              [ for index in 0 .. blocks - 1 do
                    let first, length = Byrdie.block blocks dimension index
                    yield! [ first .. first + length - 1 ] ]

          visited = [ 0 .. dimension - 1 ]) ]

let private losses =
    [ testProperty "rd-svm: keeps the |N| − n̂ finite neighbours with the smallest losses, ties to the first"
      <| forAll mixed (fun view ->
          let result, kept = apply (chosen RdSvm.rule []) view
          let ranked = finiteRows view |> Array.sortBy (fun row -> view.Losses[row], row)
          let expected = ranked |> Array.truncate (view.Received.Length - screened view) |> Array.sort
          kept = expected && (Array.isEmpty kept || close result (meanOf view kept)))

      testProperty "rd-svm: a neighbour whose loss is not finite is screened out"
      <| forAll (Gen.zip finite notFinite) (fun (view, loss) ->
          let _, kept = apply (chosen RdSvm.rule []) { view with Losses = Array.updateAt 0 loss view.Losses }
          not (Array.contains 0 kept)) ]

let private tvNorm =
    let rule = chosen TvNorm.rule [ "penalty", Value.Real 0.25 ]

    [ testProperty "tv-norm: is the subgradient step, and neighbours that are not finite pull nowhere"
      <| forAll mixed (fun view ->
          let result, _ = apply rule view
          let pull coordinate row = float (sign (view.Own[coordinate] - view.Received[row][coordinate]))

          let expected =
              view.Own
              |> Array.mapi (fun coordinate own ->
                  let pulls = finiteRows view |> Array.sumBy (pull coordinate)
                  own - 0.125 * (0.5 * own + 0.25 * pulls))

          close result expected)

      testProperty "tv-norm: whatever one neighbour sends, no coordinate moves by more than 2λ·penalty"
      <| forAll (Gen.zip mixed finite) (fun (view, other) ->
          let lie = Array.init view.Own.Length (fun c -> 1e6 * other.Own[c % other.Own.Length])
          let honest, _ = apply rule view
          let fooled, _ = apply rule { view with Received = Array.updateAt 0 lie view.Received }
          Array.forall2 (fun one other -> abs (one - other) <= 2.0 * 0.125 * 0.25 + 1e-12) honest fooled) ]

let private zeno =
    let rule = chosen Zeno.zeno [ "penalty", Value.Real 0.25 ]

    let score (view: Neighbourhood) row =
        view.OwnLoss - view.Losses[row] - 0.25 * distance view.Own view.Received[row] ** 2.0

    [ testProperty "zeno: keeps exactly |N| − n̂ neighbours, and none with a worse score than one it drops"
      <| forAll finite (fun view ->
          let result, kept = apply rule view
          let best, dropped = Array.map (score view) kept, Array.map (score view) (Array.except kept (rows view))

          kept.Length = view.Received.Length - screened view
          && Seq.allPairs best dropped |> Seq.forall (fun (best, dropped) -> best >= dropped - 1e-9)
          && close result (meanOf view kept))

      testProperty "zeno: never keeps a neighbour that is not finite, or whose loss is not"
      <| forAll (Gen.zip mixed notFinite) (fun (view, loss) ->
          let _, kept = apply rule { view with Losses = Array.updateAt 0 loss view.Losses }
          kept |> Array.forall (fun row -> row > 0 && isFinite view.Received[row]))

      testProperty "zeno: an own loss that is not finite changes nothing, since it is in every score"
      <| forAll finite (fun view -> snd (apply rule view) = snd (apply rule { view with OwnLoss = infinity })) ]

[<Tests>]
let tests =
    testList
        "related rules"
        [ testList "containment" containment
          yield! byrdie
          yield! losses
          yield! tvNorm
          yield! zeno ]
