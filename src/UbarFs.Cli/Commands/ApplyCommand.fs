/// `ubarfs apply`: a rule under the microscope.
module UbarFs.Cli.ApplyCommand

open System
open System.IO
open System.Text.Json
open System.Text.Json.Nodes
open Argu
open FsToolkit.ErrorHandling
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Scenario
open UbarFs.Scripting
open UbarFs.Cli.RuleArguments

/// What messages call a file.
let private called (file: string) = if file = "-" then "standard input" else file

/// The bytes of a file, or of standard input.
let private bytes (file: string) : Result<byte[], string> =
    let longest = int Npy.largest

    try
        if file = "-" then
            use input = Console.OpenStandardInput()
            Ok(InputFile.readStream longest (called file) input)
        else
            use input = InputFile.openNamed Npy.largest file
            Ok(InputFile.readStream longest file input)
    with
    | :? IOException
    | :? UnauthorizedAccessException as error -> Error error.Message

let private npy dimensions (file: string) : Result<NpyArray, string> =
    bytes file
    |> Result.bind (Npy.read >> Result.mapError (fun reason -> $"{called file}: {reason}"))
    |> Result.bind (fun array ->
        if array.Shape.Length = dimensions then
            Ok array
        else
            let sizes = array.Shape |> List.map string |> String.concat ", "
            let expected = if dimensions = 1 then "[d]" else "[m, d]"
            Error $"{called file}: its shape is [{sizes}]; expected {expected}")

/// A case out of NumPy's arrays, and the type of its numbers.
let private ofArrays (arguments: ParseResults<ApplyArguments>) access : Result<Case * NpyArray, string> =
    let named (case: string) value = value |> Result.requireSome $"--{case} is missing"

    result {
        let! rule = arguments.TryGetResult Rule |> named "rule" |> Result.bind (RuleText.read access)
        let! own = arguments.TryGetResult Own |> named "own" |> Result.bind (npy 1)
        let! received = arguments.TryGetResult Received |> named "received" |> Result.bind (npy 2)
        let! losses = arguments.TryGetResult Losses |> Option.traverseResult (npy 1)

        let d, m = own.Values.Length, received.Shape.Head
        let losses = losses |> Option.map _.Values |> Option.defaultValue (Array.create m nan)
        let rho = arguments.GetResult(Rho, 0.4)

        if d = 0 then
            return! Error "--own has no numbers; an estimate has one at least"
        elif received.Shape[1] <> d then
            return! Error $"--received has estimates of {received.Shape[1]} numbers, and --own has {d}"
        elif losses.Length <> m then
            return! Error $"--losses has {losses.Length} losses for {m} received estimates"
        elif not (rho > 0.0 && rho <= 1.0) then
            return! Error "--rho: expected a number in (0, 1]"
        else
            let case =
                { Rule = rule
                  BenignRatio = rho
                  Weights = Case.equal m
                  Byzantine = 0
                  Own = own.Values
                  Neighbours = Array.init m (fun row -> received.Values[row * d .. (row + 1) * d - 1])
                  OwnLoss = arguments.GetResult(ApplyArguments.OwnLoss, nan)
                  Losses = losses }

            return case, own
    }

/// What a rule makes of a case, in the user's words where its code fails.
let private verdict (case: Case) : Result<Verdict, string> =
    try
        match Case.objection case with
        | Some reason -> Error $"'{case.Rule.Name}' cannot aggregate so many neighbours: {reason}"
        | None -> Ok(Case.apply case)
    with
    | CodeException _ as error -> Error error.Message
    | :? UnknownLossException as error -> Error error.Message

/// Says once if a rule asked for losses that nobody gave.
let private warn (applied: (Case * Verdict) list) =
    let lacksLosses (case: Case, found: Verdict) = found.AskedForLosses && Array.forall Double.IsNaN case.Losses

    if List.exists lacksLosses applied then
        Exit.complain "the rule goes by losses, and none are given: each counts as NaN"

/// On a terminal nobody reads more numbers of a list than these.
let private mostShown = 12

/// The JSON with long lists of numbers cut short, and whether any was.
let private shortened (json: JsonNode | null) : (JsonNode | null) * bool =
    let mutable isCut = false

    let rec cut (node: JsonNode | null) : JsonNode | null =
        match node with
        | :? JsonArray as items when items.Count > mostShown && not (items[0] :? JsonObject) ->
            isCut <- true
            let ends = mostShown / 2
            let part start = [ for place in start .. start + ends - 1 -> items[place] |> copy ]
            let left: JsonNode | null = JsonValue.Create $"… {items.Count - 2 * ends} more …"
            JsonArray(Array.ofList (part 0 @ [ left ] @ part (items.Count - ends)))
        | :? JsonArray as items -> JsonArray(items |> Seq.map cut |> Array.ofSeq)
        | :? JsonObject as fields ->
            let json = JsonObject()

            for field in fields do
                json.Add(field.Key, cut field.Value)

            json
        | other -> copy other

    and copy (node: JsonNode | null) : JsonNode | null =
        node |> Option.ofObj |> Option.map _.DeepClone() |> Option.toObj

    cut json, isCut

let private json =
    JsonSerializerOptions(
        WriteIndented = true,
        Encoder = Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping
    )

/// Whoever reads a file or a pipe gets every number; a terminal, the ends of long lists unless all are asked for.
let private printJson (arguments: ParseResults<ApplyArguments>) (verdicts: JsonNode | null) =
    let shown, isCut =
        if arguments.Contains ApplyArguments.Json || Console.IsOutputRedirected then
            verdicts, false
        else
            shortened verdicts

    printfn "%s" (JsonSerializer.Serialize(shown, json))

    if isCut then
        Exit.complain "long lists are cut short on a terminal: --json prints them in full"

/// What was written, for one who has the numbers in a file.
let private summary (file: string) (result: NpyArray) (case: Case) (found: Verdict) =
    let numbers = if result.IsSingle then "float32" else "float64"
    let shape = result.Shape |> List.map string |> String.concat ", "
    printfn "result: [%s] of %s in %s" shape numbers file

    for stage in found.Stages do
        let kept = stage.Kept |> Array.map string
        let ends = mostShown / 2

        let places =
            if kept.Length <= mostShown then
                kept
            else
                Array.concat [ Array.truncate ends kept; [| "…" |]; kept[kept.Length - ends ..] ]

        let list =
            if kept.Length = 0 then
                ""
            else
                ": " + String.concat ", " places

        printfn "%s kept %d of %d%s" stage.Name kept.Length case.Neighbours.Length list

let private save (file: string) (content: byte[]) : Result<unit, string> =
    try
        if file = "-" then
            use output = Console.OpenStandardOutput()
            output.Write(content, 0, content.Length)
        else
            File.WriteAllBytes(file, content)

        Ok()
    with
    | :? IOException
    | :? UnauthorizedAccessException as error -> Error $"{file}: {error.Message}"

let private applyArrays (arguments: ParseResults<ApplyArguments>) access =
    result {
        let! case, own = ofArrays arguments access
        let! found = verdict case
        warn [ case, found ]

        let result = { own with Values = found.Result }

        match arguments.TryGetResult ApplyArguments.Out with
        | None -> printJson arguments (Case.toJson case found)
        | Some "-" -> do! save "-" (Npy.write result)
        | Some file ->
            do! save file (Npy.write result)

            if arguments.Contains ApplyArguments.Json then
                printJson arguments (Case.toJson case found)
            else
                summary file result case found
    }

let private applyCases (arguments: ParseResults<ApplyArguments>) file access =
    result {
        let! bytes = bytes file

        let! cases =
            Case.parse (RuleText.read access) bytes
            |> Result.mapError (fun reason -> $"{called file}: {reason}")

        let all =
            match cases with
            | One case -> [ case ]
            | Many cases -> cases

        let! verdicts = all |> List.traverseResultM verdict
        let applied = List.zip all verdicts
        warn applied
        let found = [| for case, verdict in applied -> Case.toJson case verdict :> JsonNode | null |]

        match cases with
        | One _ -> printJson arguments found[0]
        | Many _ -> printJson arguments (JsonArray found)
    }

let run (arguments: ParseResults<ApplyArguments>) : int =
    // Paths count from the current folder.
    let access =
        Scenarios.access (not (arguments.Contains ApplyArguments.NoScripts)) (UserCode.create ()) ""

    let arrays =
        arguments.Contains Rule
        || arguments.Contains Own
        || arguments.Contains Received
        || arguments.Contains ApplyArguments.Out

    let applied =
        match LibTorch.load (arguments.TryGetResult ApplyArguments.Libtorch), arguments.TryGetResult Case with
        | Error reason, _ -> Error reason
        | Ok _, Some _ when arrays ->
            Error "a case is a JSON file or NumPy's arrays (--rule, --own, --received), not both"
        | Ok _, Some file -> applyCases arguments file access
        | Ok _, None when arrays -> applyArrays arguments access
        | Ok _, None -> Error "expected a JSON file with cases, or --rule, --own and --received: 'ubarfs apply --help'"

    match applied with
    | Ok() -> Exit.done'
    | Error reason -> Exit.refuse reason
