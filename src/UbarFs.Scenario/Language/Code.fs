namespace UbarFs.Scenario

open UbarFs.Core

/// Code that a scenario brings along: what the language writes in place of a name out of the catalogue.
[<RequireQualifiedAccess>]
type CodeFile =
    /// `{ script: rules/mine.fsx }`
    | Script of path: string
    /// `{ assembly: mine.dll, type: Name }`
    | Assembly of path: string * typeName: string

/// A component out of a user's code.
type Loaded<'value> =
    {
        Component: Component<'value>
        /// A checksum of the code, wherever it lies.
        Fingerprint: string
        /// What the compiler warned of.
        Warnings: Diagnostic list
        /// The component as it was before anybody asked it anything: out of the same code, with nothing that it remembers.
        Anew: unit -> Result<Component<'value>, Diagnostic>
    }

/// What a user's code threw; the diagnostic tells where.
type CodeException(diagnostic: Diagnostic, cause: exn) =
    inherit UserCodeException((Rendering.plain diagnostic).TrimEnd(), cause)
    member _.Diagnostic = diagnostic

[<AutoOpen>]
module CodeExceptions =

    /// What a user's code threw, by its diagnostic.
    let (|CodeException|_|) (error: exn) =
        match error with
        | :? CodeException as error -> Some error.Diagnostic
        | _ -> None

/// The way to the code that a scenario names. A diagnostic about a file, or a type, as a whole has its place at the
/// name of it as the scenario writes it.
type CodeAccess =
    { Rule: CodeFile -> Result<Loaded<Rule>, Diagnostic list>
      Stage: CodeFile -> Result<Loaded<PipelineStage>, Diagnostic list>
      Attack: CodeFile -> Result<Loaded<Attack>, Diagnostic list> }

[<RequireQualifiedAccess>]
module CodeFile =

    /// The keys that name code.
    let keywords = [ "script"; "assembly"; "type" ]

    /// The key with the parameters of what the code defines.
    let arguments = "with"

    let isKey name = name = arguments || List.contains name keywords

    /// Whether two of the keys exclude each other.
    let areAlternatives one other =
        let names = set [ one; other ]
        names.Contains "script" && (names.Contains "assembly" || names.Contains "type")

    let path file =
        match file with
        | CodeFile.Script path
        | CodeFile.Assembly(path, _) -> path

    /// The keys of the language that name it.
    let keys file =
        match file with
        | CodeFile.Script path -> [ "script", path ]
        | CodeFile.Assembly(path, typeName) -> [ "assembly", path; "type", typeName ]

/// What a scenario calls a rule, an attack or a variant: `{ ubar: { rho: 0.3 }, label: Ours }`.
[<RequireQualifiedAccess>]
module Label =

    /// The key that stands beside what it names.
    let key = "label"

    let isKey name = name = key

    /// The longest, in characters.
    let longest = 60

    /// The label in a text; nothing if the text cannot be one.
    let read (text: string) =
        let text = text.Trim()

        if text = "" || text.Length > longest || Seq.exists System.Char.IsControl text then
            None
        else
            Some text

[<RequireQualifiedAccess>]
module CodeAccess =

    /// Whoever reads a scenario this way runs nothing; the reason is in the user's words.
    let refused reason hint : CodeAccess =
        let refuse file =
            Error [ Diagnostic.fileError (CodeFile.path file) reason |> Diagnostic.hinted hint ]

        { Rule = refuse; Stage = refuse; Attack = refuse }

    /// No code at all.
    let none = refused "code is not loaded here" "name a component of the catalogue"
