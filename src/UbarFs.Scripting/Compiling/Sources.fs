namespace UbarFs.Scripting

open System
open System.Collections.Generic
open System.IO
open System.Security.Cryptography
open System.Text
open System.Text.RegularExpressions
open FsToolkit.ErrorHandling
open UbarFs.Core
open UbarFs.Scenario

/// A file of F# on its way to the compiler.
type SourceFile =
    {
        Source: Source
        /// The name that it has for the compiler, in messages and in traces.
        Document: string
        /// What is compiled: directives are carried out already, and every line keeps its number.
        Text: string
    }

/// What a script is for.
[<RequireQualifiedAccess>]
type Purpose =
    /// It defines a rule or an attack.
    | Component
    /// Its last expression is a scenario, or a list of scenarios.
    | Scenarios

/// A script with everything that it is made of.
type Sources =
    {
        Purpose: Purpose
        /// What the script loads, in the order of compilation, and the script itself at the end.
        Files: SourceFile list
        /// Assemblies that the files refer to, as full paths.
        References: string list
    }

[<RequireQualifiedAccess>]
module Sources =

    let private directive = Regex(@"^\s*#(load|r|reference)\s+(@?"".*)$", RegexOptions.CultureInvariant)
    let private argument = Regex(@"(@?)""((?:[^""\\]|\\.)*)""", RegexOptions.CultureInvariant)

    let private declaration =
        Regex(@"^(module|namespace)\s+(rec\s+|internal\s+)?[\w.`]+\s*$", RegexOptions.Multiline)

    /// What scripts find open.
    let private prelude purpose =
        match purpose with
        | Purpose.Component -> "open TorchSharp\nopen UbarFs.Core\n"
        | Purpose.Scenarios -> "open UbarFs.Scenario\nopen UbarFs.Scenario.Build\n"

    /// The assemblies that the program has anyway, by their names: the library, and what comes with .NET.
    let given: IReadOnlyDictionary<string, string> =
        let given = Dictionary<string, string>(StringComparer.OrdinalIgnoreCase)

        for path in (AppContext.GetData "TRUSTED_PLATFORM_ASSEMBLIES" |> string).Split Path.PathSeparator do
            given[string (Path.GetFileNameWithoutExtension path)] <- path

        given

    /// The one of them that a reference means, wherever it looks for it.
    let private tryGiven (reference: string) : string option =
        let name = reference.Replace('\\', '/').Split('/') |> Array.last
        let isDll = name.EndsWith(".dll", StringComparison.OrdinalIgnoreCase)

        match given.TryGetValue(if isDll then name.Substring(0, name.Length - 4) else name) with
        | true, path -> Some path
        | false, _ -> None

    /// A directive of a line: what it does, and its arguments with their places.
    let private directiveOf (source: Source) number : (string * Located<string> list) option =
        let matched = directive.Match(Source.line source number)

        if not matched.Success then
            None
        else
            let start = source.LineStarts[number] + matched.Groups[2].Index

            let located (item: Match) =
                let written = item.Groups[2].Value
                let isVerbatim = item.Groups[1].Length > 0

                { Value = if isVerbatim then written else Regex.Unescape written
                  Span = Span.create source (start + item.Index) (start + item.Index + item.Length) }

            Some(matched.Groups[1].Value, argument.Matches matched.Groups[2].Value |> Seq.map located |> List.ofSeq)

    /// The text without some of its lines, in the file that the compiler is told.
    let private prepared purpose (document: string) (source: Source) (carriedOut: Set<int>) =
        let lines =
            source.LineStarts
            |> Array.mapi (fun number _ ->
                if carriedOut.Contains number then
                    ""
                else
                    Source.line source number)

        let opened =
            if declaration.IsMatch source.Text then
                ""
            else
                prelude purpose

        let quoted = document.Replace("\\", "\\\\").Replace("\"", "\\\"")
        $"{opened}# 1 \"{quoted}\"\n" + String.Join('\n', lines) + "\n"

    /// How many lines of a file's text stand before its own first.
    let preludeLines (file: SourceFile) = file.Text.Split('\n') |> Array.findIndex _.StartsWith("# 1 \"") |> (+) 1

    let private folderOf (path: string) = Path.GetDirectoryName(Path.GetFullPath path) |> string

    let private reference folder (written: Located<string>) : Validation<string, Diagnostic> =
        if written.Value.StartsWith("nuget:", StringComparison.OrdinalIgnoreCase) then
            Diagnostic.error written.Span "packages are not fetched here"
            |> Diagnostic.hinted "refer to an assembly by its path, or compile the rule in a project of its own"
            |> Validation.error
        else
            let path = Path.GetFullPath(Path.Combine(folder, written.Value))

            match tryGiven written.Value with
            | Some given -> Ok given
            | None when File.Exists path ->
                match InputFile.objection (int64 AssemblyFile.longest) path with
                | Some reason -> Validation.error (Diagnostic.error written.Span $"'{path}' {reason}")
                | None -> Ok path
            | None -> Validation.error (Diagnostic.error written.Span $"there is no assembly '{path}'")

    // A file that is loaded twice is compiled once, before whatever loads it.
    let rec private gather (trail: string list) (sources: Sources) (path: string) text =
        let source = Source.create (Origin.File path) text
        let folder = folderOf path

        let directives =
            [ for number in 0 .. source.LineStarts.Length - 1 do
                  match directiveOf source number with
                  | Some(kind, arguments) -> number, kind, arguments
                  | None -> () ]

        let follow (sources: Validation<Sources, Diagnostic>) (kind, written) =
            match sources with
            | Error errors -> Error errors
            | Ok sources when kind = "load" -> load (Path.GetFullPath path :: trail) sources folder written
            | Ok sources ->
                reference folder written
                |> Result.map (fun found ->
                    { sources with References = sources.References @ [ found ] |> List.distinct })

        let document =
            // Where a file asks for its own place, the place takes part in what is compiled.
            if text.Contains "__SOURCE_" then
                Path.GetFullPath path
            else
                Path.GetFileName path |> string

        let file =
            { Source = source
              Document = document
              Text =
                prepared sources.Purpose document source (directives |> List.map (fun (number, _, _) -> number) |> Set) }

        [ for _, kind, arguments in directives do
              for written in arguments -> kind, written ]
        |> List.fold follow (Ok sources)
        |> Result.map (fun sources -> { sources with Files = sources.Files @ [ file ] })

    and private load trail (sources: Sources) folder (written: Located<string>) : Validation<Sources, Diagnostic> =
        let path = Path.GetFullPath(Path.Combine(folder, written.Value))

        let isKnown (file: SourceFile) =
            match file.Source.Origin with
            | Origin.File known -> Path.GetFullPath known = path
            | Origin.CommandLine -> false

        if List.contains path trail then
            Validation.error (Diagnostic.error written.Span "this file loads itself")
        elif List.exists isKnown sources.Files then
            Ok sources
        else
            match ScenarioFile.read path with
            | Error problem ->
                Error [ Diagnostic.error written.Span problem.Message |> Diagnostic.withHint problem.Hint ]
            | Ok text -> gather trail sources path text

    /// Reads a script and everything that it loads.
    let read purpose (path: string) : Validation<Sources, Diagnostic> =
        ScenarioFile.read path
        |> Validation.ofResult
        |> Result.bind (gather [] { Purpose = purpose; Files = []; References = [] } path)

    /// The script itself.
    let script (sources: Sources) = List.last sources.Files

    /// The source that the compiler and traces call by a name.
    let tryFind (sources: Sources) (document: string) : Source option =
        sources.Files
        |> List.tryFind (fun file -> Path.GetFileName file.Document = Path.GetFileName document)
        |> Option.map _.Source

    /// A checksum of everything that the script is made of, wherever it lies.
    let fingerprint (sources: Sources) : string =
        use hash = IncrementalHash.CreateHash HashAlgorithmName.SHA256

        let add (bytes: byte[]) =
            hash.AppendData(BitConverter.GetBytes bytes.LongLength)
            hash.AppendData bytes

        for file in sources.Files do
            add (Encoding.UTF8.GetBytes file.Text)

        // What the program has itself is told by its version, where that matters.
        for reference in sources.References |> List.except given.Values do
            add (AssemblyFile.read reference)

        Convert.ToHexStringLower(hash.GetHashAndReset())
