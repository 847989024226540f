module UbarFs.Tests.Main

open Expecto
open UbarFs.Kernels.LibTorch
open UbarFs.Tests

[<EntryPoint>]
let main arguments =
    LibTorchLoader.Load() |> ignore

    runTestsWithCLIArgs
        []
        arguments
        (testList
            "UbarFs"
            [ RandomTests.tests
              NetworkTests.tests
              TopologyTests.tests
              PlacementTests.tests
              GraphFileTests.tests
              GraphFiguresTests.tests
              UbarTests.tests
              RelatedRuleTests.tests
              RememberingRuleTests.tests
              OracleTests.tests
              RuleLawTests.tests
              RobustnessTests.tests
              TestRuleTests.tests
              PlantedBugTests.tests
              BaselineTests.tests
              TrainingTests.tests
              SimulationTests.tests
              KernelTests.tests
              PooledConvolutionTests.tests
              NetworkFormTests.tests
              OnDeviceTests.tests
              ModelTests.tests
              LibTorchTests.tests
              NativeNumberTests.tests
              DataTests.tests
              DownloadTests.tests
              ImageTests.tests
              ImageStoreTests.tests
              ImportTests.tests
              LayerTests.tests
              LanguageTests.tests
              SchemaTests.tests
              CanonicalTests.tests
              ScriptTests.tests
              RuleScriptTests.tests
              UserCodeTests.tests
              RuleAssemblyTests.tests
              NpyTests.tests
              GuestAssemblyTests.tests
              ExampleCodeTests.tests
              CodeCommandTests.tests
              CodeTemplateTests.tests
              TutorialTests.tests
              ReferenceTests.tests
              ObservationTests.tests
              SessionTests.tests
              ReportTests.tests
              PageTests.tests
              StoreTests.tests
              DisturbanceTests.tests
              CommandLineTests.tests
              AttackTests.tests
              TailoredAttackTests.tests
              AttackLawTests.tests
              TheoremTests.tests ])
