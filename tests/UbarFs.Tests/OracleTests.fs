/// Cases computed by an independent float64 implementation of the rules.
module UbarFs.Tests.OracleTests

open System.IO
open System.Text.Json.Nodes
open Expecto
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Scenario

let private casesOf file =
    lazy
        let text = File.ReadAllText(Path.Combine(System.AppContext.BaseDirectory, "oracle", file))
        JsonNode.Parse text |> nonNull |> _.AsArray() |> List.ofSeq |> List.map nonNull

let private cases = casesOf "cases-public.json"

/// Rules of today, with how many liars they assume and how they weigh.
let private modern = casesOf "cases-modern.json"

let private number (node: JsonNode) =
    match node.ToString() with
    | "NaN" -> nan
    | "Infinity" -> infinity
    | "-Infinity" -> -infinity
    | _ -> node.GetValue<float>()

let private agrees (expected: float) (result: float) =
    expected.Equals result || abs (expected - result) <= 1e-9 * (1.0 + abs expected)

let private check index (node: JsonNode) =
    let case =
        match Case.parse (RuleText.read CodeAccess.none) (System.Text.Encoding.UTF8.GetBytes(node.ToJsonString())) with
        | Ok(One case) -> case
        | Ok(Many _) -> failtest "one case was written"
        | Error reason -> failtest reason

    let verdict = Case.apply case
    let expected = node["expected"] |> nonNull |> _.AsArray() |> Seq.map (nonNull >> number) |> Array.ofSeq
    let kind = node["kind"]
    let place = $"case {index}, {kind}"
    Expect.equal verdict.Result.Length expected.Length place
    Expect.isTrue (Array.forall2 agrees expected verdict.Result) $"{place}: {verdict.Result} against {expected}"

    match Option.ofObj node["selected"] with
    | Some selected ->
        let selected = selected.AsArray() |> Seq.map (nonNull >> _.GetValue<int>()) |> List.ofSeq
        let kept = verdict.Stages |> List.last |> _.Kept |> List.ofArray
        Expect.equal kept selected place
    | None -> ()

/// The rules of the paper; their relatives have no cases.
let private covered = [ "average"; "dkrum"; "dmedian"; "dbulyan"; "bridge"; "ubar" ]

[<Tests>]
let tests =
    testList
        "oracle"
        [ for name in covered do
              testCase $"{name} agrees with every reference case"
              <| fun () ->
                  let cases =
                      cases.Value
                      |> List.indexed
                      |> List.filter (fun (_, node) -> (node["rule"] |> nonNull).ToString() = name)

                  Expect.isNonEmpty cases "there are cases for the rule"
                  cases |> List.iter (fun (index, node) -> check index node)

          testCase "the rules and pipelines of today agree with every reference case"
          <| fun () ->
              Expect.hasLength modern.Value 120 "ten rules and five pipelines, eight cases of each"
              modern.Value |> List.iteri check ]
