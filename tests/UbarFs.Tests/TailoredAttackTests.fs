/// What the attacks that are made for one kind of rule send, against independent code in plain numbers.
module UbarFs.Tests.TailoredAttackTests

open Expecto
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Testing
open UbarFs.Testing.Generators
open UbarFs.Testing.Situations

/// γ as it was sent: the component of x̂ − x̄ along e.
let private sentGamma direction (situation: Situation) (letter: Letter) =
    let difference = Array.map2 (-) letter.Vector.Value (mean (benignEstimates situation 0))
    Array.fold2 (fun sum one e -> sum + one * e) 0.0 difference direction

let private mhamdiSettings =
    [ "dense", [], (fun d -> Array.create d (1.0 / sqrt (float d)))
      "coordinate",
      [ "direction", Value.Word "coordinate"; "coordinate", Value.Whole 2L ],
      (fun d -> Array.init d (fun coordinate -> if coordinate = min 2 (d - 1) then 1.0 else 0.0)) ]

let private mhamdi =
    [ for name, arguments, direction in mhamdiSettings do
          testProperty $"mhamdi, {name}: Krum picks the copies at γ and at no larger one"
          <| forAll (situations 1 |> Gen.map withoutTies) (fun situation ->
              let benign = benignEstimates situation 0
              let f = (byzantine situation).Length
              let count, mean = max 1 (benign.Length + f - f - 2), mean benign
              let e = direction mean.Length
              let picks gamma = krumPicks count f benign (along mean e gamma)

              match letters (behaviour "mhamdi" arguments) situation |> List.concat with
              | [] -> true
              | letters ->
                  let gamma = sentGamma e situation letters[0]
                  let isSame = letters |> List.forall (fun letter -> close letter.Vector.Value (along mean e gamma))
                  let larger = [ for step in 1..200 -> gamma * (1.0 + 1e-4) * (1.03 ** float step) ]

                  isSame
                  && if f - 1 >= count then
                         abs (gamma - 1048576.0) < 1e-3 && picks gamma
                     elif gamma < 1e-9 then
                         // Nothing is gained anywhere on the line.
                         [ for step in -60 .. 60 -> 1.2 ** float step ] |> List.forall (picks >> not)
                     else
                         picks (gamma * (1.0 - 1e-9))
                         && not (picks (gamma * (1.0 + 1e-4)))
                         && List.forall (picks >> not) larger)

      testProperty "mhamdi sends the benign mean plus a given γ along the diagonal"
      <| lastSent 1 "mhamdi" [ "gamma", Value.Real 12.0 ] (fun situation _ _ _ ->
          let mean = mean (benignEstimates situation 0)
          along mean (Array.create mean.Length (1.0 / sqrt (float mean.Length))) 12.0)

      testCase "mhamdi stops at a given cap where the copies satisfy Krum"
      <| fun () ->
          let benign = matrix torch.float64 [| [| 0.0 |]; [| 1.0 |]; [| 3.0 |] |]
          Expect.equal (Mhamdi.gamma Mhamdi.Direction.Dense 64.0 benign 2) 64.0 "two copies, and Krum counts one"

      testCase "mhamdi has nothing to gain where the benign estimates are equal"
      <| fun () ->
          let benign = matrix torch.float64 (Array.create 5 [| 1.0; 2.0 |])
          Expect.equal (Mhamdi.gamma Mhamdi.Direction.Dense 64.0 benign 2) 0.0 "any other estimate is refused"

      testCase "mhamdi finds a cluster beside the mean"
      <| fun () ->
          // Four at about 4 and one at −12.2: Krum refuses two copies of their mean, 0.8, but not of the cluster's.
          let benign = matrix torch.float64 [| [| 4.0 |]; [| 4.1 |]; [| 3.9 |]; [| 4.2 |]; [| -12.2 |] |]
          let gamma = Mhamdi.gamma Mhamdi.Direction.Dense 64.0 benign 2
          Expect.isGreaterThan gamma 3.0 "x̄ + γe is in the cluster"
          Expect.isLessThan gamma 3.5 "x̄ + γe is in the cluster"

      testCase "mhamdi solves a case by hand"
      <| fun () ->
          // −1, 0, 1 and one copy at γ: Krum counts the nearest alone. The copy and 1 tie, and the tie is the copy's,
          // up to γ = 2; from there on 0 and 1 are nearer to each other.
          let benign = matrix torch.float64 [| [| -1.0 |]; [| 0.0 |]; [| 1.0 |] |]
          Expect.floatClose Accuracy.high (Mhamdi.gamma Mhamdi.Direction.Dense 64.0 benign 1) 2.0 "γ" ]

let private deviation (vectors: float[][]) =
    let mean = mean vectors

    Array.init mean.Length (fun coordinate ->
        sqrt (vectors |> Array.averageBy (fun vector -> (vector[coordinate] - mean[coordinate]) ** 2.0)))

let private alie =
    [ testCase "alie's z is the paper's"
      <| fun () ->
          for n, f, z in
              [ 50, 24, 1.426077
                60, 30, 1.833915
                43, 13, 0.524401
                33, 3, 0.083652
                10, 1, -0.139710 ] do
              Expect.isLessThan (abs (LittleIsEnough.zMax n f - z)) 1e-6 $"n = {n}, f = {f}"

          Expect.equal (LittleIsEnough.zMax 2 1) 0.0 "no benign node beyond the supporters"

      testCase "the published formula for z"
      <| fun () ->
          // Φ⁻¹((n − s)/n) with s = 2 of 50, 1 of 60, 14 of 33 and 5 of 10.
          for n, f, z in [ 50, 24, 1.750686; 60, 30, 2.128045; 33, 3, 0.191052; 10, 1, 0.0 ] do
              Expect.isLessThan (abs (LittleIsEnough.zPublished n f - z)) 1e-6 $"n = {n}, f = {f}"

          Expect.isLessThan (abs (LittleIsEnough.zPublished 2 1)) 1e-12 "a half"

      testCase "a z below 0.1 is said to be feeble, and no other"
      <| fun () ->
          let network n f =
              Network.ofEdges (Array.init n (fun node -> node >= n - f)) [ for node in 1 .. n - 1 -> 0, node ]

          let around z n f =
              (behaviour "alie" [ "z", z; "scope", Value.Word "neighbourhood" ]).Feebleness(network n f)

          let said z n f = (behaviour "alie" [ "z", z ]).Feebleness(network n f)
          Expect.isSome (said (Value.Word "baruch") 33 3) "0.08"
          Expect.isNone (said (Value.Word "published") 33 3) "0.19"
          Expect.isSome (said (Value.Real -0.05) 33 3) "given"
          Expect.isNone (said (Value.Real 1.5) 33 3) "the default"
          Expect.isNone (said (Value.Real 0.0) 33 0) "nobody lies"
          let hub = around (Value.Word "baruch") 33 3
          Expect.stringContains (Option.get hub) "at 1 of 1 benign nodes" "only the hub hears liars"
          Expect.isNone (around (Value.Word "published") 33 3) "0.19 at the hub"

      testProperty "alie sends μ − zσ"
      <| lastSent 1 "alie" [ "z", Value.Real 1.5 ] (fun situation _ _ _ ->
          let benign = benignEstimates situation 0
          along (mean benign) (deviation benign) -1.5) ]

let private signs (known: float[][]) (reference: float[]) =
    Array.map2 (fun now before -> if now > before then 1.0 else -1.0) (mean known) reference

/// Whether every coordinate's change is far from 0, so that rounding does not decide its sign.
let private isClear (known: float[][]) (reference: float[]) =
    Array.forall2 (fun now before -> abs (now - before) > 1e-9) (mean known) reference

let private fangLast arguments situation = letters (behaviour "fang" arguments) situation |> List.last

let private fang =
    let full = [ "knowledge", Value.Word "full" ]
    let trimmed = ("target", Value.Word "trimmed-mean")

    [ testProperty
          "fang against Krum is w − λs with a λ that Krum picks, twice it is not unless it is the first, or its own"
      <| forAll (situations 2 |> Gen.map withoutTies) (fun situation ->
          let benign, before = benignEstimates situation 1, mean (benignEstimates situation 0)
          let s, f = signs benign before, (byzantine situation).Length
          let count, d = max 1 (benign.Length - 2), float before.Length
          let picks lambda = krumPicks count f benign (along before s -lambda)

          // In one dimension the copies at the first λ are as far from the farthest estimate as the nearest two are
          // from each other: rounding decides.
          let surelyPicks lambda =
              [ 1.0 - 1e-6; 1.0; 1.0 + 1e-6 ] |> List.forall (fun factor -> picks (factor * lambda))

          let first =
              let nearest =
                  benign
                  |> Array.map (fun one ->
                      benign
                      |> Array.map (fun other -> sqrt (squaredDistance one other))
                      |> Array.sort
                      |> Seq.skip 1
                      |> Seq.truncate count
                      |> Seq.sum)
                  |> Array.min

              let farthest = benign |> Array.map (fun one -> sqrt (squaredDistance one before)) |> Array.max
              (nearest / float (max 1 (benign.Length - f - 1)) + farthest) / sqrt d

          let isOwn (letter: Letter) = letter.Vector.Value = situation.Moments[1].Estimates[letter.Sender]

          let halves =
              first |> Seq.unfold (fun lambda -> if lambda < 1e-5 then None else Some(lambda, lambda / 2.0))

          let sent = fangLast full situation

          not (isClear benign before)
          || List.forall isOwn sent && not (Seq.exists surelyPicks halves)
          || sent
             |> List.forall (fun letter ->
                 let lambdas = Array.map3 (fun sent w s -> (w - sent) * s) letter.Vector.Value before s
                 let lambda = lambdas[0]

                 Array.forall (fun other -> abs (other - lambda) < 1e-9) lambdas
                 && picks lambda
                 && (abs (lambda - first) < 1e-9 * (1.0 + first)
                     || not (surelyPicks (2.0 * lambda))
                     || lambda < 1.0001e-5)))

      testProperty "fang against a trimmed mean lies just beyond the benign numbers, against their change"
      <| forAll (situations 2) (fun situation ->
          let benign, before = benignEstimates situation 1, mean (benignEstimates situation 0)
          let s = signs benign before

          not (isClear benign before)
          || fangLast (trimmed :: full) situation
             |> List.forall (fun letter ->
                 letter.Vector.Value
                 |> Array.indexed
                 |> Array.forall (fun (coordinate, sent) ->
                     let column = benign |> Array.map (Array.item coordinate)

                     let outermost =
                         if s[coordinate] > 0.0 then
                             Array.min column
                         else
                             Array.max column

                     let reach =
                         if s[coordinate] * outermost > 0.0 then
                             outermost / 2.0
                         else
                             outermost * 2.0

                     min outermost reach - 1e-9 <= sent && sent <= max outermost reach + 1e-9)))

      testProperty "fang with partial knowledge does not depend on benign estimates"
      <| forAll (Gen.zip (situations 3) (Gen.elements [ []; [ trimmed ] ])) (fun (situation, target) ->
          let partial = fangLast (("knowledge", Value.Word "partial") :: target)

          let moved =
              situation.Moments
              |> List.map (fun moment ->
                  { moment with
                      Estimates =
                          moment.Estimates
                          |> Array.mapi (fun node estimate ->
                              if situation.Network.Byzantine[node] then
                                  estimate
                              else
                                  Array.map (fun value -> 3.0 - 2.0 * value) estimate) })

          partial situation = partial { situation with Moments = moved })

      testProperty "fang with partial knowledge goes 3 to 4 deviations of the colluders from their mean"
      <| forAll (situations 2) (fun situation ->
          let known iteration = ofNodes (byzantine situation) situation.Moments[iteration].Estimates
          let s, mean, deviation = signs (known 1) (mean (known 0)), mean (known 1), deviation (known 1)

          not (isClear (known 1) (Situations.mean (known 0)))
          || fangLast [ trimmed; "knowledge", Value.Word "partial" ] situation
             |> List.forall (fun letter ->
                 letter.Vector.Value
                 |> Array.indexed
                 |> Array.forall (fun (coordinate, sent) ->
                     let distance = (mean[coordinate] - sent) * s[coordinate]

                     3.0 * deviation[coordinate] - 1e-6 <= distance && distance <= 4.0 * deviation[coordinate] + 1e-6))) ]

[<Tests>]
let tests =
    testList "tailored attacks" [ testList "mhamdi" mhamdi; testList "alie" alie; testList "fang" fang ]
