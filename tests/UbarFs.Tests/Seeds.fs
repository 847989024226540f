/// Where the random values of properties come from: a fixed seed, so that a test run tells of the code and not of luck.
module UbarFs.Tests.Seeds

open System
open System.Text
open Expecto
open FsCheck
open FsCheck.FSharp

/// The seed of a test run that nobody gave another.
let usual = 1UL

/// Property tests by their full name have random values of their own, which follow from the seed and the name (FNV-1a).
let private ofName (seed: uint64) (name: string) =
    Encoding.UTF8.GetBytes name
    |> Array.fold (fun hash letter -> (hash ^^^ uint64 letter) * 1099511628211UL) (14695981039346656037UL ^^^ seed)

// FsCheck's generator asks for an odd number beside the state.
let private replay seed name = ofName seed name, 2UL * seed + 1UL

let private map change test =
    let rec go trail test =
        match test with
        | TestCase(code, focus) ->
            change (String.concat "." (List.rev trail)) code |> Option.map (fun code -> TestCase(code, focus))
        | TestList(tests, focus) ->
            match List.choose (go trail) tests with
            | [] -> None
            | tests -> Some(TestList(tests, focus))
        | TestLabel(label, test, focus) ->
            go (label :: trail) test |> Option.map (fun test -> TestLabel(label, test, focus))
        | Test.Sequenced(method', test) -> go trail test |> Option.map (fun test -> Test.Sequenced(method', test))

    go [] test |> Option.defaultValue (TestList([], FocusState.Normal))

let private seeded seed name code =
    match code with
    | AsyncFsCheck(config, stress, check) ->
        let state, gamma = replay seed name

        // A test that brings its own values, as one that repeats a failure, keeps them.
        let withSeed (config: FsCheckConfig) =
            { config with
                FsCheckConfig.replay = config.replay |> Option.orElse (Some(state, gamma, None)) }

        AsyncFsCheck(config, stress, withSeed >> check)
    | code -> code

/// The tests with the values of a seed in their properties.
let give (seed: uint64) (test: Test) : Test = map (fun name code -> Some(seeded seed name code)) test

/// Only the properties among the tests.
let properties (test: Test) : Test =
    let keep _ code =
        match code with
        | AsyncFsCheck _ -> Some code
        | _ -> None

    map keep test

/// Some values of a generator, always the same.
let sample count (generator: Gen<'value>) : 'value[] =
    Gen.sampleWithSeed (Rnd(usual, 2UL * usual + 1UL)) 50 count generator
