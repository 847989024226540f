/// Attacks of the field's papers and code, against their formulas in plain numbers.
module UbarFs.Tests.FieldAttackTests

open Expecto
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Testing
open UbarFs.Testing.Generators
open UbarFs.Testing.Situations

let private dot (one: float[]) other = Array.fold2 (fun sum one other -> sum + one * other) 0.0 one other
let private norm vector = sqrt (dot vector vector)
let private minus (one: float[]) other = Array.map2 (-) one other
let private scaled factor (vector: float[]) = Array.map ((*) factor) vector

let private deviation (vectors: float[][]) =
    let mean = mean vectors

    Array.init mean.Length (fun coordinate ->
        sqrt (vectors |> Array.averageBy (fun vector -> (vector[coordinate] - mean[coordinate]) ** 2.0)))

let private neighbourhood = "scope", Value.Word "neighbourhood"

/// The benign nodes that count for a receiver.
let private around (situation: Situation) receiver =
    Array.append [| receiver |] situation.Network.Neighbours[receiver]
    |> Array.filter (fun node -> not situation.Network.Byzantine[node])
    |> Array.sort

/// What an attack of benign estimates sends, in both scopes; `formula` has the estimates and the number of Byzantine nodes.
let private inBothScopes name attack arguments (formula: float[][] -> int -> float[]) =
    [ testProperty $"{name}, of all benign nodes"
      <| lastSent 1 attack arguments (fun situation _ _ _ ->
          formula (benignEstimates situation 0) (byzantine situation).Length)

      testProperty $"{name}, of each receiver's neighbourhood"
      <| lastSent 1 attack (neighbourhood :: arguments) (fun situation moments sender receiver ->
          match around situation receiver with
          | [||] -> moments[0].Estimates[sender]
          | nodes ->
              formula (ofNodes nodes moments[0].Estimates) (Network.byzantineNeighbours situation.Network receiver)) ]

let private means =
    [ inBothScopes "alie is μ − zσ" "alie" [ "z", Value.Real 0.7 ] (fun benign _ ->
          along (mean benign) (deviation benign) -0.7)
      inBothScopes "alie with the paper's z" "alie" [ "z", Value.Word "baruch" ] (fun benign byzantine ->
          along (mean benign) (deviation benign) -(LittleIsEnough.zMax (benign.Length + byzantine) byzantine))
      inBothScopes "alie with the published z" "alie" [ "z", Value.Word "published" ] (fun benign byzantine ->
          along (mean benign) (deviation benign) -(LittleIsEnough.zPublished (benign.Length + byzantine) byzantine))
      inBothScopes "ipm is −ε times the benign mean" "ipm" [ "strength", Value.Real 0.25 ] (fun benign _ ->
          scaled -0.25 (mean benign)) ]
    |> List.concat

let private updates =
    [ testProperty "ipm of the update, of each receiver's neighbourhood"
      <| lastSent
          2
          "ipm"
          [ neighbourhood; "of", Value.Word "update"; "strength", Value.Real 0.5 ]
          (fun situation moments sender receiver ->
              match around situation receiver with
              | [||] -> moments[1].Estimates[sender]
              | nodes ->
                  along
                      (mean (ofNodes nodes moments[1].Estimates))
                      (mean (ofNodes nodes moments[0].Gradients))
                      (1.5 * situation.Rate)) ]

let private gaussian =
    let shared = "shared", Value.Truth true
    let aroundMean = "around", Value.Word "mean"

    let isOne vectors = (List.distinct vectors |> List.length) = 1

    [ testProperty "gaussian: all liars send one vector if it is shared, another in each iteration"
      <| forAll (situations 2) (fun situation ->
          let sent = letters (behaviour "gaussian" [ shared ]) situation |> List.map (List.map _.Vector.Value)

          sent |> List.forall (fun vectors -> vectors.IsEmpty || isOne vectors)
          && (sent[0].IsEmpty || sent[0] <> sent[1]))

      testProperty "gaussian around the mean is the mean and what it would be around zero"
      <| forAll (Gen.zip (situations 1) (Gen.elements [ []; [ shared ] ])) (fun (situation, arguments) ->
          let sent arguments = letters (behaviour "gaussian" arguments) situation |> List.exactlyOne
          let centre = mean (benignEstimates situation 0)

          List.forall2
              (fun (zero: Letter) (mean: Letter) -> close mean.Vector.Value (along zero.Vector.Value centre 1.0))
              (sent arguments)
              (sent (aroundMean :: arguments)))

      testProperty "gaussian around the mean of each receiver's neighbourhood differs by these means alone"
      <| forAll (situations 1) (fun situation ->
          let sent arguments = letters (behaviour "gaussian" arguments) situation |> List.exactlyOne

          List.forall2
              (fun (zero: Letter) (mean: Letter) ->
                  match around situation zero.Receiver with
                  | [||] -> mean.Vector.Value = situation.Moments[0].Estimates[mean.Sender]
                  | nodes ->
                      let centre = Situations.mean (ofNodes nodes situation.Moments[0].Estimates)
                      close mean.Vector.Value (along zero.Vector.Value centre 1.0))
              (sent [])
              (sent [ aroundMean; neighbourhood ])) ]

let private perturbations: (string * (float[][] -> float[])) list =
    [ "std", deviation
      "unit",
      (fun benign ->
          let mean = mean benign

          if norm mean > 0.0 then
              scaled (1.0 / norm mean) mean
          else
              mean)
      "sign", (mean >> Array.map (sign >> float)) ]

/// What is bounded in min-max and in min-sum, and the bound.
let private bounds =
    let squares (vector: float[]) = Array.map (squaredDistance vector)

    [ "min-max",
      (fun benign vector -> sqrt (Array.max (squares vector benign))),
      (fun benign -> benign |> Array.map (fun one -> sqrt (Array.max (squares one benign))) |> Array.max)
      "min-sum",
      (fun benign vector -> Array.sum (squares vector benign)),
      (fun (benign: float[][]) -> benign |> Array.map (fun one -> Array.sum (squares one benign)) |> Array.max) ]

let private minMax =
    [ for name, reach, bound in bounds do
          for direction, perturbation in perturbations do
              for scope in [ "network"; "neighbourhood" ] do
                  testProperty $"{name}, {direction}, {scope}: along −p, and at its bound to 1e-6, from inside"
                  <| forAll (situations 1) (fun situation ->
                      let arguments = [ "direction", Value.Word direction; "scope", Value.Word scope ]

                      letters (behaviour name arguments) situation
                      |> List.exactlyOne
                      |> List.forall (fun letter ->
                          let nodes =
                              if scope = "network" then
                                  benign situation
                              else
                                  around situation letter.Receiver

                          let benign = ofNodes nodes situation.Moments[0].Estimates
                          let vector = letter.Vector.Value

                          if nodes.Length = 0 then
                              vector = situation.Moments[0].Estimates[letter.Sender]
                          else
                              let centre, p = mean benign, perturbation benign
                              let away = minus centre vector
                              let gamma = if norm p > 0.0 then norm away / norm p else 0.0
                              let farther = along centre away -(1.0 + 1e-6)
                              let bound = bound benign

                              close vector (along centre p -gamma)
                              && reach benign vector <= bound * (1.0 + 1e-12) + 1e-12
                              && (bound = 0.0 || norm p < 1e-9 || reach benign farther > bound)))

          testProperty $"{name}: a factor stretches what is sent from the mean"
          <| forAll (situations 1) (fun situation ->
              let sent factor =
                  letters (behaviour name [ "factor", Value.Real factor ]) situation |> List.exactlyOne

              let centre = mean (benignEstimates situation 0)

              List.forall2
                  (fun (one: Letter) (half: Letter) ->
                      close half.Vector.Value (along centre (minus one.Vector.Value centre) 0.5))
                  (sent 1.0)
                  (sent 0.5)) ]

/// The Fiedler vector by power iteration; none where another eigenvalue is near.
let private fiedler (network: Network) : float[] option =
    let nodes = Network.benign network
    let place = nodes |> Seq.mapi (fun place node -> node, place) |> Map.ofSeq

    let neighbours =
        nodes
        |> Array.map (fun node -> network.Neighbours[node] |> Array.choose (fun other -> Map.tryFind other place))

    let shift = 2.0 * float nodes.Length
    let centred (vector: float[]) = vector |> Array.map (fun value -> value - Array.average vector)

    let step (vector: float[]) =
        vector
        |> Array.mapi (fun row value ->
            let degree = float neighbours[row].Length
            (shift - degree) * value + (neighbours[row] |> Array.sumBy (fun other -> vector[other])))
        |> centred

    let unit vector = scaled (1.0 / norm vector) vector

    let start seed =
        Array.init nodes.Length (fun row -> sin (seed + 3.0 * float row)) |> centred |> unit

    let settled seed = Seq.init 4000 id |> Seq.fold (fun vector _ -> unit (step vector)) (start seed)

    if nodes.Length < 2 then
        None
    else
        let one, other = settled 1.0, settled 2.5

        if abs (abs (dot one other) - 1.0) < 1e-9 then
            Some one
        else
            None

let private gossip =
    [ testProperty "spectral moves each receiver along the Fiedler vector"
      <| forAll (situations 1) (fun situation ->
          match fiedler situation.Network with
          | None -> true
          | Some e ->
              let nodes, estimates = benign situation, situation.Moments[0].Estimates
              let entry = nodes |> Seq.mapi (fun place node -> node, e[place]) |> Map.ofSeq

              let pull =
                  nodes
                  |> Array.fold
                      (fun sum node -> along sum estimates[node] entry[node])
                      (Array.map (fun _ -> 0.0) estimates[0])

              letters (behaviour "spectral" [ "strength", Value.Real 2.0 ]) situation
              |> List.exactlyOne
              |> List.forall (fun letter ->
                  match Map.tryFind letter.Receiver entry with
                  | Some mine ->
                      let expected = along estimates[letter.Receiver] pull (2.0 * mine)
                      Array.forall2 (fun one other -> abs (one - other) < 1e-6) letter.Vector.Value expected
                  | None -> letter.Vector.Value = estimates[letter.Sender]))

      testCase "the Fiedler vectors of a path, of a complete graph and of a pair"
      <| fun () ->
          let benign count edges = Spectral.fiedler (Network.ofEdges (Array.create count false) edges)

          let same name expected (found: float[]) =
              let sign = if dot found expected < 0.0 then -1.0 else 1.0
              Expect.isTrue (close (scaled sign found) expected) $"{name}: {found}"

          same "a path" [| sqrt 0.5; 0.0; -(sqrt 0.5) |] (benign 3 [ 0, 1; 1, 2 ])
          same "a pair" [| sqrt 0.5; -(sqrt 0.5) |] (benign 2 [ 0, 1 ])
          // All directions but (1, 1, 1) share the eigenvalue: the one nearest to node 0's is (2, −1, −1)/√6.
          same "complete" (scaled (1.0 / sqrt 6.0) [| 2.0; -1.0; -1.0 |]) (benign 3 [ 0, 1; 1, 2; 0, 2 ])

      testProperty "isolation is dissensus with ε = 1"
      <| forAll (Gen.zip (situations 1) (Gen.elements MixingWeights.all)) (fun (situation, (_, weights)) ->
          let situation = { situation with Weights = weights }

          let isolated = letters (behaviour "isolation" []) situation
          let pushed = letters (behaviour "dissensus" [ "epsilon", Value.Real 1.0 ]) situation

          for one, other in List.zip (List.concat isolated) (List.concat pushed) do
              Expect.equal one other $"{weights}"

          true)

      testProperty "duplicate sends what a benign node sends"
      <| lastSent 2 "duplicate" [ "of", Value.Whole 1L ] (fun _ moments _ _ -> moments[1].Estimates[1]) ]

/// Oja's method in R^d, from the direction of largest variance of the first messages; by iteration who is mimicked. None
/// where a choice hangs on rounding.
let private mimicked warmup (history: float[][] list) : int list option =
    let unit vector =
        if norm vector > 0.0 then
            scaled (1.0 / norm vector) vector
        else
            vector

    let pulled centred z =
        centred |> Array.fold (fun sum row -> along sum row (dot row z)) (Array.map (fun _ -> 0.0) z)

    let leading (centred: float[][]) =
        let start seed =
            Array.init centred[0].Length (fun place -> sin (seed + 2.0 * float place) + 0.1) |> unit

        let settled seed = Seq.init 3000 id |> Seq.fold (fun z _ -> unit (pulled centred z)) (start seed)
        let one, other = settled 0.3, settled 1.9

        if norm one = 0.0 || abs (abs (dot one other) - 1.0) < 1e-10 then
            Some one
        else
            None

    let step (state: (float[] * float[] * float[]) option) (k: int, messages: float[][]) =
        let weight = 1.0 / float (k + 1)

        let mu =
            match state with
            | Some(mu, _, _) -> along (scaled (1.0 - weight) mu) (mean messages) weight
            | None -> mean messages

        let centred = messages |> Array.map (fun message -> minus message mu)

        match state with
        | Some(_, z, sums) ->
            let z = along (scaled (1.0 - weight) z) (unit (pulled centred z)) weight |> unit
            Some(mu, z, Array.map2 (fun sum message -> sum + dot message z) sums messages)
        | None -> leading centred |> Option.map (fun z -> mu, z, messages |> Array.map (dot z))

    let rec run state picks history =
        match history with
        | [] -> Some(List.rev picks)
        | (k, _) :: rest when k >= warmup -> run state (List.head picks :: picks) rest
        | (k, messages) :: rest ->
            match step state (k, messages) with
            | None -> None
            | Some(_, _, sums) as state ->
                let sums = Array.map abs sums
                let order = sums |> Array.sortDescending

                if order.Length > 1 && order[0] - order[1] < 1e-6 * (1.0 + order[0]) then
                    None
                else
                    run state (Array.findIndex ((=) order[0]) sums :: picks) rest

    run None [] (List.indexed history)

let private mimicry =
    [ testProperty "mimic copies whom Oja's method in R^d says, from the first iteration on, and the last for good"
      <| forAll (situations 6 |> Gen.map withoutTies) (fun situation ->
          let nodes = benign situation
          let history = [ for k in 0..5 -> benignEstimates situation k ]

          match mimicked 4 history with
          | None -> true
          | Some picks ->
              letters (behaviour "mimic" [ "warmup", Value.Whole 4L ]) situation
              |> List.indexed
              |> List.forall (fun (k, letters) ->
                  letters |> allSent (fun _ _ -> situation.Moments[k].Estimates[nodes[picks[k]]])))

      testCase "who always moves in one direction is mimicked, not who moves farther in another each time"
      <| fun () ->
          let along axis length = Array.init 4 (fun place -> if place = axis then length else 0.0)
          let still = along 0 0.0

          for others in [ 1; 2; 6 ] do
              let moment k =
                  let benign = Array.append [| along (k + 1) 2.0; along 0 1.5 |] (Array.create others still)
                  let estimates = Array.append benign [| still |]
                  { Estimates = estimates; Gradients = estimates }

              let nodes = others + 3

              let situation =
                  { Network =
                      Network.ofEdges
                          (Array.init nodes (fun node -> node = nodes - 1))
                          [ for node in 0 .. nodes - 2 -> node, nodes - 1 ]
                    Weights = MixingWeights.Equal
                    Moments = [ moment 0; moment 1; moment 2; moment 0 ]
                    Rate = 0.1
                    Seed = 1L }

              let sent = letters (behaviour "mimic" [ "warmup", Value.Whole 3L ]) situation

              for k in [ 2; 3 ] do
                  for letter in sent[k] do
                      Expect.equal letter.Vector.Value (along 0 1.5) $"iteration {k}, {others} others" ]

[<Tests>]
let tests =
    testList
        "field attacks"
        [ testList "means" (means @ updates)
          testList "gaussian" gaussian
          testList "min-max" minMax
          testList "gossip" gossip
          testList "mimic" mimicry ]
