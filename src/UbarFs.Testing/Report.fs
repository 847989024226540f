namespace UbarFs.Testing

open System.Diagnostics
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
    { Laws: LawReport list
      Resilience: ResilienceReport option
      Cost: CostReport option }

/// What of a rule is tested, and how.
type Plan =
    {
        Effort: Effort
        /// The laws by name, 'resilience' and 'cost' among them; empty for all.
        Only: string list
        /// How many Byzantine neighbours the search for the worst ratio has.
        Byzantine: int
    }

[<RequireQualifiedAccess>]
module RuleReport =

    let resilienceName = "resilience"

    let resilienceText =
        "the ratio of R's squared distance from the honest mean to their spread stays within κ"

    let costName = "cost"
    let costText = "time grows with the neighbours m and the parameters d as claimed"

    /// The names that a plan can choose from, for a rule.
    let names (rule: Rule) =
        (Examination.trials rule |> List.map (fun (_, trial) -> trial.Name)) @ [ resilienceName; costName ]

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

    /// What one law leaves of the time belongs to the others.
    let private laws (plan: Plan) rule =
        let wanted = Examination.trials rule |> List.filter (fun (_, trial) -> isWanted plan trial.Name)

        // Code that runs for the first time is compiled first, at nobody's expense.
        wanted
        |> List.tryHead
        |> Option.iter (fun (_, trial) -> Examination.ofTrial { plan.Effort with Tests = 1 } rule trial |> ignore)

        let clock = Stopwatch.StartNew()

        wanted
        |> List.mapi (fun index (standing, trial) ->
            let left = plan.Effort.Patience - clock.Elapsed.TotalSeconds
            let effort = { effortFor standing plan with Patience = left / float (wanted.Length - index) }

            { Trial = trial
              Standing = standing
              Outcome = Examination.ofTrial effort rule trial })

    /// Tests a rule.
    let create (plan: Plan) (rule: Rule) : RuleReport =
        { Laws = laws plan rule
          Resilience =
            if isWanted plan resilienceName then
                Some(resilience plan rule)
            else
                None
          Cost =
            if isWanted plan costName then
                Some { Growth = CostFit.measure 0.2 rule; Claimed = rule.Cost }
            else
                None }
