/// A scenario as those need it who do its runs: they know nothing of the language.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.Campaign

open UbarFs.Core

/// The campaign that a scenario describes.
let ofScenario (scenario: Scenario) : Campaign =
    { Name = scenario.Name
      Description = scenario.Description
      Scenario = YamlText.ofScenario scenario
      Baseline = scenario.Baseline
      Runs = scenario.Runs
      Names = RunNames.among scenario.Runs
      Json = SettingsJson.ofCanonical }
