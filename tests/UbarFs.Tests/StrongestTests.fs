/// The search for the strongest attack on a rule.
module UbarFs.Tests.StrongestTests

open Expecto
open FsCheck
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Testing
open UbarFs.Testing.Generators
open UbarFs.Testing.Situations
open UbarFs.Tests.Runs

let private search =
    [ testProperty "the search is never below its grid, takes all its evaluations, and finds the peak of a hill"
      <| forAll (Gen.zip (Gen.choose (2, 40)) (Gen.choose (0, 1000))) (fun (evaluations, thousandths) ->
          let peak = float thousandths / 1000.0
          let mutable tried = 0

          let hill (shares: float[]) =
              tried <- tried + 1
              shares |> Array.map (fun share -> -abs(share - peak))

          let share, value = Array.exactlyOne (LineSearch.best 1 evaluations hill)
          let points = LineSearch.gridPoints evaluations
          let best = LineSearch.grid points |> Array.map (fun point -> -abs(point - peak)) |> Array.max
          // The section around the best point of the grid shrinks by 0.618 with each evaluation after its first two.
          let left = 2.0 / float (points - 1) * 0.6181 ** float (max 0 (evaluations - points - 1))

          tried = max evaluations points
          && value = -abs(share - peak)
          && value >= best
          && (evaluations < points + 2 || abs (share - peak) <= left + 1e-12))

      testCase "lanes are searched each by itself"
      <| fun () ->
          let peaks = [| 0.13; 0.5; 0.98 |]

          let found = LineSearch.best 3 40 (Array.map2 (fun (peak: float) share -> -abs(share - peak)) peaks)

          for (share, _), peak in Array.zip found peaks do
              Expect.isLessThan (abs (share - peak)) 1e-4 $"{peak}"

          let alone = LineSearch.best 1 40 (fun shares -> [| -abs(shares[0] - 0.98) |])
          Expect.equal alone[0] found[2] "the same alone"

      testCase "of equals the weakest is taken, and what is no number is none"
      <| fun () ->
          Expect.equal (LineSearch.best 1 10 (fun _ -> [| 1.0 |])) [| 0.0, 1.0 |] "equals"
          let odd (shares: float[]) = shares |> Array.map (fun share -> if share < 0.9 then nan else share)
          Expect.equal (LineSearch.best 1 10 odd) [| 1.0, 1.0 |] "not a number" ]

/// The attacks that have a strength, with it.
let private strengths =
    [ for attack in Catalogue.attacks do
          match (Component.choose Map.empty attack).Value with
          | Attack.Present { Strength = Some strength } -> attack.Name, strength
          | _ -> () ]

let private affinity =
    [ for name, strength in strengths do
          testProperty $"{name}: what is sent is affine in the strength '{strength.Parameter}'"
          <| forAll (situations 2) (fun situation ->
              let sent value =
                  letters (behaviour name [ strength.Parameter, Value.Real value ]) situation |> List.last

              let low, high = strength.Range
              let weak, strong = sent low, sent high
              let middle = sent (low + 0.3 * (high - low))

              List.forall2
                  (fun (weak: Letter, strong: Letter) (middle: Letter) ->
                      let expected =
                          Array.map2
                              (fun weak strong -> 0.7 * weak + 0.3 * strong)
                              weak.Vector.Value
                              strong.Vector.Value

                      close middle.Vector.Value expected)
                  (List.zip weak strong)
                  middle)

          testCase $"{name}: its parameter '{strength.Parameter}' is one of it, and takes both ends"
          <| fun () ->
              let attack = Catalogue.attacks |> List.find (fun attack -> attack.Name = name)

              let parameter =
                  attack.Settings.Parameters |> List.find (fun parameter -> parameter.Name = strength.Parameter)

              for value in [ fst strength.Range; snd strength.Range ] do
                  Expect.isSome (Kind.read parameter.Kind (string (Value.Real value))) $"{value}" ]

let private rule name arguments = (chooseWith arguments name Catalogue.rules).Value

let private rules =
    [ "average", []
      "dmedian", []
      "trimmed-mean", [ "assumed", Value.Whole 1L ]
      "dkrum", [ "assumed", Value.Whole 1L ]
      "clipped-gossip", [] ]

/// ‖R_i − x̄‖ of the benign nodes that hear an attacker, in the last iteration.
let private harm scope (rule: Rule) (behaviour: Behaviour) (situation: Situation) : float list =
    let heard = System.Collections.Generic.Dictionary<int, ResizeArray<int * float[]>>()
    let last = situation.Moments.Length - 1

    let watch (knowledge: Omniscience) (state: OwnState) receiver (vector: torch.Tensor option) =
        if int knowledge.Iteration = last && not situation.Network.Byzantine[receiver] then
            if not (heard.ContainsKey receiver) then
                heard[receiver] <- ResizeArray()

            heard[receiver].Add(state.Node, numbers vector.Value)

    enactAgainst rule watch torch.float64 behaviour situation
    let estimates = situation.Moments[last].Estimates

    [ for entry in heard |> Seq.sortBy _.Key do
          use _ = torch.NewDisposeScope()
          let lies = Map.ofSeq entry.Value
          let senders = situation.Network.Neighbours[entry.Key]

          let received =
              senders
              |> Array.map (fun sender -> Map.tryFind sender lies |> Option.defaultValue estimates[sender])

          let own = matrix torch.float64 [| estimates[entry.Key] |]
          let view = View.evenly (own.select (0L, 0L)) (matrix torch.float64 received)

          let made =
              (rule.Reference { view with Node = entry.Key; Senders = senders; Iteration = int64 last }).Estimate

          let nodes =
              if scope = "network" then
                  benign situation
              else
                  Array.append [| entry.Key |] senders
                  |> Array.filter (fun node -> not situation.Network.Byzantine[node])

          sqrt (squaredDistance (numbers made) (mean (ofNodes nodes estimates))) ]

let private atLeast (one: float) (other: float) = one >= other - 1e-7 * (1.0 + abs other)

let private harmful scope (one: float list) (other: float list) =
    if scope = "network" then
        atLeast (List.sum one) (List.sum other)
    else
        List.forall2 atLeast one other

let private objectives =
    [ for name, strength in strengths do
          for scope in [ "network"; "neighbourhood" ] do
              testPropertyWithConfig
                  { FsCheckConfig.defaultConfig with maxTest = 8 }
                  $"strongest of {name}, {scope}: no point of its grid does more harm"
              <| forAll
                  (Gen.zip3 (situations 2 |> Gen.map withoutTies) (Gen.elements rules) (Gen.choose (2, 12)))
                  (fun (situation, (ruleName, arguments), evaluations) ->
                      let rule = rule ruleName arguments
                      let scoped = "scope", Value.Word scope
                      let isScoped = List.contains name [ "alie"; "ipm"; "min-max"; "min-sum"; "mhamdi"; "gaussian" ]

                      let found =
                          behaviour
                              "strongest"
                              [ "of", Value.Word name; scoped; "evaluations", Value.Whole(int64 evaluations) ]

                      let low, high = strength.Range

                      LineSearch.grid (LineSearch.gridPoints evaluations)
                      |> Array.forall (fun share ->
                          let value = strength.Parameter, Value.Real(low + share * (high - low))
                          let plain = behaviour name (if isScoped then [ value; scoped ] else [ value ])
                          harmful scope (harm scope rule found situation) (harm scope rule plain situation)))

      for scope in [ "network"; "neighbourhood" ] do
          testPropertyWithConfig
              { FsCheckConfig.defaultConfig with maxTest = 20 }
              $"the strongest of a list, {scope}, does as much harm as the strongest of each"
          <| forAll (Gen.zip (situations 1) (Gen.elements rules)) (fun (situation, (ruleName, arguments)) ->
              let rule = rule ruleName arguments

              let found names =
                  behaviour
                      "strongest"
                      [ "of", Value.Word(Kind.listed names)
                        "scope", Value.Word scope
                        "evaluations", Value.Whole 8L ]

              let names = [ "alie"; "ipm"; "min-max"; "sign-flip" ]

              names
              |> List.forall (fun name ->
                  harmful scope (harm scope rule (found names) situation) (harm scope rule (found [ name ]) situation)))

      testProperty "against the average, the strongest constant is the largest"
      <| forAll (situations 1) (fun situation ->
          let average = rule "average" []

          let found =
              behaviour
                  "strongest"
                  [ "of", Value.Word "constant"
                    "least", Value.Real 50.0
                    "most", Value.Real 70.0 ]

          let mutable holds = true

          let watch _ _ receiver (vector: torch.Tensor option) =
              holds <-
                  holds && (situation.Network.Byzantine[receiver] || numbers vector.Value |> Array.forall ((=) 70.0))

          let hears =
              Network.benign situation.Network
              |> Array.exists (fun node -> Network.byzantineNeighbours situation.Network node > 0)

          enactAgainst average watch torch.float64 found situation
          holds || not hears) ]

let private refusals =
    let reason arguments =
        let network = Network.ofEdges [| false; false; true |] [ 0, 1; 1, 2; 0, 2 ]
        (behaviour "strongest" arguments).Objection network [| 2 |]

    [ testCase "a range that is upside down, or that the attack does not take, is refused"
      <| fun () ->
          Expect.isNone (reason []) "the default"
          Expect.isNone (reason [ "least", Value.Real 1.0; "most", Value.Real 1.0 ]) "a single strength"
          let upside = reason [ "least", Value.Real 3.0; "most", Value.Real 1.0 ]
          Expect.stringContains (Option.get upside) "'least' is above 'most'" "upside down"
          let negative = reason [ "of", Value.Word "gaussian"; "least", Value.Real -1.0 ]
          Expect.stringContains (Option.get negative) "gaussian at sigma -1" "negative"

      testCase "a run depends on the code of what it searches"
      <| fun () ->
          let files arguments = (chooseWith arguments "strongest" Catalogue.attacks).Files |> List.map _.File

          Expect.contains (files []) "Attacks/Strongest.fs" "its own"
          Expect.contains (files []) "Attacks/LittleIsEnough.fs" "the default"
          let listed = files [ "of", Value.Word "[ipm, min-max]" ]
          Expect.contains listed "Attacks/InnerProduct.fs" "the first"
          Expect.contains listed "Attacks/MinMax.fs" "the second"
          Expect.isFalse (List.contains "Attacks/LittleIsEnough.fs" listed) "not what is not named" ]

let private iterations (experiment: Experiment) count between =
    let mutable state = Simulation.start experiment

    for _ in 1..count do
        state <- between (Simulation.iterate experiment state).State

    state

/// The state as it comes out of a file: other tensors with the same numbers.
let private reread (state: State) : State =
    let copied = Array.map (Map.map (fun _ (tensor: torch.Tensor) -> tensor.clone ()))

    { state with
        Estimates = state.Estimates.clone ()
        RuleMemories = copied state.RuleMemories
        AttackMemories = copied state.AttackMemories }

let private attacks =
    [ "strongest", []
      "strongest", [ "of", Value.Word "[ipm, sign-flip]"; "scope", Value.Word "neighbourhood" ]
      "mimic", [ "warmup", Value.Whole 3L ]
      "ipm", [ "of", Value.Word "update"; "scope", Value.Word "neighbourhood" ] ]

let private inTheEngine =
    [ for component' in rulesOfNodes do
          testCase $"what {component'.Name} would make of messages is what it makes of them"
          <| fun () ->
              use _ = torch.NewDisposeScope()
              let rule = Component.choose Map.empty component'
              let attacked = { digits with Rule = rule; Attacks = [ choose "strongest" Catalogue.attacks ] }

              for run in
                  [ attacked
                    { attacked with
                        Rule = { rule with Value = { rule.Value with Network = None } } } ] do
                  let experiment = experiment run
                  let state = iterations experiment 2 id
                  let iteration, all = int64 state.Iteration, experiment.Participants
                  let trained = Node.train experiment iteration all state.Estimates state.Directions
                  use _ = torch.no_grad ()
                  let knowledge = Views.knowledge experiment iteration state.Estimates trained.Gradients

                  let messages, _ = Node.send experiment knowledge trained state.RuleMemories state.AttackMemories all

                  let next = Node.aggregate experiment knowledge state.RuleMemories trained messages
                  let some = Network.benign experiment.Network |> Array.filter (fun node -> node % 2 = 0)
                  let told = Node.respond experiment knowledge state.RuleMemories trained some messages

                  for place, node in Array.indexed some do
                      let _, senders = Messages.receivedBy experiment messages node

                      let weights = MixingWeights.heard MixingWeights.Equal experiment.Network.Neighbours node senders

                      let step alpha =
                          Guf.step
                              alpha
                              knowledge.Rate
                              state.Estimates[int64 node]
                              told[int64 place]
                              knowledge.Gradients[int64 node]

                      let expected =
                          match rule.Value.Update with
                          | Update.Guf alpha -> step (alpha senders.Length)
                          | Update.Mixed -> step (snd weights)
                          | Update.Replaced -> told[int64 place]

                      let away = (next.Updated[int64 node] - expected).abs().max().item<float32>()
                      Expect.isLessThan away 1e-5f $"node {node}"

      for name, arguments in attacks do
          testCase $"{name}, {Map.ofList arguments |> Map.count} settings: goes on in the same way from what was stored"
          <| fun () ->
              use _ = torch.NewDisposeScope()
              let attack = chooseWith arguments name Catalogue.attacks
              let experiment = experiment { digits with Attacks = [ attack ]; Rule = choose "afa" Catalogue.rules }
              let bits (state: State) = state.Estimates.data<float32>().ToArray()
              Expect.equal (bits (iterations experiment 5 reread)) (bits (iterations experiment 5 id)) "estimates" ]

[<Tests>]
let tests =
    testList
        "strongest"
        [ testList "search" search
          testList "affinity" affinity
          testList "objectives" objectives
          testList "refusals" refusals
          testList "engine" inTheEngine ]
