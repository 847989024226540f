namespace UbarFs.Testing

open System
open System.Diagnostics
open System.Threading
open UbarFs.Core
open UbarFs.Kernels

/// What came out of one law.
type LawReport = { Trial: Trial; Standing: Standing; Outcome: Outcome }

/// What the search for the worst neighbourhood found.
type ResilienceReport =
    {
        Setting: Resilience.Setting
        Worst: Resilience.Worst
        /// The κ that the rule knows for the setting.
        Bound: float option
        Steps: int
    }

/// How the measured growth of time compares with the class that the rule claims.
type CostReport = { Growth: CostFit.Growth; Claimed: Cost }

/// What came out of testing a rule.
type RuleReport =
    {
        Laws: LawReport list
        Resilience: ResilienceReport option
        /// With fewer liars assumed than there are, as many, and more; empty for a rule that is told no number.
        Breakdown: Breakdown list
        Cost: CostReport option
        /// What was to be measured and was not, with the reason.
        NotMeasured: (string * string) list
    }

/// What of a rule is tested, and how.
type Plan =
    {
        Effort: Effort
        /// The laws by name, 'resilience' and 'cost' among them; empty for all.
        Only: string list
        /// How many Byzantine neighbours the search for the worst ratio has.
        Byzantine: int
    }

/// A rule under test.
type Tested =
    {
        Rule: Rule
        /// The same rule, as it is before anybody asked it anything.
        Anew: unit -> Rule
        /// The same rule with another number of liars assumed, if it is told one.
        Assuming: (int -> Rule) option
        /// Told of the law and the number of each test.
        Watch: Trial -> int -> unit
    }

[<RequireQualifiedAccess>]
module RuleReport =

    let resilienceName = "resilience"

    let resilienceText =
        "the ratio of R's squared distance from the honest mean to their spread stays within κ"

    let breakdownName = "breakdown"
    let costName = "cost"
    let costText = "time grows with the neighbours m and the parameters d as claimed"

    /// The names that a plan can choose from, for a rule.
    let names (rule: Rule) =
        (Examination.trials rule |> List.map (fun (_, trial) -> trial.Name))
        @ [ resilienceName; breakdownName; costName ]

    let private isWanted plan name = plan.Only.IsEmpty || List.contains name plan.Only

    let private resilience plan rule =
        let dimension = plan.Effort.Dimension |> Option.defaultValue 2
        let setting = Resilience.setting rule 0.4 plan.Byzantine dimension
        let random = KeyedRandom(plan.Effort.Seed, resilienceName, 0, 0L)
        let steps = 4 * plan.Effort.Tests
        let worst = Resilience.search random steps rule setting

        { Setting = setting
          Worst = Resilience.readable rule setting worst
          Bound = Resilience.bound rule setting
          Steps = steps }

    /// Whether the worst ratio is beyond the rule's κ, and not by rounding.
    let isBeyond (report: ResilienceReport) =
        report.Bound |> Option.exists (fun bound -> report.Worst.Ratio > bound * (1.0 + 1e-6) + 1e-9)

    /// What failed although the rule promises it, or every rule has to keep it.
    let failures (report: RuleReport) : string list =
        [ for law in report.Laws do
              match law.Standing, law.Outcome with
              | (Standing.Required | Standing.Claimed), Outcome.Falsified _ -> law.Trial.Name
              | _ -> ()

          if Option.exists isBeyond report.Resilience then
              resilienceName

          if report.Cost |> Option.exists (fun cost -> CostFit.exceeds cost.Claimed cost.Growth) then
              costName ]

    // What a rule promises nothing of is told by fewer tests.
    let private effortFor standing (plan: Plan) =
        match standing with
        | Standing.Unclaimed when plan.Only.IsEmpty ->
            { plan.Effort with
                Tests = max (min 10 plan.Effort.Tests) (plan.Effort.Tests / 4) }
        | _ -> plan.Effort

    /// Laws that were not tested to the end, among those that count, and what was not measured for want of time.
    let undecided (report: RuleReport) : string list =
        [ for law in report.Laws do
              match law.Standing, law.Outcome with
              | (Standing.Required | Standing.Claimed), Outcome.Undecided _ -> law.Trial.Name
              | _ -> ()

          for name, _ in report.NotMeasured do
              name ]

    /// How many tests compare with a rule that was loaded anew, and how many neighbourhoods are asked about again later.
    let private anewTests, private recollected = 8, 6

    /// Puts what a further test found in the place of a law that held.
    let private further name (find: LawReport -> Outcome) (laws: LawReport list) =
        laws
        |> List.map (fun law ->
            match law.Outcome with
            | Outcome.Held tests when law.Trial.Name = name ->
                match find law with
                | Outcome.Falsified(number, found) -> { law with Outcome = Outcome.Falsified(tests + number, found) }
                | _ -> law
            | _ -> law)

    /// The same laws, with the rule held against itself as it was before all of them.
    let private comparedWithNew (effort: Effort) (tested: Tested) laws =
        laws
        |> further "no-history" (fun law ->
            let trial = { law.Trial with Check = Universal.saysWhatNew tested.Anew }
            Examination.ofSlowTrial { effort with Tests = min anewTests effort.Tests } tested.Rule trial)

    /// Asks again what was asked in the beginning, when enough time has passed for a clock to show it.
    let private askedAgain (effort: Effort) (clock: Stopwatch) recollections (tested: Tested) laws =
        laws
        |> further "determinism" (fun _ ->
            let left = effort.Apart - clock.Elapsed.TotalSeconds

            if left > 0.0 then
                Thread.Sleep(TimeSpan.FromSeconds left)

            recollections
            |> List.indexed
            |> List.tryPick (fun (index, (view, expected)) ->
                match LawCheck.safely (Universal.stillMakes expected) tested.Rule view with
                | Ok() -> None
                | Error violation ->
                    Some(Outcome.Falsified(index + 1, { View = view; Violation = violation; Steps = 0 })))
            |> Option.defaultValue (Outcome.Held recollections.Length))

    /// What one law leaves of the time belongs to the others.
    let private laws (plan: Plan) (tested: Tested) (clock: Stopwatch) =
        let wanted = Examination.trials tested.Rule |> List.filter (fun (_, trial) -> isWanted plan trial.Name)

        let recollections =
            wanted
            |> List.filter (fun (_, trial) -> trial.Name = "determinism")
            |> List.collect (fun (_, trial) -> Examination.smallViews recollected plan.Effort trial)
            |> List.choose (Universal.recollection tested.Rule)

        wanted
        |> List.mapi (fun index (standing, trial) ->
            let share (limit: float) = (limit - clock.Elapsed.TotalSeconds) / float (wanted.Length - index)
            let effort = effortFor standing plan
            let effort = { effort with TimeLimit = effort.TimeLimit |> Option.map share }

            { Trial = trial
              Standing = standing
              Outcome = Examination.ofTrialWatched (tested.Watch trial) effort tested.Rule trial })
        |> comparedWithNew plan.Effort tested
        |> askedAgain plan.Effort clock recollections tested

    /// A measurement; none if nobody wants it, the time is over or the rule gives no result.
    let private measured plan (clock: Stopwatch) name (measure: unit -> 'measured) =
        if not (isWanted plan name) then
            Ok None
        elif plan.Effort.TimeLimit |> Option.exists (fun limit -> clock.Elapsed.TotalSeconds > limit) then
            Error(name, "the time was over")
        else
            match LawCheck.attempt measure with
            | Ok measured -> Ok(Some measured)
            | Error violation -> Error(name, $"the rule gives no result: {violation.Got}")

    /// Tests a rule that can be had anew.
    let ofTested (plan: Plan) (tested: Tested) : RuleReport =
        let clock = Stopwatch.StartNew()
        let rule = tested.Rule
        let laws = laws plan tested clock
        let resilience = measured plan clock resilienceName (fun () -> resilience plan rule)

        let breakdown =
            match tested.Assuming with
            | Some assuming ->
                measured plan clock breakdownName (fun () -> Breakdown.measure plan.Effort plan.Byzantine assuming)
            | None -> Ok None

        let cost =
            measured plan clock costName (fun () -> { Growth = CostFit.measure rule; Claimed = rule.Cost })

        { Laws = laws
          Resilience = Result.defaultValue None resilience
          Breakdown = Result.defaultValue None breakdown |> Option.defaultValue []
          Cost = Result.defaultValue None cost
          NotMeasured =
            [ match resilience with
              | Error reason -> reason
              | Ok _ -> ()
              match breakdown with
              | Error reason -> reason
              | Ok _ -> ()
              match cost with
              | Error reason -> reason
              | Ok _ -> () ] }

    /// Tests a rule.
    let create (plan: Plan) (rule: Rule) : RuleReport =
        ofTested
            plan
            { Rule = rule
              Anew = fun () -> rule
              Assuming = None
              Watch = fun _ _ -> () }
