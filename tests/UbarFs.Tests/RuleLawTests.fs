/// The laws of every rule of the catalogue, and what shows that the checks can fail.
module UbarFs.Tests.RuleLawTests

open Expecto
open FsCheck
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Testing

/// Beside the views of test-rule those at the ends of what float64 can hold.
let private viewsOf (trial: Trial) =
    match trial.Law with
    | Some Law.CoordinateRange -> Gen.frequency [ 8, trial.Views; 1, Generators.enormous; 2, Generators.extreme ]
    | Some(Law.Translation | Law.Scaling | Law.Mirroring | Law.Containment | Law.Fixpoint)
    | None -> Gen.frequency [ 8, trial.Views; 1, Generators.enormous ]
    | Some _ -> trial.Views

let private config = { FsCheckConfig.defaultConfig with maxTest = 60 }

let private claims (trial: Trial) (rule: Chosen<Rule>) =
    trial.Law |> Option.forall (fun law -> List.contains law rule.Value.Claims)

/// A trial of a rule with parameters of all kinds; of a law, with those with which the rule claims it.
let private property (component': Component<Rule>) (trial: Trial) =
    let rules = Generators.chosen component' |> Gen.where (claims trial)

    testPropertyWithConfig config trial.Name
    <| Prop.forAll (Arb.fromGen (Gen.zip rules (viewsOf trial))) (fun (rule, view) ->
        match Trial.check trial rule.Value view with
        | Ok() -> ()
        | Error violation -> failtest $"{Chosen.canonical rule}: {Violation.text violation}")

/// The laws that a rule claims with some of its parameters.
let private claimed (component': Component<Rule>) =
    let some = Seeds.sample 60 (Generators.chosen component')

    Law.all |> List.map Trial.ofLaw |> List.filter (fun trial -> Array.exists (claims trial) some)

let private bfloat16 =
    { List.head Trial.universal with
        Name = "shape in bfloat16"
        Check = Universal.keepsShape [ torch.bfloat16 ] }

let private everyRule =
    [ for rule in Catalogue.rules ->
          testList rule.Name (List.map (property rule) (bfloat16 :: Trial.universal @ claimed rule)) ]

let private defaults (component': Component<Rule>) = (Component.choose Map.empty component').Value

/// Whether a rule is found to break a law on one of many views.
let private isCaught (trial: Trial) rule =
    Seeds.sample 200 trial.Views
    |> Array.exists (fun view -> Result.isError (Trial.check trial rule view))

let private planted reference = Rule.aggregating 0.5 (fun view -> Aggregate.ofEstimate (reference view))
let private mean (view: View) = Estimate.mean view.Received

let private keeping stages (rule: Rule) =
    let reference (view: View) =
        let rows = [| 0 .. int view.Received.shape[0] - 1 |]

        { rule.Reference view with
            Stages = stages |> List.map (fun name -> { Name = name; Kept = rows }) }

    { rule with Reference = reference } |> Rule.selecting stages

/// For each law, a rule that does not keep it.
let private breaking law =
    match law with
    | Law.NeighbourOrder -> planted (fun view -> view.Received[0].clone())
    | Law.Translation -> planted (fun view -> Native.scaled 0.9 (mean view))
    | Law.Scaling -> planted (fun view -> Native.sum view.Own ((mean view - view.Own).tanh()))
    | Law.Rotation -> planted (fun view -> OrderStatistics.median (OrderStatistics.sorted view.Received))
    | Law.Mirroring -> planted (fun view -> view.Received.amax [| 0L |])
    | Law.CoordinateRange -> planted (fun view -> Native.scaled 2.0 (mean view) - view.Own)
    | Law.Containment -> planted mean |> Rule.tolerating (fun _ _ -> 1)
    | Law.Fixpoint -> planted (fun view -> Native.shifted 1.0 (mean view))
    | Law.OwnApart -> planted (fun view -> Native.scaled 0.5 (Native.sum (mean view) view.Own))
    | Law.Weightless -> planted mean
    | Law.MeanOfKept -> planted (fun view -> view.Own.clone ()) |> keeping [ "all" ]
    | Law.TwoStages -> planted mean |> keeping [ "near"; "good" ]
    | Law.Precision -> planted (mean >> Native.square)
    | Law.SameAs _ -> defaults Average.rule

/// The same for what every rule has to keep.
let private breakingUniversal =
    let calls = ref 0.0
    let last = ref 0.0

    [ "shape", planted (fun view -> (mean view).to_type torch.float32)
      "determinism",
      planted (fun view ->
          calls.Value <- calls.Value + 1.0
          Native.shifted (float calls.Value) (mean view))
      "purity", planted (fun view -> view.Own.copy_(mean view).clone())
      "no-history",
      planted (fun view ->
          let before = last.Value
          last.Value <- float view.Received.shape[0]
          Native.shifted before (mean view))
      "stages", planted mean |> Rule.selecting [ "stage" ]
      "update", { planted mean with Update = Update.Guf(fun _ -> 1.5) }
      "network-form",
      planted mean
      |> Rule.allAtOnce (fun view ->
          NetworkView.withoutStages view (view.Pool.index_select (0L, torch.tensor view.Own))) ]

/// Laws that a rule does not claim although no view is found that breaks them, each with the reason.
let private unclaimed: (string * Law * string) list =
    let gradient = "the gradient of these views is half of the own estimate, and goes with it"
    let first = "a rule that remembers is at its first iteration in these views"

    [ "byrdie", Law.Scaling, gradient

      for law in
          [ Law.Translation
            Law.Scaling
            Law.Rotation
            Law.Mirroring
            Law.CoordinateRange
            Law.MeanOfKept
            Law.Weightless
            Law.Precision ] do
          "fltrust", law, first

      "afa", Law.OwnApart, first
      "afa", Law.MeanOfKept, first

      for law in [ Law.Rotation; Law.OwnApart ] do
          "dnc", law, "these views have so few coordinates that each round looks at all of them"

      for law in
          [ Law.NeighbourOrder
            Law.Translation
            Law.Scaling
            Law.Rotation
            Law.CoordinateRange
            Law.Fixpoint
            Law.Precision ] do
          "draco", law, "in these views hardly two of a group send the same, and the own estimate is kept"

      "election", Law.Precision, "rounding leaves signs as they are"

      for law in
          [ Law.NeighbourOrder
            Law.Translation
            Law.Scaling
            Law.Rotation
            Law.Mirroring
            Law.OwnApart
            Law.Precision ] do
          "gaavernor", law, first

      for law in
          [ Law.NeighbourOrder
            Law.Translation
            Law.Scaling
            Law.Rotation
            Law.Mirroring
            Law.Precision ] do
          "trusted-weights", law, first

      "wfagg", Law.MeanOfKept, first
      "wfagg", Law.Precision, "it differs where the rounded median is nearer to another estimate, which is rare"

      "sketch-guard", Law.Rotation, "these views have so few coordinates that no two share a bucket" ]

let private refuted =
    testList
        "what is not claimed does not hold"
        [ for rule in Catalogue.rules do
              for law in Law.all |> List.except (defaults rule).Claims do
                  testCase $"{rule.Name}: {law}"
                  <| fun () ->
                      let isKnown = unclaimed |> List.exists (fun (name, other, _) -> name = rule.Name && other = law)
                      Expect.equal (isCaught (Trial.ofLaw law) (defaults rule)) (not isKnown) "a counterexample" ]

let private checks =
    testList
        "the checks"
        [ for law in Law.all do
              testCase $"{law} is claimed by a rule of the catalogue"
              <| fun () ->
                  Expect.exists Catalogue.rules (fun rule -> List.contains law (defaults rule).Claims) "a claim"

          for law in Law.SameAs "dmedian" :: Law.all do
              testCase $"{law} is found broken in a rule that breaks it"
              <| fun () -> Expect.isTrue (isCaught (Trial.ofLaw law) (breaking law)) "a counterexample"

          for name, rule in breakingUniversal do
              testCase $"{name} is found broken in a rule that breaks it"
              <| fun () ->
                  let trial = Trial.universal |> List.find (fun trial -> trial.Name = name)
                  Expect.isTrue (isCaught trial rule) "a counterexample"

          testCase "every rule is the same as itself"
          <| fun () ->
              for rule in Catalogue.rules do
                  let trial = Trial.ofLaw (Law.SameAs rule.Name)

                  for view in Seeds.sample 20 trial.Views do
                      Expect.isOk (Trial.check trial (defaults rule) view) rule.Name

          testCase "dbulyan depends on the order of the neighbours even without ties in what it receives"
          <| fun () ->
              let dbulyan = defaults Bulyan.dbulyan
              Expect.isFalse (List.contains Law.NeighbourOrder dbulyan.Claims) "so it does not claim the law"
              Expect.isTrue (isCaught (Trial.ofLaw Law.NeighbourOrder) dbulyan) "a counterexample" ]

[<Tests>]
let tests = testList "rule laws" (everyRule @ [ refuted; checks ])
