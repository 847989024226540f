namespace UbarFs.Engine

open System
open System.Globalization
open System.Text
open System.Text.Json
open System.Text.Json.Nodes
open FsToolkit.ErrorHandling
open TorchSharp
open UbarFs.Core

/// A rule under the microscope: one node's view with every number given.
type Case =
    {
        Rule: Chosen<Rule>
        BenignRatio: float
        /// W_ij of the neighbours, and W_ii.
        Weights: float[] * float
        /// How many of the neighbours are Byzantine.
        Byzantine: int
        Own: float[]
        Neighbours: float[][]
        OwnLoss: float
        /// The loss of each neighbour's estimate.
        Losses: float[]
    }

/// What a file of cases holds.
type Cases =
    | One of Case
    | Many of Case list

/// What a rule makes of a case, computed in float64.
type Verdict =
    {
        Result: float[]
        Stages: Stage list
        /// Euclidean distances from the own estimate.
        Distances: float[]
        /// Whether the rule asked for losses of neighbours.
        AskedForLosses: bool
    }

/// What a rule wants to know that its case does not tell.
type UnknownLossException() =
    inherit
        System.Exception(
            "the rule asks for the loss of an estimate that a stage made; a case gives those of the received ones"
        )

/// Cases as JSON: `{ "rule", "own", "neighbours", "rho", "weights", "byzantine", "ownLoss", "losses" }`, the rule as
/// a scenario names it and numbers that JSON lacks as the strings "NaN", "Infinity" and "-Infinity".
[<RequireQualifiedAccess>]
module Case =

    // Letters beyond ASCII stay as they are.
    let private relaxed =
        JsonSerializerOptions(Encoder = Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping)

    let private number (place: string) (node: JsonNode | null) =
        match node with
        | :? JsonValue as value ->
            match value.GetValueKind() with
            | JsonValueKind.Number -> Ok(value.GetValue<float>())
            | JsonValueKind.String ->
                match value.GetValue<string>() with
                | "NaN" -> Ok nan
                | "Infinity" -> Ok infinity
                | "-Infinity" -> Ok -infinity
                | text -> Error $"{place}: expected a number, \"NaN\", \"Infinity\" or \"-Infinity\", got \"{text}\""
            | kind -> Error $"{place}: expected a number, got {kind}"
        | _ -> Error $"{place}: expected a number"

    let private list (place: string) item (node: JsonNode | null) =
        match node with
        | :? JsonArray as items ->
            items
            |> List.ofSeq
            |> List.mapi (fun index node -> item $"{place}[{index}]" node)
            |> List.sequenceResultM
            |> Result.map Array.ofList
        | _ -> Error $"{place}: expected a list"

    let private vector place = list place number

    /// The weights of a node that mixes evenly.
    let equal neighbours : float[] * float =
        let share = 1.0 / float (neighbours + 1)
        Array.create neighbours share, share

    // [own, …]: not negative, and 1 together.
    let private mixing neighbours place node =
        vector place node
        |> Result.bind (fun weights ->
            if weights.Length <> neighbours + 1 then
                Error
                    $"{place}: {weights.Length} weights; the own one and one for each of {neighbours} neighbours are \
                        {neighbours + 1}"
            elif weights |> Array.exists (fun weight -> not (weight >= 0.0)) then
                Error $"{place}: a weight is a number that is not negative"
            elif not (abs (Array.sum weights - 1.0) <= 1e-9) then
                Error $"{place}: the weights must add up to 1; they come to {Value.Real(Array.sum weights)}"
            else
                Ok(Array.tail weights, Array.head weights))

    let private count most place node =
        number place node
        |> Result.bind (fun count ->
            if count >= 0.0 && count <= float most && count = floor count then
                Ok(int count)
            else
                Error $"{place}: expected a whole number from 0 to {most}, the neighbours")

    let private field (case: JsonObject) place name read =
        if case.ContainsKey name then
            read $"{place}.{name}" case[name]
        else
            // A key that is nearly this one was meant to be it.
            let unknown = case |> Seq.map _.Key |> Seq.tryFind (fun key -> Nearest.find [ name ] key = Some name)

            match unknown with
            | Some key -> Error $"{place}: unknown key '{key}': did you mean '{name}'?"
            | None -> Error $"{place}: '{name}' is missing"

    let private optional (case: JsonObject) place name read missing =
        if case.ContainsKey name then
            field case place name read
        else
            Ok missing

    // A rule is written as in scenarios: JSON is YAML.
    let private rule read (place: string) (node: JsonNode | null) =
        let text =
            match node with
            | :? JsonValue as value when value.GetValueKind() = JsonValueKind.String -> Some(value.GetValue<string>())
            | :? JsonObject
            | :? JsonArray -> Some(node.ToJsonString relaxed)
            | _ -> None

        match text with
        | Some text -> read text |> Result.mapError (fun reason -> $"{place}: {reason}")
        | None -> Error $"{place}: expected a rule, as scenarios write it"

    let private ofNode read place (node: JsonNode | null) =
        match node with
        | :? JsonObject as case ->
            result {
                let! rule = field case place "rule" (rule read)
                let! own = field case place "own" vector
                let! neighbours = field case place "neighbours" (fun place -> list place vector)
                let! rho = optional case place "rho" number 0.4
                let! ownLoss = optional case place "ownLoss" number nan
                let! weights = optional case place "weights" (mixing neighbours.Length) (equal neighbours.Length)
                let! byzantine = optional case place "byzantine" (count neighbours.Length) 0
                let! losses = optional case place "losses" vector (Array.create neighbours.Length nan)

                if own.Length = 0 then
                    return! Error $"{place}.own: an estimate has one number at least"
                elif neighbours |> Array.exists (fun neighbour -> neighbour.Length <> own.Length) then
                    return!
                        Error $"{place}.neighbours: every estimate must have the {own.Length} numbers that 'own' has"
                elif losses.Length <> neighbours.Length then
                    return! Error $"{place}.losses: {losses.Length} losses for {neighbours.Length} neighbours"
                elif not (rho > 0.0 && rho <= 1.0) then
                    return! Error $"{place}.rho: expected a number in (0, 1]"
                else
                    return
                        { Rule = rule
                          BenignRatio = rho
                          Weights = weights
                          Byzantine = byzantine
                          Own = own
                          Neighbours = neighbours
                          OwnLoss = ownLoss
                          Losses = losses }
            }
        | _ -> Error $"{place}: expected a case: an object with 'rule', 'own' and 'neighbours'"

    /// Reads one case or a list of cases, in UTF-8. `read` reads a rule as a scenario writes it.
    let parse (read: string -> Result<Chosen<Rule>, string>) (text: byte[]) : Result<Cases, string> =
        StrictJson.parse text
        |> Result.bind (function
            | :? JsonArray as cases ->
                cases
                |> List.ofSeq
                |> List.mapi (fun index -> ofNode read $"case {index}")
                |> List.sequenceResultM
                |> Result.map Many
            | single -> ofNode read "case" single |> Result.map One)

    /// Why the rule cannot be computed for so many neighbours, in the user's words.
    let objection (case: Case) : string option =
        let headcount =
            { BenignRatio = case.BenignRatio
              Neighbours = case.Neighbours.Length
              Received = case.Neighbours.Length
              Byzantine = case.Byzantine }

        case.Rule.Value.Objection |> Option.bind (fun objection -> objection headcount)

    /// Applies the case's rule.
    let apply (case: Case) : Verdict =
        use scope = torch.NewDisposeScope()
        let own = torch.tensor case.Own
        let width = int64 case.Own.Length
        let asked = ref false

        let losses (rows: int[]) =
            asked.Value <- true
            rows |> Array.map (Array.get case.Losses)

        let received =
            torch.tensor(Array.concat case.Neighbours, dtype = torch.float64).view(int64 case.Neighbours.Length, width)

        // What a stage of a pipeline makes of estimates has no loss that the case gives.
        let lossesOf (estimates: torch.Tensor) =
            asked.Value <- true

            estimates.contiguous().data<float>().ToArray()
            |> Array.chunkBySize case.Own.Length
            |> Array.map (fun estimate ->
                match Array.tryFindIndex ((=) estimate) case.Neighbours with
                | Some row -> case.Losses[row]
                | None when estimate = case.Own -> case.OwnLoss
                | None -> raise (UnknownLossException()))

        let view =
            { View.evenly own received with
                Weights = fst case.Weights
                OwnWeight = snd case.Weights
                Byzantine = case.Byzantine
                OwnLoss = case.OwnLoss
                Losses = losses
                LossesOf = lossesOf
                BenignRatio = case.BenignRatio }

        let aggregate = Rule.aggregate case.Rule.Value view

        { Result = aggregate.Estimate.data<float>().ToArray()
          Stages = aggregate.Stages
          Distances = Estimate.distances own received
          AskedForLosses = asked.Value }

    let private toNode (number: float) : JsonNode | null =
        if Double.IsFinite number then
            JsonValue.Create number
        else
            JsonValue.Create(number.ToString CultureInfo.InvariantCulture)

    let private toList (numbers: float[]) = JsonArray(Array.map toNode numbers)

    let private indices (rows: int[]) =
        JsonArray(rows |> Array.map (fun row -> JsonValue.Create row :> JsonNode | null))

    /// A verdict as JSON: `result`, `selected` (null for a rule that selects nothing), `stages`, `distances` and the
    /// `losses` of the case.
    let toJson (case: Case) (verdict: Verdict) : JsonObject =
        let stages = JsonObject()

        for stage in verdict.Stages do
            stages.Add(stage.Name, indices stage.Kept)

        let json = JsonObject()
        json.Add("result", toList verdict.Result)

        json.Add(
            "selected",
            verdict.Stages |> List.tryLast |> Option.map (fun stage -> indices stage.Kept) |> Option.toObj
        )

        json.Add("stages", stages)
        json.Add("distances", toList verdict.Distances)
        json.Add("losses", toList case.Losses)
        json
