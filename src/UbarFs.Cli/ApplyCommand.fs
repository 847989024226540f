/// `ubarfs apply`: a rule under the microscope.
module UbarFs.Cli.ApplyCommand

open System
open System.IO
open System.Text.Json
open System.Text.Json.Nodes
open Argu
open FsToolkit.ErrorHandling
open UbarFs.Engine
open UbarFs.Scenario
open UbarFs.Scripting
open UbarFs.Cli.Arguments

/// The bytes of a file, or of standard input.
let private bytes (file: string) : Result<byte[], string> =
    let tooLarge = Error $"{file}: larger than {Npy.largest / 1024L / 1024L} MiB"

    try
        use input: Stream =
            if file = "-" then
                Console.OpenStandardInput()
            else
                File.OpenRead file

        use memory = new MemoryStream()
        let buffer = Array.zeroCreate<byte> 65536
        let mutable read = input.Read buffer

        while read > 0 && memory.Length <= Npy.largest do
            memory.Write(buffer, 0, read)
            read <- input.Read buffer

        if memory.Length > Npy.largest then
            tooLarge
        else
            Ok(memory.ToArray())
    with
    | :? IOException
    | :? UnauthorizedAccessException as error -> Error $"{file}: {error.Message}"

let private npy dimensions (file: string) : Result<NpyArray, string> =
    bytes file
    |> Result.bind (Npy.read >> Result.mapError (fun reason -> $"{file}: {reason}"))
    |> Result.bind (fun array ->
        if array.Shape.Length = dimensions then
            Ok array
        else
            let sizes = array.Shape |> List.map string |> String.concat ", "
            let expected = if dimensions = 1 then "[d]" else "[m, d]"
            Error $"{file}: its shape is [{sizes}]; expected {expected}")

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

        if received.Shape[1] <> d then
            return! Error $"--received has estimates of {received.Shape[1]} numbers, and --own has {d}"
        elif losses.Length <> m then
            return! Error $"--losses has {losses.Length} losses for {m} received estimates"
        elif not (rho > 0.0 && rho <= 1.0) then
            return! Error "--rho: expected a number in (0, 1]"
        else
            let case =
                { Rule = rule
                  BenignRatio = rho
                  Own = own.Values
                  Neighbours = Array.init m (fun row -> received.Values[row * d .. (row + 1) * d - 1])
                  OwnLoss = arguments.GetResult(ApplyArguments.OwnLoss, nan)
                  Losses = losses }

            return case, own
    }

/// What a rule makes of a case, in the user's words where its code fails.
let private verdict (case: Case) : Result<Verdict, string> =
    try
        Ok(Case.apply case)
    with CodeException _ as error ->
        Error error.Message

/// Says once if a rule asked for losses that nobody gave.
let private warn (applied: (Case * Verdict) list) =
    let lacksLosses (case: Case, found: Verdict) = found.AskedForLosses && Array.forall Double.IsNaN case.Losses

    if List.exists lacksLosses applied then
        Exit.complain "the rule goes by losses, and none are given: each counts as NaN"

let private printJson (json: JsonNode | null) =
    printfn "%s" (JsonSerializer.Serialize(json, JsonSerializerOptions(WriteIndented = true)))

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

        match arguments.TryGetResult ApplyArguments.Out with
        | Some file -> do! save file (Npy.write { own with Values = found.Result })
        | None -> ()

        if arguments.TryGetResult ApplyArguments.Out <> Some "-" then
            printJson (Case.toJson case found)
    }

let private applyCases file access =
    result {
        let! bytes = bytes file
        let text = Text.UTF8Encoding(false).GetString(bytes).TrimStart '\uFEFF'
        let! cases = Case.parse access text |> Result.mapError (fun reason -> $"{file}: {reason}")

        let all =
            match cases with
            | One case -> [ case ]
            | Many cases -> cases

        let! verdicts = all |> List.traverseResultM verdict
        let applied = List.zip all verdicts
        warn applied
        let found = [| for case, verdict in applied -> Case.toJson case verdict :> JsonNode | null |]

        match cases with
        | One _ -> printJson found[0]
        | Many _ -> printJson (JsonArray found)
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
        | Ok _, Some file -> applyCases file access
        | Ok _, None when arrays -> applyArrays arguments access
        | Ok _, None -> Error "expected a JSON file with cases, or --rule, --own and --received: 'ubarfs apply --help'"

    match applied with
    | Ok() -> Exit.done'
    | Error reason -> Exit.refuse reason
