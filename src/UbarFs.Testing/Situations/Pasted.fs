/// A counterexample in forms to take along: a case for `ubarfs apply`, and a test for FsCheck.
[<RequireQualifiedAccess>]
module UbarFs.Testing.Pasted

open System
open System.Globalization
open System.Text.Json.Nodes
open UbarFs.Core

let private jsonNumber (number: float) : JsonNode | null =
    if Double.IsFinite number then
        // Without the sign of zero.
        JsonValue.Create(number + 0.0)
    else
        JsonValue.Create(number.ToString CultureInfo.InvariantCulture)

let private jsonList (numbers: float[]) : JsonNode | null = JsonArray(Array.map jsonNumber numbers)

/// A neighbourhood as a case for `ubarfs apply`.
let case (source: RuleSource) (view: Neighbourhood) : JsonNode =
    let json = JsonObject()
    json.Add("rule", RuleSource.notation source)
    json.Add("own", jsonList view.Own)
    json.Add("neighbours", JsonArray(view.Received |> Array.map (fun estimate -> jsonList estimate)))
    json.Add("rho", jsonNumber view.BenignRatio)
    json.Add("ownLoss", jsonNumber view.OwnLoss)
    json.Add("losses", jsonList view.Losses)
    json

/// The neighbourhood, and what was asked after a change of it, as cases.
let cases (source: RuleSource) (counterexample: Counterexample) : JsonNode =
    match counterexample.Violation.Asked with
    | None -> case source counterexample.View
    | Some asked -> JsonArray(case source counterexample.View, case source asked)

let private literals (numbers: float[]) =
    match numbers with
    | [||] -> "[||]"
    | numbers -> numbers |> Seq.map Written.literal |> String.concat "; " |> sprintf "[| %s |]"

let private trialOf (trial: Trial) =
    match trial.Law with
    | None -> $"Trial.named \"{trial.Name}\""
    | Some(Law.SameAs rule) -> $"Trial.ofLaw (Law.SameAs \"{rule}\")"
    | Some law -> $"Trial.ofLaw Law.{law}"

/// Two tests: the law on the counterexample, and on neighbourhoods of every kind.
let test (source: RuleSource) (trial: Trial) (counterexample: Counterexample) : string =
    let view = counterexample.View

    let received =
        match view.Received with
        | [||] -> "[||]"
        | rows -> rows |> Seq.map literals |> String.concat "; " |> sprintf "[| %s |]"

    $"open FsCheck
open FsCheck.FSharp
open UbarFs.Core
open UbarFs.Testing

{RuleSource.code source}

// {trial.Name}: {trial.Says}
let trial = {trialOf trial}
let holds view = Result.isOk (Trial.check trial rule view)

let counterexample: Neighbourhood =
    {{ Own = {literals view.Own}
      Received = {received}
      OwnLoss = {Written.literal view.OwnLoss}
      Losses = {literals view.Losses}
      BenignRatio = {Written.literal view.BenignRatio} }}

Check.QuickThrowOnFailure(holds counterexample)
Check.QuickThrowOnFailure(Prop.forAll (Trial.arbitrary trial) holds)
"
