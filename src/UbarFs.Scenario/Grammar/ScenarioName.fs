/// Names of scenarios. They name folders, on every operating system.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.ScenarioName

open System
open System.IO

let private longest = 100

// Windows keeps these names for devices, whatever extension follows.
let private devices =
    Set.ofList
        [ "con"
          "prn"
          "aux"
          "nul"
          for port in 1..9 do
              $"com{port}"
              $"lpt{port}" ]

let private isSafeLetter (letter: char) = Char.IsAsciiLetterOrDigit letter || Seq.contains letter "-_."

let private isDevice (name: string) = name.ToLowerInvariant().Split '.' |> Array.head |> devices.Contains

let isSafe (name: string) =
    name <> ""
    && name.Length <= longest
    && String.forall isSafeLetter name
    && not (name.StartsWith '.' || name.EndsWith '.')
    && not (isDevice name)

/// The safe name that comes nearest to another one.
let private safe (name: string) =
    let letters = name.Trim() |> String.map (fun letter -> if isSafeLetter letter then letter else '-')
    let name = letters.Substring(0, min longest letters.Length).Trim('.', '-')
    if isSafe name then Some name else None

let private expected = $"a name of at most {longest} letters, digits, '-', '_' or '.'"

let decoder =
    Decode.text expected id (fun name ->
        if isSafe name then
            Ok name
        else
            safe name
            |> Option.map (fun safe ->
                { Correction.words [ safe ] with
                    Text = $"did you mean '{safe}'? The name becomes that of a folder" })
            |> Error)

/// The name of a scenario that does not say one: that of its file.
let ofFile (file: string) : Result<string, Diagnostic> =
    let name = Path.GetFileNameWithoutExtension file

    if isSafe name then
        Ok name
    else
        let example = safe name |> Option.defaultValue "my-scenario"

        Diagnostic.fileError file $"'{name}', the name of the file, cannot be the name of the scenario"
        |> Diagnostic.fixedBy [ [ Change.Set("name", example) ] ] $"say one in the file, as in 'name: {example}'"
        |> Error
