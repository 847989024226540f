/// Examples, worked out by hand, of the rules that judge by statistics of what was received: DnC, SketchGuard, SignGuard,
/// FLAME and FoolsGold.
module UbarFs.Tests.StatisticalRuleTests

open Expecto
open TorchSharp
open UbarFs.Core
open UbarFs.Testing
open UbarFs.Tests.RelatedRuleTests

let private around (own: float[]) (received: float[][]) : Neighbourhood =
    { Own = own
      Received = received
      OwnLoss = 1.0
      Losses = Array.map (fun _ -> 1.0) received
      BenignRatio = 1.0 }

let private origin = [| 0.0; 0.0 |]
let private scaled (factor: float) = Array.map ((*) factor)

let private isClose expected (made: float[]) = Expect.isTrue (close made expected) $"{made} against {expected}"

let private dnc assumed more =
    chosen Dnc.rule ([ "assumed", Value.Whole assumed; "alpha", Value.Real 0.0 ] @ more)

let private divideAndConquer =
    [ testCase "dnc: drops what is far along the top direction, and not what is far across it"
      <| fun () ->
          // Around their mean (2, 0) squares are 4, 4, 1, 9, 64 along the first axis and 9, 9, 0, 0, 0 along the second.
          let view =
              around
                  origin
                  [| [| 0.0; 3.0 |]
                     [| 0.0; -3.0 |]
                     [| 1.0; 0.0 |]
                     [| -1.0; 0.0 |]
                     [| 10.0; 0.0 |] |]

          let made, kept = apply (dnc 2L []) view
          Expect.equal kept [| 0; 1; 2 |] "without 64 and 9"
          isClose [| 1.0 / 3.0; 0.0 |] made

      testCase "dnc: drops colluders who agree on a direction, though no coordinate of theirs stands out"
      <| fun () ->
          // Benign estimates are as long, each along an axis of its own and its opposite; the colluders push all axes.
          let benign =
              [| for axis in 0..3 do
                     for sign in [ 2.0; -2.0 ] -> Array.init 4 (fun other -> if other = axis then sign else 0.0) |]

          let view = around (Array.create 4 0.0) (Array.append benign (Array.create 3 (Array.create 4 1.5)))
          let made, kept = apply (dnc 3L []) view
          Expect.equal kept [| 0..7 |] "the benign"
          isClose (Array.create 4 0.0) made

      testCase "dnc: what one round drops is not kept by the others"
      <| fun () ->
          let view =
              around
                  origin
                  [| [| 9.0; 0.0 |]
                     [| 0.0; 9.0 |]
                     [| 0.0; 0.0 |]
                     [| 0.0; 0.0 |]
                     [| 0.0; 0.0 |] |]
          // With one coordinate in each of twenty rounds both have their turn.
          let turns = [ "coordinates", Value.Whole 1L; "rounds", Value.Whole 20L ]
          Expect.equal (snd (apply (dnc 1L turns) view)) [| 2; 3; 4 |] "each liar is the farthest once"
          Expect.equal (snd (apply (dnc 1L []) view)) [| 0; 2; 3; 4 |] "of two as far the last is dropped"

      testCase "dnc: what is not finite counts among those that are dropped"
      <| fun () ->
          let view = around origin [| [| nan; 0.0 |]; [| 1.0; 0.0 |]; [| 2.0; 0.0 |]; [| 9.0; 0.0 |] |]
          Expect.equal (snd (apply (dnc 1L []) view)) [| 1; 2; 3 |] "one is dropped, and it is not a number" ]

let private sketches =
    let sketch buckets =
        chosen SketchGuard.rule [ "sketch", Value.Whole buckets; "gamma", Value.Real 0.3 ]

    [ testCase "sketch-guard: in a single bucket differences can cancel, and one of these two must"
      <| fun () ->
          let view = around [| 1.0; 0.0 |] [| [| 101.0; 100.0 |]; [| 101.0; -100.0 |] |]
          Expect.hasLength (snd (apply (sketch 1L) view)) 1 "the signs of two coordinates are equal, or they are not"
          Expect.isEmpty (snd (apply (chosen Balance.rule []) view)) "both are far away"

      testCase "sketch-guard: a quarter through the run, γ·e^(−κ/4) of the own length is near enough"
      <| fun () ->
          // 0.3·e^(−1/4) = 0.2336
          let view = around [| 1.0; 0.0 |] [| [| 1.23; 0.0 |]; [| 1.24; 0.0 |]; [| 1.0; -0.23 |] |]
          let made, kept = apply (sketch 1000L) view
          Expect.equal kept [| 0; 2 |] "two are near"
          isClose [| 1.115; -0.115 |] made ]

let private signs =
    let own = Array.create 10 0.0
    let direction = Array.init 10 (fun coordinate -> if coordinate < 8 then 1.0 else -1.0)
    let rule = chosen SignGuard.rule [ "share", Value.Real 1.0 ]

    [ testCase
          "sign-guard: drops the one with other signs and the one that is too long, and cuts the rest to the median"
      <| fun () ->
          // Lengths are √10 times 1, 1.2, 1, 1 and 50; their median is √10.
          let view =
              around
                  own
                  [| direction
                     scaled 1.2 direction
                     direction
                     scaled -1.0 direction
                     scaled 50.0 direction |]

          let made, kept = apply rule view
          Expect.equal kept [| 0; 1; 2 |] "with most signs, and of ordinary length"
          isClose direction made

      testCase "sign-guard: what is too short is dropped as well"
      <| fun () ->
          let view = around own [| direction; direction; direction; scaled 0.05 direction |]
          Expect.equal (snd (apply rule view)) [| 0; 1; 2 |] "a twentieth is less than a tenth" ]

let private flame =
    let rule noise = chosen Flame.rule [ "noise", Value.Real noise ]

    [ testCase "flame: keeps the majority by direction, and cuts it to the median distance"
      <| fun () ->
          // Directions of 0°, 5.7°, 2.9°, 180° and 90°; distances from 0 of 1, 1.005, 10.01, 1 and 1.
          let view =
              around
                  origin
                  [| [| 1.0; 0.0 |]
                     [| 1.0; 0.1 |]
                     [| 10.0; 0.5 |]
                     [| -1.0; 0.0 |]
                     [| 0.0; 1.0 |] |]

          let made, kept = apply (rule 0.0) view
          Expect.equal kept [| 0; 1; 2 |] "three of five"
          let one, other = sqrt 1.01, sqrt 100.25
          isClose [| (1.0 + 1.0 / one + 10.0 / other) / 3.0; (0.1 / one + 0.5 / other) / 3.0 |] made

      testCase "flame: the noise is λ times the median distance"
      <| fun () ->
          let far = Array.create 4000 0.0 |> Array.updateAt 0 8.0
          let view = around (Array.create 4000 0.0) [| far; far; far |]
          let disturbed, plain = fst (apply (rule 0.5) view), fst (apply (rule 0.0) view)
          let deviation = sqrt (distance disturbed plain ** 2.0 / 4000.0)
          Expect.floatClose { absolute = 0.2; relative = 0.0 } deviation 4.0 "half of 8" ]

let private foolsGold =
    let rule = chosen FoolsGold.rule []

    let iterate (memory: Memory) received =
        Rule.aggregate rule { Neighbourhood.toView (around origin received) with Memory = memory }

    [ testCase "fools-gold: two copies weigh nothing"
      <| fun () ->
          let made, kept =
              apply rule (around origin [| [| 1.0; 0.0 |]; [| 1.0; 0.0 |]; [| 0.0; 1.0 |]; [| -1.0; -1.0 |] |])

          Expect.equal kept [| 2; 3 |] "the others"
          isClose [| -0.25; 0.0 |] made

      testCase "fools-gold: two that are half alike weigh half"
      <| fun () ->
          // cos = ½, so a = ½ of the largest, and w = ln 1 + ½.
          let high = sqrt 3.0 / 2.0
          let made, _ = apply rule (around origin [| [| 1.0; 0.0 |]; [| 0.5; high |]; [| -1.0; 0.0 |] |])
          isClose [| -1.0 / 12.0; high / 6.0 |] made

      testCase "fools-gold: whoever is like a sybil without being one is pardoned"
      <| fun () ->
          // The third has cos = ½ with both copies, for whom it is 1: its ½ counts ½·½/1, so that a = ¾ against the
          // 1 of the fourth, and w = ln 3 + ½ > 1.
          let high = sqrt 3.0 / 2.0
          let view = around origin [| [| 1.0; 0.0 |]; [| 1.0; 0.0 |]; [| 0.5; high |]; [| -1.0; -high |] |]
          let made, kept = apply rule view
          Expect.equal kept [| 2; 3 |] "the copies alone weigh nothing"
          isClose [| -0.125; 0.0 |] made

      testCase "fools-gold: senders that were alike for long are not told apart by one difference"
      <| fun () ->
          use _ = torch.NewDisposeScope()
          let apart = [| [| 0.0; 1.0 |]; [| 0.0; -1.0 |]; [| -1.0; 0.0 |] |]
          let alike = [| [| 1.0; 0.0 |]; [| 1.0; 0.0 |]; [| -1.0; 0.0 |] |]
          let past = Seq.fold (fun memory _ -> (iterate memory alike).Memory) Map.empty [ 1..10 ]
          let kept memory = (iterate memory apart).Stages.Head.Kept
          Expect.equal (kept Map.empty) [| 0; 1; 2 |] "without a past all differ"
          Expect.equal (kept past) [| 2 |] "H is (10, 1) and (10, −1)"

      testCase "fools-gold: a history belongs to its sender, whoever else is heard"
      <| fun () ->
          use _ = torch.NewDisposeScope()

          let heard (senders: int[]) (memory: Memory) received =
              Rule.aggregate
                  rule
                  { Neighbourhood.toView (around origin received) with
                      Senders = senders
                      Memory = memory }

          let first = heard [| 3; 7 |] Map.empty [| [| 1.0; 0.0 |]; [| 0.0; 4.0 |] |]
          let second = heard [| 5; 7 |] first.Memory [| [| 2.0; 2.0 |]; [| 1.0; 0.0 |] |]
          Expect.equal (floats second.Memory["senders"]) [| 3.0; 5.0; 7.0 |] "all that were ever heard"
          Expect.equal (floats second.Memory["history"]) [| 1.0; 0.0; 2.0; 2.0; 1.0; 4.0 |] "their sums" ]

[<Tests>]
let tests =
    testList
        "statistical rules"
        [ yield! divideAndConquer
          yield! sketches
          yield! signs
          yield! flame
          yield! foolsGold ]
