/// Scenarios that the tests of the language start from, and short ways to read them.
module UbarFs.Tests.LanguageSamples

open Expecto
open FsCheck
open UbarFs.Core
open UbarFs.Scenario

let file = "scenarios/example.yaml"

let text =
    """name: bit-flip
description: Figure 6 of the paper
seed: 2022
data:      { dataset: digits, partition: iid }
model:     { mlp: { hidden: 30 } }
network:
  topology: { random: 0.5 }
  benign: 12
  byzantine: 25%
  benign-ratio: 0.6
  enforce-benign-ratio: false
  placement: degree
  weights: metropolis
training:
  batch: 64
  epochs: 50 epochs
  rate: 0.1
  fading: none
  last-batch: keep
  start: own
  loss: hinge
rule:
  ubar: { rho: 0.3, alpha: 0.25 }
attack: { gaussian: 2.5 }
measure: { every: 20 iterations, validation: 10% }
"""

let minimal =
    """data: { dataset: digits }
model: softmax
network: { benign: 8 }
training: { epochs: 3 }
"""

/// A sweep with everything that the language has for it.
let many =
    minimal
    + """sweep:
  rule: [average, ubar]
  zip: { training.rate: [0.1, 0.05], training.batch: [16, 32] }
  variants: { calm: , lied-to: { attack: bit-flip, network.byzantine: 0.3 } }
  exclude: [{ variant: calm, rule: average }]
seeds: [1, 5]
"""

/// References of every kind, in and beside a sweep.
let referring =
    minimal
    + """name: study-${seed}-${env:UBARFS_NO_SUCH_VARIABLE:-x}
description: $${seed}
seed: 7
rule: { ubar: "${network.benign-ratio}" }
sweep:
  network.benign-ratio: [0.3, 0.6]
  training.batch: ["${seed}", 16]
"""

let accepted text overrides =
    match Scenario.parse file text overrides with
    | Ok result -> result
    | Error errors -> errors |> List.map Rendering.plain |> String.concat "" |> failtest

let runs text overrides = (accepted text overrides |> fst).Runs

let errors text overrides =
    match Scenario.parse file text overrides with
    | Ok _ -> []
    | Error errors -> errors

let span (diagnostic: Diagnostic) =
    match diagnostic.Place with
    | Place.Text span -> Some span
    | Place.File _ -> None

/// What a run is, apart from its name and the sweep.
let written run = Run.canonical run |> Map.ofList

let check name property = testProperty name property

let repeated (piece: string) times = String.replicate times piece
