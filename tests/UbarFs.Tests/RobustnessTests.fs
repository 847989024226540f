/// (f, κ)-robustness: no search finds estimates beyond a rule's κ.
module UbarFs.Tests.RobustnessTests

open Expecto
open UbarFs.Core
open UbarFs.Kernels
open UbarFs.Testing

let private defaults (component': Component<Rule>) = (Component.choose Map.empty component').Value

/// Neighbours, benign ratio (which sets n̂) and dimension.
let private settings = [ 3, 0.4, 1; 3, 1.0, 2; 5, 0.4, 2; 5, 0.75, 1; 7, 0.4, 1; 7, 0.75, 2 ]

let private worst name steps (rule: Rule) (neighbours, byzantine, benignRatio, dimension) =
    Resilience.search
        (KeyedRandom(7L, name, neighbours, int64 dimension))
        steps
        rule
        { Neighbours = neighbours
          Byzantine = byzantine
          Dimension = dimension
          BenignRatio = benignRatio }

let private staysWithin name (rule: Rule) (kappa: int -> int -> float) =
    testList
        name
        [ for neighbours, benignRatio, dimension in settings ->
              let byzantine = rule.Tolerance benignRatio neighbours

              testCase $"κ holds for {byzantine} Byzantine of {neighbours} in {dimension} dimensions"
              <| fun () ->
                  let worst = worst name 250 rule (neighbours, byzantine, benignRatio, dimension)
                  let bound = kappa neighbours byzantine
                  Expect.isLessThanOrEqual worst.Ratio (bound * (1.0 + 1e-6) + 1e-9) $"%A{worst.View}" ]

[<Tests>]
let tests =
    testList
        "robustness"
        [ for rule in Catalogue.rules do
              match (defaults rule).Kappa with
              | Some kappa -> staysWithin rule.Name (defaults rule) kappa
              | None -> ()

          testCase "average is soon far beyond any bound"
          <| fun () ->
              let worst = worst "average" 150 (defaults Average.rule) (5, 1, 0.4, 2)
              Expect.isGreaterThan worst.Ratio 1000.0 "the ratio" ]
