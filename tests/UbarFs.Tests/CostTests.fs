/// Times of runs from those of small ones: how they grow, and what is kept of them.
module UbarFs.Tests.CostTests

open System
open System.IO
open Expecto
open FsCheck.FSharp
open TorchSharp
open UbarFs.Engine
open UbarFs.Scenario
open UbarFs.Testing.Generators
open UbarFs.Tests.TinyDataset

let private loads =
    gen {
        let! benign = Gen.choose (1, 100)
        let! byzantine = Gen.choose (0, 50)
        let! degree = Gen.choose (1, 60)
        let! batch = Gen.choose (1, 512)
        let! images = Gen.choose (1, 10_000)
        let! dimension = Gen.choose (1, 200_000)
        let nodes = benign + byzantine

        return
            { Nodes = nodes
              Benign = benign
              Received = float (nodes * degree)
              Pairs = float (nodes * degree * degree)
              Batch = batch
              Images = images
              Dimension = dimension }
    }

let private costs load =
    { Load = load
      Training = 1.0
      Attack = 2.0
      Aggregation = 3.0
      Losses = 4.0
      Update = 5.0
      Evaluation = 6.0 }

let private phases (costs: Costs) =
    [ costs.Training
      costs.Attack
      costs.Aggregation
      costs.Losses
      costs.Update
      costs.Evaluation ]

let private areClose one other =
    List.forall2
        (fun (one: float) other -> abs (one - other) <= 1e-9 * max (abs one) (abs other))
        (phases one)
        (phases other)

let private growth =
    testList
        "growth"
        [ testProperty "under its own load, a cost is what was measured"
          <| forAll loads (fun load -> areClose (Costs.under load true (costs load)) (costs load))

          testProperty "it does not matter by which load a cost is reached"
          <| forAll (Gen.three loads) (fun (first, second, third) ->
              let direct = Costs.under third false (costs first)
              areClose (Costs.under third false (Costs.under second false (costs first))) direct)

          testProperty "twice the nodes, as densely connected as before, take twice the time"
          <| forAll loads (fun load ->
              let twice =
                  { load with
                      Nodes = 2 * load.Nodes
                      Benign = 2 * load.Benign
                      Received = 2.0 * load.Received
                      Pairs = 2.0 * load.Pairs }

              phases (Costs.under twice true (costs load)) = List.map ((*) 2.0) (phases (costs load)))

          testProperty "twice the neighbours take a quadratic rule four times as long"
          <| forAll loads (fun load ->
              let dense = { load with Received = 2.0 * load.Received; Pairs = 4.0 * load.Pairs }

              let found = Costs.under dense true (costs load)
              (found.Training, found.Aggregation, found.Losses) = (1.0, 12.0, 8.0)) ]

let private run rule = Runs.settled { Runs.digits with Rule = rule }

let private ubar, private average =
    let rule name =
        match RuleText.read CodeAccess.none name with
        | Ok rule -> rule
        | Error reason -> failtest reason

    rule "ubar", rule "average"

let private find (book: CostBook) rule =
    match book.Find(run rule) with
    | Ok costs -> costs
    | Error reason -> failtest reason

let private book file = CostBook(Some file, torch.CPU, TimeSpan.Zero)

let private keeping =
    testList
        "keeping"
        [ testCase "what was measured is kept for later"
          <| fun () ->
              inFolder (fun folder ->
                  let file = Path.Combine(folder, "inner", "costs.json")
                  let first = book file
                  let measured = find first ubar
                  first.Save()
                  Expect.equal (find (book file) ubar) measured "from the file"
                  Expect.all (phases measured) (fun seconds -> seconds >= 0.0) "times")

          testCase "what cannot be read is measured again"
          <| fun () ->
              inFolder (fun folder ->
                  let file = Path.Combine(folder, "costs.json")

                  for content in [ ""; "{"; "[1]"; "null"; """{ "machine": 3 }""" ] do
                      File.WriteAllText(file, content)
                      let again = book file
                      find again average |> ignore
                      again.Save()
                      Expect.isGreaterThan (File.ReadAllText file).Length 100 "written anew")

          testCase "when measuring has taken long enough, the closest costs stand in"
          <| fun () ->
              inFolder (fun folder ->
                  let book = book (Path.Combine(folder, "costs.json"))
                  Expect.equal (find book ubar) (find book average) "those of the only run that was measured") ]

[<Tests>]
let tests = testSequenced (testList "costs" [ growth; keeping ])
