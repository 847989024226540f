/// What keeps chance out of test runs, and lets it in where it is wanted.
module UbarFs.Tests.HuntingTests

open System
open System.Collections.Concurrent
open System.IO
open System.Text.RegularExpressions
open Expecto
open FsCheck.FSharp

/// Runs tests by themselves; gives the exit code.
let private execute test =
    runTestsWithCLIArgs [ CLIArguments.No_Spinner; CLIArguments.Printer Impl.TestPrinters.silent ] [||] test

/// A property that keeps what it was given.
let private listening name (heard: ConcurrentQueue<int>) = testProperty name (fun (value: int) -> heard.Enqueue value)

let private valuesOf name seed =
    let heard = ConcurrentQueue()
    let code = testList "outer" [ listening name heard ] |> Seeds.give seed |> execute
    Expect.equal code 0 "it holds"
    List.ofSeq heard

let private fixedSeed =
    testCase "a seed gives the same values again, and another one others"
    <| fun () ->
        Expect.equal (valuesOf "one" 7UL) (valuesOf "one" 7UL) "again"
        Expect.notEqual (valuesOf "one" 7UL) (valuesOf "one" 8UL) "another seed"
        Expect.notEqual (valuesOf "one" 7UL) (valuesOf "another" 7UL) "another property"

let private ownSeed =
    testCase "a property that brings its own seed keeps it"
    <| fun () ->
        let valuesWith seed =
            let heard = ConcurrentQueue()

            etestProperty (1UL, 3UL, None) "one" (fun (value: int) -> heard.Enqueue value)
            |> Seeds.give seed
            |> execute
            |> ignore

            List.ofSeq heard

        Expect.equal (valuesWith 7UL) (valuesWith 8UL) "whatever the seed of the run"

let private onlyProperties =
    testCase "a hunt repeats the properties alone"
    <| fun () ->
        let mutable examples = 0
        let heard = ConcurrentQueue()

        let tests =
            testList
                "outer"
                [ testCase "an example" (fun () -> examples <- examples + 1)
                  testSequenced (testList "inner" [ listening "a property" heard ]) ]

        Expect.equal (Seeds.properties tests |> execute) 0 "they hold"
        Expect.equal examples 0 "no example"
        Expect.isNonEmpty heard "the property"

/// What a hunt prints, and its exit code.
let private hunting seeds time tests =
    let remaining = Collections.Generic.Queue<uint64>(List.toSeq seeds)
    use output = new StringWriter()
    let code = Hunting.hunt output.WriteLine remaining.Dequeue time [] tests
    code, string output

let private unlucky (seed: uint64) =
    // The seed's own values are what fails.
    let bad = valuesOf "it's one" seed |> Set.ofList
    testList "outer" [ testProperty "it's one" (fun (value: int) -> abs value < 3 || not (bad.Contains value)) ]

let private found =
    testCase "a hunt ends with the first seed that a property fails with, and the command that repeats it"
    <| fun () ->
        let alwaysFails = testList "outer" [ testProperty "it's one" (fun (value: int) -> value <> value) ]
        let code, output = hunting [ 41UL; 42UL ] (TimeSpan.FromHours 1.0) alwaysFails
        Expect.notEqual code 0 "a failure"
        Expect.stringContains output "round 1, seed 41: 1 failed" "the seed"
        Expect.stringContains output "dotnet fsi build.fsx test --seed 41 --run 'outer.it'\\''s one'" "the command"

let private repeats =
    testCase "the seed of a failure repeats it"
    <| fun () ->
        let tests = unlucky 5UL
        Expect.notEqual (Seeds.give 5UL tests |> execute) 0 "with the seed"
        let code, output = hunting [ 5UL ] TimeSpan.Zero tests
        Expect.notEqual code 0 "in a hunt"
        Expect.stringContains output "--seed 5" "and it is told"

let private notFound =
    testCase "a hunt without a catch ends when its time is over"
    <| fun () ->
        let code, output =
            hunting [ 41UL ] TimeSpan.Zero (testList "outer" [ testProperty "one" (fun () -> ()) ])

        Expect.equal code 0 output
        Expect.stringContains output "No seed of 1 has failed" "it says so"

let private commandLine =
    testCase "--seed and --hunt are read wherever they stand, and mistakes are told"
    <| fun () ->
        let parsed =
            Hunting.parse [ "--no-spinner"; "--hunt"; "2.5"; "--seed"; "9"; "--filter-test-list"; "ubar" ]

        let expected: Hunting.Request =
            { Seed = 9UL
              Hunt = Some(TimeSpan.FromMinutes 2.5)
              Others = [ "--no-spinner"; "--filter-test-list"; "ubar" ] }

        Expect.equal parsed (Ok expected) "everything"

        for wrong in
            [ [ "--seed" ]
              [ "--seed"; "x" ]
              [ "--hunt" ]
              [ "--hunt"; "-1" ]
              [ "--hunt"; "nan" ] ] do
            Expect.isError (Hunting.parse wrong) (String.concat " " wrong)

/// The tests' own sources, where they are still in their place.
let private sources = Directory.GetFiles(__SOURCE_DIRECTORY__, "*.fs")

let private noOtherChance =
    testCase "no test draws values that the seed does not give"
    <| fun () ->
        // What asks FsCheck past Expecto, and generators of .NET without a seed.
        let past = Regex @"Check\.(One|Quick)|Gen\.sample |Random\(\)|Random\.Shared|new Random"

        for file in sources do
            let name = Path.GetFileName file |> string

            if not (List.contains name [ "Main.fs"; "HuntingTests.fs" ]) then
                Expect.isFalse (past.IsMatch(File.ReadAllText file)) $"{name} uses Seeds"

[<Tests>]
let tests =
    testSequenced
    <| testList
        "seeds"
        [ fixedSeed
          ownSeed
          onlyProperties
          found
          repeats
          notFound
          commandLine
          noOtherChance ]
