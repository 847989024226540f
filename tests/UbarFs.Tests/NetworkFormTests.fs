/// The forms of rules for all nodes at once against their references.
module UbarFs.Tests.NetworkFormTests

open System
open Expecto
open FsCheck
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Kernels.Estimates
open UbarFs.Testing
open UbarFs.Testing.Generators
open UbarFs.Tests.Runs

/// Repeats the coordinates, so that kernels see full vectors and a remainder.
let private widened times (row: float[]) = Array.concat (Array.replicate times row)

/// Nodes that received some of the estimates of a view.
let crowdOf views =
    gen {
        let! (view: Neighbourhood) = views
        let! times = Gen.elements [ 1; 1; 13; 40 ]
        let pool = Array.append [| view.Own |] view.Received |> Array.map (widened times)
        let rows = pool.Length
        let! nodes = Gen.choose (1, 6)
        let! own = Gen.arrayOfLength nodes (Gen.choose (0, rows - 1))

        let! heard =
            Gen.arrayOfLength (nodes * rows) (Gen.frequency [ 3, Gen.constant true; 1, Gen.constant false ])
        // Rows are not always in ascending order: a message to one receiver comes after those to everyone.
        let! reversed = Gen.arrayOfLength nodes (Gen.elements [ true; false; false ])
        let! deaf = Gen.frequency [ 1, Gen.choose (0, nodes - 1); 4, Gen.constant -1 ]

        let! losses =
            Gen.arrayOfLength (nodes * rows) (Gen.elements [ 0.25; 0.5; 0.75; 1.0; 1.25; nan; infinity ])

        let! ownLosses = Gen.arrayOfLength nodes (Gen.elements [ 0.25; 0.5; 0.75; 1.0; nan ])

        let received node =
            let rows =
                [| 0 .. rows - 1 |]
                |> Array.filter (fun row -> node <> deaf && row <> own[node] && heard[node * rows + row])

            if reversed[node] then Array.rev rows else rows

        let crowd: NetworkForm.Crowd =
            { Pool = pool
              Earlier = Array.rev pool
              Own = own
              Received = Array.init nodes received
              OwnLosses = ownLosses
              Losses = Array.chunkBySize rows losses
              BenignRatio = view.BenignRatio }

        return crowd
    }

let private values (tensor: torch.Tensor) = tensor.data<float32>().ToArray()

let private config = { FsCheckConfig.defaultConfig with maxTest = 150 }

let private properties =
    testList
        "agreement"
        [ for rule in rulesOfNodes do
              for name, views in [ "finite estimates of every kind", several; "hostile ones among them", mixed ] do
                  testPropertyWithConfig config $"{rule.Name} selects and makes what its reference does of {name}"
                  <| Prop.forAll (Arb.fromGen (Gen.zip (chosen rule) (crowdOf views))) (fun (rule, crowd) ->
                      let form = rule.Value.Network |> Option.defaultWith (fun () -> failtest "no network form")

                      for where, rows in [ "the CPU", RowOperations.Host; "a device", RowOperations.Device ] do
                          match NetworkForm.agreeBy rows rule.Value form crowd with
                          | Ok() -> ()
                          | Error violation -> failtest $"on {where}: {Violation.text violation}") ]

let private subset (crowd: NetworkForm.Crowd) =
    Gen.nonEmptyListOf (Gen.choose (0, crowd.Own.Length - 1))
    |> Gen.map (List.distinct >> List.sort >> Array.ofList)

let private apart =
    testList
        "nodes computed apart"
        [ for rule in rulesOfNodes do
              for name, views in [ "finite estimates of every kind", several; "hostile ones among them", mixed ] do
                  let situations =
                      gen {
                          let! rule = chosen rule
                          let! crowd = crowdOf views
                          let! nodes = subset crowd
                          return rule, crowd, nodes
                      }

                  testPropertyWithConfig config $"{rule.Name} gives some nodes the same bits without the others: {name}"
                  <| Prop.forAll (Arb.fromGen situations) (fun (rule, crowd, nodes) ->
                      match rule.Value.Network with
                      | Some network -> NetworkForm.isSameApart rule.Value network nodes crowd
                      | None -> failtest "no network form") ]

/// A few estimates close together, and one of them very far away.
let private outlier far : NetworkForm.Crowd =
    let near = [ for row in 0..6 -> Array.init 12 (fun column -> sin (float (row * 12 + column))) ]
    let pool = Array.ofList (near @ [ Array.init 12 (fun column -> far * cos (float column)) ])
    let received node = [| 0..7 |] |> Array.filter ((<>) node)

    { Pool = pool
      Earlier = Array.rev pool
      Own = [| 0..6 |]
      Received = Array.init 7 received
      OwnLosses = Array.create 7 1.0
      Losses = Array.create 7 (Array.create 8 0.5)
      BenignRatio = 0.6 }

let private reach =
    testList
        "an estimate that is very far away"
        [ for far in [ 1e6; 1e12; 1e20; 1e30 ] do
              testCase $"moves no geometric median far: {far}"
              <| fun () ->
                  let rule = (choose "geometric-median" Catalogue.rules).Value
                  let form = rule.Network |> Option.defaultWith (fun () -> failtest "no network form")
                  let expected = NetworkForm.estimatesApart rule (outlier far)
                  let made = NetworkForm.estimates form (outlier far)

                  for expected, made in Array.zip expected made do
                      for expected, made in Array.zip expected made do
                          Expect.floatClose { absolute = 1e-5; relative = 1e-5 } made expected "as from the reference" ]

let private curve run =
    use _ = torch.NewDisposeScope()
    let experiment = experiment run

    let iterate (state: State) _ =
        let iterated = Simulation.iterate experiment state
        iterated.State

    let final = Seq.fold iterate (Simulation.start experiment) [ 1..12 ]
    values final.Estimates

let private learning =
    testList
        "learning"
        [ for rule in rulesOfNodes do
              for attack in [ "bit-flip"; "gaussian" ] do
                  testCase $"{rule.Name} learns the same either way under {attack}"
                  <| fun () ->
                      let chosen = Component.choose Map.empty rule
                      let run = { digits with Rule = chosen; Attacks = [ choose attack Catalogue.attacks ] }
                      let reference = { chosen with Value = { chosen.Value with Network = None } }
                      let fast, slow = curve run, curve { run with Rule = reference }

                      for index in 0 .. slow.Length - 1 do
                          Expect.floatClose
                              { absolute = 1e-4; relative = 1e-4 }
                              (float fast[index])
                              (float slow[index])
                              $"parameter {index} of x_12" ]

[<Tests>]
let tests = testList "network forms" [ properties; apart; reach; learning ]
