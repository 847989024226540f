/// A counterexample in forms to take along: a case for `ubarfs apply`, and a test for FsCheck.
[<RequireQualifiedAccess>]
module UbarFs.Testing.Pasted

open System
open System.Globalization
open System.Text.Json.Nodes
open UbarFs.Core

let private jsonNumber (number: float) : JsonNode | null =
    if Double.IsFinite number then
        JsonValue.Create number
    else
        JsonValue.Create(number.ToString CultureInfo.InvariantCulture)

let private jsonList (numbers: float[]) : JsonNode | null = JsonArray(Array.map jsonNumber numbers)

let private case (rule: string) (view: Neighbourhood) : JsonNode =
    let json = JsonObject()
    json.Add("rule", JsonValue.Create rule)
    json.Add("own", jsonList view.Own)
    json.Add("neighbours", JsonArray(view.Received |> Array.map (fun estimate -> jsonList estimate)))
    json.Add("rho", jsonNumber view.BenignRatio)
    json.Add("ownLoss", jsonNumber view.OwnLoss)
    json.Add("losses", jsonList view.Losses)
    json

/// The neighbourhood, and what was asked after a change of it, as cases for `ubarfs apply`. `rule` is what a case calls
/// the rule: its name, or the path of its script.
let cases (rule: string) (counterexample: Counterexample) : JsonNode =
    match counterexample.Violation.Asked with
    | None -> case rule counterexample.View
    | Some asked -> JsonArray(case rule counterexample.View, case rule asked)

let private literal (number: float) =
    if Double.IsNaN number then
        "nan"
    elif Double.IsPositiveInfinity number then
        "infinity"
    elif Double.IsNegativeInfinity number then
        "-infinity"
    else
        let text = number.ToString("R", CultureInfo.InvariantCulture)

        if text.IndexOfAny [| '.'; 'E' |] >= 0 then
            text
        else
            text + ".0"

let private literals (numbers: float[]) =
    match numbers with
    | [||] -> "[||]"
    | numbers -> numbers |> Seq.map literal |> String.concat "; " |> sprintf "[| %s |]"

let private trialOf (trial: Trial) =
    match trial.Law with
    | None -> $"Trial.named \"{trial.Name}\""
    | Some(Law.SameAs rule) -> $"Trial.ofLaw (Law.SameAs \"{rule}\")"
    | Some law -> $"Trial.ofLaw Law.{law}"

let private ruleOf (name: string) =
    if name.EndsWith(".fsx", StringComparison.OrdinalIgnoreCase) then
        let path = name.Replace("\\", "\\\\").Replace("\"", "\\\"")

        $"let rule =
    match UbarFs.Scripting.RuleScript.loadRule \"{path}\" with
    | Ok loaded -> (Component.choose Map.empty loaded.Component).Value
    | Error problems -> failwithf \"%%A\" problems"
    else
        $"let rule =
    Catalogue.rules
    |> List.find (fun rule -> rule.Name = \"{name}\")
    |> fun rule -> (Component.choose Map.empty rule).Value"

/// Two tests: the law on the counterexample, and on neighbourhoods of every kind.
let test (rule: string) (trial: Trial) (counterexample: Counterexample) : string =
    let view = counterexample.View

    let received =
        match view.Received with
        | [||] -> "[||]"
        | rows -> rows |> Seq.map literals |> String.concat "; " |> sprintf "[| %s |]"

    $"open FsCheck
open FsCheck.FSharp
open UbarFs.Core
open UbarFs.Testing

{ruleOf rule}

// {trial.Name}: {trial.Says}
let trial = {trialOf trial}
let holds view = Result.isOk (Trial.check trial rule view)

let counterexample: Neighbourhood =
    {{ Own = {literals view.Own}
      Received = {received}
      OwnLoss = {literal view.OwnLoss}
      Losses = {literals view.Losses}
      BenignRatio = {literal view.BenignRatio} }}

Check.QuickThrowOnFailure(holds counterexample)
Check.QuickThrowOnFailure(Prop.forAll (Trial.arbitrary trial) holds)
"
