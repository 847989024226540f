/// WFAgg against its definition, worked out in plain numbers over whole histories.
module UbarFs.Tests.WfAggTests

open System
open Expecto
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Testing
open UbarFs.Testing.Generators
open UbarFs.Tests.RelatedRuleTests

let private transitory = 1

let private rule assumed =
    chosen
        WfAgg.rule
        [ "assumed", Value.Whole(int64 assumed)
          "transitory", Value.Whole(int64 transitory) ]

let private length (vector: float[]) = sqrt (Array.sumBy (fun x -> x * x) vector)

let private cosineDistance one other =
    match length one * length other with
    | 0.0 -> 1.0
    | lengths -> 1.0 - Array.sum (Array.map2 (*) one other) / lengths

let private medianOf (estimates: float[][]) =
    Array.init estimates[0].Length (fun coordinate ->
        let sorted = estimates |> Array.map (Array.item coordinate) |> Array.sort
        (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2.0)

/// Whether the last of some numbers is within one standard deviation of the exponential average of those before it.
let private isUsual (numbers: float list) =
    let past, now = List.take (numbers.Length - 1) numbers, List.last numbers
    let weights = List.init past.Length (fun index -> 0.99 ** float (past.Length - 1 - index))
    let total = List.sum weights
    let mean = (List.map2 (*) weights past |> List.sum) / total
    let spread = List.map2 (fun weight number -> weight * (number - mean) ** 2.0) weights past |> List.sum
    // As reliability weights make it unbiased.
    let deviation = sqrt (spread / (total - (weights |> List.sumBy (fun w -> w * w)) / total))
    abs (now - mean) <= deviation + 1e-9

/// The places that are kept and what they weigh, by a sender's messages so far (the newest last).
let private weigh assumed (histories: float[] list[]) =
    let now = histories |> Array.map List.last
    let middle = medianOf now
    let count = max 1 (now.Length - min assumed (max 0 (now.Length - 2)) - 1)

    // Of two, each is as far from the median as the other: rounding must not decide.
    let nearest measure =
        let measures: float[] = now |> Array.map measure
        let largest = max 1e-300 (Array.max measures)

        [ 0 .. now.Length - 1 ]
        |> List.sortBy (fun place -> Math.Round(measures[place] / largest, 9), place)
        |> List.truncate count

    let near = nearest (distance middle)
    let aligned = nearest (cosineDistance middle)

    let isSteady (history: float[] list) =
        let pairs =
            history |> List.pairwise |> List.indexed |> List.filter (fun (index, _) -> index + 1 >= transitory)

        let metrics =
            pairs |> List.map (fun (_, (before, after)) -> distance before after, cosineDistance before after)

        metrics.Length > 2 && isUsual (List.map fst metrics) && isUsual (List.map snd metrics)

    histories
    |> Array.mapi (fun place history ->
        let weight =
            (if List.contains place near then 0.4 else 0.0)
            + (if List.contains place aligned then 0.4 else 0.0)
            + (if isSteady history then 0.2 else 0.0)

        if weight < 0.59 then 0.0 else weight)

/// Some rounds of messages, which wander: round by round, by sender.
let private histories =
    gen {
        let! senders = Gen.choose (1, 8)
        let! dimension = Gen.choose (1, 5)
        let! rounds = Gen.choose (1, 9)
        let number = Gen.choose (-1000, 1000) |> Gen.map (fun number -> float number / 100.0)
        let! start = Gen.arrayOfLength dimension number |> Gen.arrayOfLength senders
        let! steps = Gen.arrayOfLength dimension number |> Gen.arrayOfLength senders |> Gen.listOfLength rounds
        let! calm = Gen.arrayOfLength senders (Gen.elements [ 0.0; 0.05; 1.0 ])
        let! assumed = Gen.choose (0, 3)

        let moved (messages: float[][]) (step: float[][]) =
            Array.mapi (fun sender -> Array.map2 (fun by from -> from + calm[sender] * by) step[sender]) messages

        return assumed, List.scan moved start steps
    }

/// What the rule gives in each round.
let private played assumed (rounds: float[][] list) =
    let own = Array.create rounds.Head[0].Length 20.0

    rounds
    |> List.indexed
    |> List.mapFold
        (fun (memory: Memory) (iteration, received) ->
            let view =
                View.evenly (torch.tensor own) (torch.stack (received |> Array.map (fun row -> torch.tensor row)))

            let made = Rule.aggregate (rule assumed) { view with Iteration = int64 iteration; Memory = memory }
            (floats made.Estimate, made.Stages.Head.Kept), made.Memory)
        Map.empty
    |> fst

[<Tests>]
let tests =
    testList
        "wfagg"
        [ testProperty "wfagg: every round of a history is what the definition gives"
          <| forAll histories (fun (assumed, rounds) ->
              use _ = torch.NewDisposeScope()

              played assumed rounds
              |> List.indexed
              |> List.forall (fun (round, (made, kept)) ->
                  let past = List.take (round + 1) rounds
                  let sent = Array.init rounds.Head.Length (fun sender -> past |> List.map (Array.item sender))
                  let weights = weigh assumed sent
                  let total = Array.sum weights

                  let expected =
                      if total = 0.0 then
                          Array.create made.Length 20.0
                      else
                          Array.init made.Length (fun coordinate ->
                              (Array.map2
                                  (fun weight (row: float[]) -> weight * row[coordinate])
                                  weights
                                  rounds[round]
                               |> Array.sum)
                              / total)

                  let places = weights |> Array.indexed |> Array.filter (fun (_, w) -> w > 0.0) |> Array.map fst
                  close made expected && kept = places))

          testCase "wfagg: the third filter decides for whoever has the vote of one other"
          <| fun () ->
              use _ = torch.NewDisposeScope()
              // The median is (1, 0.65). Nearest to it are 2 and 1, and 2 and 4 have the most similar direction.
              let round second =
                  [| [| 1.0; 0.0 |]
                     [| 1.0; second |]
                     [| 0.9; 0.65 |]
                     [| 30.0; 1.0 |]
                     [| 30.0; 12.0 |] |]

              let kept last =
                  played 2 [ for index in 0..7 -> round (if index = 7 then last else 0.1) ] |> List.map snd

              Expect.equal (kept 0.1 |> List.item 2) [| 2 |] "two metrics are too few"
              Expect.equal (kept 0.1 |> List.last) [| 1; 2; 4 |] "nobody moves"
              Expect.equal (kept 0.11 |> List.last) [| 2; 4 |] "whoever moves unlike before is out"

          testCase "wfagg: the messages of a sender that was silent for a while are still its own"
          <| fun () ->
              use _ = torch.NewDisposeScope()

              let heard (memory: Memory) iteration senders (rows: float[][]) =
                  let view =
                      View.evenly (torch.tensor [| 0.0 |]) (torch.stack (rows |> Array.map (fun r -> torch.tensor r)))

                  (Rule.aggregate (rule 0) { view with Senders = senders; Iteration = iteration; Memory = memory })
                      .Memory

              let first = heard Map.empty 1L [| 2; 5 |] [| [| 1.0 |]; [| 2.0 |] |]
              let second = heard first 2L [| 2; 7 |] [| [| 4.0 |]; [| 8.0 |] |]
              let third = heard second 3L [| 5 |] [| [| nan |] |]
              Expect.equal (floats third["senders"]) [| 2.0; 5.0; 7.0 |] "all that were ever heard"
              Expect.equal (floats third["last"]) [| 4.0; 2.0; 8.0 |] "what is not finite is forgotten"
              let records = floats third["records"] |> Array.chunkBySize 7

              Expect.equal
                  (records |> Array.map (fun record -> record[0], record[3]))
                  [| 1.0, 3.0; 0.0, 0.0; 0.0, 0.0 |]
                  "metrics" ]
