/// The key `baseline` of scenarios, and the baselines of those that come with the program.
module UbarFs.Tests.BaselineKeyTests

open System.IO
open Expecto
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Report
open UbarFs.Scenario
open UbarFs.Tests.CommandProcess
open UbarFs.Tests.LanguageSamples

let private ablation =
    minimal + "sweep:\n  rule: [{ ubar: { rho: 0.3 } }, { ubar: { rho: 0.5 } }, dkrum]\n"

let private baseline text = (accepted text [] |> fst).Baseline

let private complaint text =
    match errors text [] with
    | [ error ] -> error.Message, error.Hint
    | several -> failtest $"{several.Length} errors"

let private key =
    [ testCase "it is averaging, unless a rule of the scenario is named by its name or label"
      <| fun () ->
          Expect.equal (baseline ablation) "average" "by itself"
          Expect.equal (baseline (ablation + "baseline: dkrum\n")) "dkrum" "a name"
          Expect.equal (baseline (ablation + "baseline: 'ubar (rho: 0.3)'\n")) "ubar (rho: 0.3)" "a label"

      testCase "a name that is no rule's, or several rules', is an error that says which there are"
      <| fun () ->
          let unknown, hint = complaint (ablation + "baseline: dkrun\n")
          Expect.stringContains unknown "'ubar (rho: 0.3)', 'ubar (rho: 0.5)', 'dkrum'" "those that there are"
          Expect.equal hint (Some "did you mean 'dkrum'?") "the nearest"
          let several, hint = complaint (ablation + "baseline: ubar\n")
          Expect.stringContains several "'ubar (rho: 0.3)', 'ubar (rho: 0.5)'" "those that it could be"
          Expect.equal hint (Some "the baseline is one rule: write its label") "what to do"

      testCase "it changes no run, and 'show' keeps it"
      <| fun () ->
          let ids text = runs text [] |> List.map RunStore.id
          let named = ablation + "baseline: dkrum\n"
          Expect.equal (ids named) (ids ablation) "the same runs"
          let printed = YamlText.ofScenario (accepted named [] |> fst)
          Expect.stringContains printed "baseline: dkrum" "printed"
          Expect.equal (baseline printed) "dkrum" "read again" ]

/// A study of a scenario whose runs all end alike.
let private finished (scenario: Scenario) : Study =
    TinyDataset.inFolder (fun folder ->
        File.WriteAllText(
            Path.Combine(folder, "sweep.json"),
            SweepFile.text (SweepFile.ofCampaign (Campaign.ofScenario scenario))
        )

        match Study.tryLoad folder with
        | None -> failtest "no study"
        | Some study ->
            let complete (run: StudyRun) =
                { run with
                    StudyRun.Outcome.Status = Status.Complete
                    StudyRun.Outcome.Worst = Some 0.9 }

            { study with Runs = List.map complete study.Runs })

let private withoutBaseline scenario =
    let judged = Summary.groups (finished scenario) |> Judgement.ofGroups
    VerdictNotes.withoutBaseline judged

let private shipped =
    let folder = beside "scenarios"

    // The first is what others extend; code is compiled elsewhere.
    let isExperiment (file: string) = not (List.contains (Path.GetFileName file) [ "setup.yaml"; "own-code.yaml" ])

    [ for file in Directory.GetFiles(folder, "*.yaml", SearchOption.AllDirectories) |> Array.filter isExperiment do
          let name = Path.GetRelativePath(folder, file)

          testCase $"every run of scenarios/{name} has a baseline of its own settings"
          <| fun () ->
              match Scenario.load file [] with
              | Ok(scenario, _) -> Expect.isEmpty (withoutBaseline scenario) "without a baseline"
              | Error errors -> errors |> List.map Rendering.plain |> String.concat "" |> failtest

      for starter in Starter.all |> List.filter (fun starter -> starter.Template <> "minimal") do
          testCase $"every run of the template {starter.Template} has a baseline of its own settings"
          <| fun () ->
              let scenario, _ = accepted (Starter.text "mine" starter) []
              Expect.isEmpty (withoutBaseline scenario) "without a baseline"

      testCase "the single run of the template minimal is told what it lacks"
      <| fun () ->
          let minimal = Starter.all |> List.find (fun starter -> starter.Template = "minimal")
          let note = withoutBaseline (accepted (Starter.text "mine" minimal) [] |> fst) |> List.exactlyOne
          Expect.stringContains note "'sweep: { attack: [absent, " "a baseline"
          Expect.stringContains note "'repeat: 5'" "seeds that decide" ]

[<Tests>]
let tests = testList "baseline" [ testList "key" key; testList "shipped" shipped ]
