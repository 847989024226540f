namespace UbarFs.Core

open System.Runtime.CompilerServices
open System.Runtime.InteropServices

/// An entry of the catalogue: a named thing of one family (a rule, an attack, a dataset, …) with its parameters.
/// The language, the lists, the help pages and the tests over the whole catalogue all read it.
type Component<'value> =
    {
        Name: string
        /// One line for lists.
        Summary: string
        /// What it computes, for its help page: paragraphs with an empty line between them. The lines of a formula
        /// begin with "> " and stay as they are, at most 76 columns wide; `backticks` enclose words of the language.
        Meaning: string
        /// The paper or the specification it comes from.
        Source: string
        Settings: Settings<'value>
        /// The file that defines it, of the sources that the build records; a run that chooses it depends on the file.
        File: Sources.Source option
        /// The files of other components that some arguments name: a run depends on them as well.
        Uses: Arguments -> Sources.Source list
    }

/// Where a component is from that is not in the catalogue.
type Code =
    {
        /// The keys of the language that name it, with their values.
        Keys: (string * string) list
        /// A checksum of the code, wherever it lies.
        Fingerprint: string
    }

/// A component with values for all of its parameters, and what it makes of them.
type Chosen<'value> =
    {
        Name: string
        /// What a scenario calls it in tables and legends; it changes no number.
        Label: string option
        /// None for a component of the catalogue.
        Code: Code option
        /// What it is put together from, in order: a list of the language. None for a component by itself.
        Parts: Chosen<unit> list
        /// Every parameter in its declared order, with the value in force.
        Arguments: (Parameter * Value) list
        /// The recorded files that define it and its parts.
        Files: Sources.Source list
        Value: 'value
    }

/// Starts components. It is a type because only a method knows the file that calls it.
[<AbstractClass; Sealed>]
type Define =

    /// A component without text, for `Component.describedBy` to add; `file` is filled in by the compiler.
    static member Named
        (name: string, [<CallerFilePath; Optional; DefaultParameterValue("")>] file: string)
        : Settings<'value> -> Component<'value> =
        fun settings ->
            { Name = name
              Summary = ""
              Meaning = ""
              Source = ""
              Settings = settings
              File = Sources.tryAt file
              Uses = fun _ -> [] }

[<RequireQualifiedAccess>]
module Component =

    let describedBy summary meaning source component' =
        { component' with
            Component.Summary = summary
            Meaning = meaning
            Source = source }

    /// The component with some arguments; what they leave out has its default.
    let choose (arguments: Arguments) (component': Component<'value>) =
        let inForce (parameter: Parameter) =
            parameter, Map.tryFind parameter.Name arguments |> Option.defaultValue parameter.Default

        { Name = component'.Name
          Label = None
          Code = None
          Parts = []
          Arguments = List.map inForce component'.Settings.Parameters
          Files = Option.toList component'.File @ component'.Uses arguments |> List.distinct
          Value = component'.Settings.Read arguments }

[<RequireQualifiedAccess>]
module Chosen =

    // A text can hold anything, so it is quoted where it could be taken for something else.
    let private quoted (text: string) =
        if text.IndexOfAny(",:[]{}#\"'&*!|>@`%?- ".ToCharArray()) >= 0 then
            "'" + text.Replace("'", "''") + "'"
        else
            text

    let private always (text: string) = "'" + text.Replace("'", "''") + "'"

    let private argument (parameter: Parameter) (value: Value) =
        match parameter.Kind with
        | Kind.Text -> quoted (string value)
        | _ -> string value

    let private text arguments =
        arguments
        |> List.map (fun (parameter: Parameter, value: Value) -> $"{parameter.Name}: {argument parameter value}")
        |> String.concat ", "

    let private ofCode (code: Code) arguments =
        let keys = code.Keys |> List.map (fun (key, value) -> $"{key}: {quoted value}")

        let more =
            match arguments with
            | [] -> []
            | arguments -> [ $"with: {{ {text arguments} }}" ]

        keys @ more |> String.concat ", " |> sprintf "{ %s }"

    /// The choice without what it makes.
    let untyped (chosen: Chosen<'value>) : Chosen<unit> =
        { Name = chosen.Name
          Label = chosen.Label
          Code = chosen.Code
          Parts = chosen.Parts
          Arguments = chosen.Arguments
          Files = chosen.Files
          Value = () }

    /// What several parts, in order, make together. A label of the last one is that of the whole.
    let together (parts: Chosen<unit> list) (value: 'value) : Chosen<'value> =
        { Name = parts |> List.map _.Name |> String.concat " + "
          Label = (List.last parts).Label
          Code = None
          Parts = parts
          Arguments = []
          Files = parts |> List.collect _.Files |> List.distinct
          Value = value }

    let private listed (show: Chosen<unit> -> string) parts =
        parts |> List.map show |> String.concat ", " |> sprintf "[%s]"

    let private ofOne (chosen: Chosen<'value>) =
        match chosen.Code, chosen.Arguments with
        | Some code, arguments -> ofCode code arguments
        | None, [] -> chosen.Name
        | None, arguments -> $"{{ {chosen.Name}: {{ {text arguments} }} }}"

    /// The form of the language with every parameter written out. It identifies the choice; where code is chosen,
    /// `fingerprint` says which.
    let canonical (chosen: Chosen<'value>) =
        match chosen.Parts with
        | [] -> ofOne chosen
        | parts -> listed ofOne parts

    let private writtenOne (chosen: Chosen<'value>) =
        match chosen.Label, chosen.Code, chosen.Arguments with
        | None, _, _ -> ofOne chosen
        | Some label, Some _, _ ->
            let text = ofOne chosen
            $"{text.Substring(0, text.Length - 2)}, label: {always label} }}"
        | Some label, None, arguments -> $"{{ {chosen.Name}: {{ {text arguments} }}, label: {always label} }}"

    /// The form of the language with everything written out, its label too.
    let written (chosen: Chosen<'value>) =
        match chosen.Parts with
        | [] -> writtenOne chosen
        | parts -> listed writtenOne parts

    /// The checksums of the code behind the choice: of what defines a component of the catalogue, or of the user's.
    let fingerprints (chosen: Chosen<'value>) : string list =
        let ofOne (files: Sources.Source list) (code: Code option) =
            match code with
            | Some code -> [ code.Fingerprint ]
            | None -> files |> List.map _.Checksum

        match chosen.Parts with
        | [] -> ofOne chosen.Files chosen.Code
        | parts -> parts |> List.collect (fun part -> ofOne part.Files part.Code)
        |> List.distinct

    /// Whether any of it is the user's own code.
    let hasCode (chosen: Chosen<'value>) = chosen.Code.IsSome || chosen.Parts |> List.exists _.Code.IsSome

    /// The same as one text; nothing where no code is recorded.
    let fingerprint (chosen: Chosen<'value>) : string option =
        match fingerprints chosen with
        | [] -> None
        | prints -> Some(String.concat ", " prints)

    /// What it is called: its label, or else the shortest form of the language, which leaves out what has its default.
    let label (chosen: Chosen<'value>) =
        let shortest name arguments =
            match arguments |> List.filter (fun (parameter: Parameter, value) -> value <> parameter.Default) with
            | [] -> name
            | changed -> $"{name} ({text changed})"

        match chosen.Label, chosen.Parts with
        | Some label, _ -> label
        | None, [] -> shortest chosen.Name chosen.Arguments
        | None, parts -> parts |> List.map (fun part -> shortest part.Name part.Arguments) |> String.concat " + "
