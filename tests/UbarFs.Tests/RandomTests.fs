module UbarFs.Tests.RandomTests

open System
open Expecto
open FsCheck.FSharp
open UbarFs.Core
open UbarFs.Kernels
open UbarFs.Testing
open UbarFs.Testing.Generators

let private block (counter: uint32[]) (key: uint32[]) =
    let words = Array.zeroCreate<uint32> 4
    KeyedRandom.Block(ReadOnlySpan counter, ReadOnlySpan key, Span words)
    words

let private draws count (random: KeyedRandom) = List.init count (fun _ -> random.NextUInt32())

let private streamKey =
    gen {
        let! seed = Gen.choose64 (Int64.MinValue, Int64.MaxValue)

        let! purpose =
            Gen.elements
                [ Purpose.Topology
                  Purpose.Partition
                  Purpose.Batches
                  Purpose.Start
                  Purpose.Attack ]

        let! node = Gen.choose (0, 10000)
        let! iteration = Gen.choose64 (0L, 1L <<< 40)
        return seed, purpose, node, iteration
    }

let private drawsOf count (seed, purpose, node, iteration) = Random.stream seed purpose node iteration |> draws count

/// Mean and variance of many numbers.
let private moments (numbers: float32[]) =
    let mean = numbers |> Array.averageBy float
    mean, numbers |> Array.averageBy (fun number -> (float number - mean) ** 2.0)

[<Tests>]
let tests =
    testList
        "random"
        [ testCase "Philox gives the published answers"
          <| fun () ->
              Expect.equal
                  (block [| 0u; 0u; 0u; 0u |] [| 0u; 0u |])
                  [| 0x6627e8d5u; 0xe169c58du; 0xbc57ac4cu; 0x9b00dbd8u |]
                  "zeros"

              Expect.equal
                  (block (Array.create 4 UInt32.MaxValue) (Array.create 2 UInt32.MaxValue))
                  [| 0x408f276du; 0x41c83b0eu; 0xa20bc7c6u; 0x6d5451fdu |]
                  "ones"

              Expect.equal
                  (block [| 0x243f6a88u; 0x85a308d3u; 0x13198a2eu; 0x03707344u |] [| 0xa4093822u; 0x299f31d0u |])
                  [| 0xd16cfe09u; 0x94fdccebu; 0x5001e420u; 0x24126ea1u |]
                  "digits of π"

          testProperty "a stream is a function of its key"
          <| forAll streamKey (fun key -> drawsOf 9 key = drawsOf 9 key)

          testProperty "streams of different keys differ"
          <| forAll (Gen.two streamKey) (fun (one, other) -> one = other || drawsOf 4 one <> drawsOf 4 other)

          testProperty "neighbouring seeds, nodes and iterations give different streams"
          <| forAll streamKey (fun (seed, purpose, node, iteration) ->
              [ seed, purpose, node, iteration
                seed + 1L, purpose, node, iteration
                seed, purpose, node + 1, iteration
                seed, purpose, node, iteration + 1L ]
              |> List.map (drawsOf 4)
              |> List.distinct
              |> List.length
                  =
                  4)

          testProperty "a permutation has every number once"
          <| forAll (Gen.zip streamKey (Gen.choose (0, 200))) (fun ((seed, purpose, node, iteration), count) ->
              let order = (Random.stream seed purpose node iteration).Permutation count
              Array.sort order = [| 0 .. count - 1 |])

          testProperty "bounded numbers stay in their bounds"
          <| forAll (Gen.zip streamKey (Gen.choose (1, Int32.MaxValue))) (fun ((seed, purpose, node, k), bound) ->
              let random = Random.stream seed purpose node k

              List.init 20 (fun _ -> random.NextInt bound)
              |> List.forall (fun number -> 0 <= number && number < bound))

          testCase "normal and uniform numbers have their moments"
          <| fun () ->
              let numbers = Array.zeroCreate<float32> 200001
              (Random.shared 1L Purpose.Attack).FillGaussian numbers
              let mean, variance = moments numbers
              Expect.isLessThan (abs mean) 0.01 "normal mean"
              Expect.isLessThan (abs (variance - 1.0)) 0.02 "normal variance"
              (Random.shared 1L Purpose.Start).FillUniform(numbers, -3.0f, 1.0f)
              let mean, variance = moments numbers
              Expect.isLessThan (abs (mean + 1.0)) 0.02 "uniform mean"
              Expect.isLessThan (abs (variance - 16.0 / 12.0)) 0.02 "uniform variance"
              Expect.isTrue (numbers |> Array.forall (fun number -> -3.0f <= number && number < 1.0f)) "uniform range" ]
