namespace UbarFs.Testing

open System
open System.Diagnostics
open FsCheck
open FsCheck.FSharp
open UbarFs.Core
open UbarFs.Kernels

/// A neighbourhood on which a rule breaks a law.
type Counterexample =
    {
        /// As small and as readable as shrinking made it.
        View: Neighbourhood
        Violation: Violation
        /// The simplifications that led to it.
        Steps: int
    }

/// What came out of testing one law.
[<RequireQualifiedAccess>]
type Outcome =
    | Held of tests: int
    /// No test failed, but the time that was given ended before all of them were made.
    | Undecided of tests: int
    | Falsified of tests: int * Counterexample

/// Why a law is tested.
[<RequireQualifiedAccess>]
type Standing =
    /// Every rule has to keep it.
    | Required
    /// The rule claims it.
    | Claimed
    /// For information: the rule promises nothing.
    | Unclaimed

/// How much is tested, and on what.
type Effort =
    {
        /// For each law.
        Tests: int
        /// After so many seconds of all laws together tests end early, undecided. Without it each law has all its tests,
        /// whatever else the machine does.
        TimeLimit: float option
        /// Some questions are asked a second time so many seconds after the first, at least: a rule that goes by a clock
        /// says something else then.
        Apart: float
        Seed: int64
        /// d of every neighbourhood; none for all kinds.
        Dimension: int option
    }

[<RequireQualifiedAccess>]
module Effort =

    /// What is tested unless somebody says otherwise: the same every time.
    let standard = { Tests = 100; TimeLimit = None; Apart = 1.1; Seed = 1L; Dimension = None }

/// Testing laws. Test i of a law is a function of the seed, the law's name and i alone.
[<RequireQualifiedAccess>]
module Examination =

    /// The most neighbourhoods that are tried in search of a smaller counterexample.
    let private shrinking = 2000

    let private view (effort: Effort) (trial: Trial) test =
        let random = KeyedRandom(effort.Seed, trial.Name, test, 0L)
        let seed = Rnd((uint64 (random.NextUInt32()) <<< 32) ||| uint64 (random.NextUInt32()))
        Gen.sampleWithSeed seed 50 1 trial.Views |> Array.head

    /// The smallest neighbourhood that was seen to fail. A rule that goes by more than its view may break a law now and
    /// keep it then: what was seen is told.
    let private shrunk budget (trial: Trial) rule view violation =
        let seen = ref violation

        let fails candidate =
            match Trial.check trial rule candidate with
            | Error violation ->
                seen.Value <- violation
                true
            | Ok() -> false

        let smallest, steps = Shrinking.smallest budget fails view
        { View = smallest; Violation = seen.Value; Steps = steps }

    let private ofDemanded (effort: Effort) trial =
        match effort.Dimension with
        | Some dimension -> Trial.ofDimension dimension trial
        | None -> trial

    let private tested budget (watch: int -> unit) (effort: Effort) (rule: Rule) (trial: Trial) : Outcome =
        let clock = Stopwatch.StartNew()

        let isOver () =
            effort.TimeLimit |> Option.exists (fun limit -> clock.Elapsed.TotalSeconds > limit)

        let trial = ofDemanded effort trial

        let rec test number =
            if number = effort.Tests then
                Outcome.Held number
            elif isOver () then
                Outcome.Undecided number
            else
                watch number
                let view = view effort trial number

                match Trial.check trial rule view with
                | Ok() -> test (number + 1)
                | Error violation -> Outcome.Falsified(number + 1, shrunk budget trial rule view violation)

        test 0

    /// Tests one law of one rule, for `effort.TimeLimit` seconds at most. `watch` is told the number of each test.
    let ofTrialWatched watch (effort: Effort) (rule: Rule) (trial: Trial) : Outcome =
        tested shrinking watch effort rule trial

    /// Tests one law of one rule, for `effort.TimeLimit` seconds at most.
    let ofTrial (effort: Effort) (rule: Rule) (trial: Trial) : Outcome = ofTrialWatched ignore effort rule trial

    /// A few tests that take long: fewer neighbourhoods are tried in search of a smaller counterexample.
    let ofSlowTrial (effort: Effort) (rule: Rule) (trial: Trial) : Outcome = tested 60 ignore effort rule trial

    /// The first neighbourhoods of a law, with two neighbours at most, and in two dimensions unless there are to be others.
    let smallViews count (effort: Effort) (trial: Trial) : Neighbourhood list =
        let few (view: Neighbourhood) = Neighbourhood.choose [| 0 .. min 2 (Neighbourhood.count view) - 1 |] view

        match effort.Dimension with
        | Some dimension -> List.init count (view effort (Trial.ofDimension dimension trial) >> few)
        | None -> List.init count (view effort trial >> few >> Neighbourhood.map (Array.truncate 2))

    /// Why a law is tested of a rule.
    let standing (rule: Rule) (trial: Trial) =
        match trial.Law with
        | None -> Standing.Required
        | Some law when List.contains law rule.Claims -> Standing.Claimed
        | Some _ -> Standing.Unclaimed

    let private concerns (rule: Rule) (trial: Trial) =
        match trial.Law, rule.Stages with
        | None, _ when StageLaws.isOne trial.Name -> not rule.Before.IsEmpty
        | None, _ -> trial.Name <> "network-form" || rule.Network.IsSome
        | Some Law.MeanOfKept, [] -> false
        | Some Law.TwoStages, [ _; _ ] -> true
        | Some Law.TwoStages, _ -> false
        | Some _, _ -> true

    /// What is tested of a rule: what every rule has to keep, then what it claims, then the other laws that could mean
    /// something for it.
    let trials (rule: Rule) : (Standing * Trial) list =
        let others = Law.all |> List.except rule.Claims |> List.map Trial.ofLaw
        let claimed = rule.Claims |> List.distinct |> List.map Trial.ofLaw

        List.filter (concerns rule) Trial.universal @ claimed @ List.filter (concerns rule) others
        |> List.map (fun trial -> standing rule trial, trial)
