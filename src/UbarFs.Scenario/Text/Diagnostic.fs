namespace UbarFs.Scenario

open System
open System.Text

[<RequireQualifiedAccess>]
type Severity =
    /// The scenario cannot run.
    | Error
    /// It can, but probably not as meant.
    | Warning
    /// It can, and this is how it is understood.
    | Note

/// What a diagnostic is about.
[<RequireQualifiedAccess>]
type Place =
    | Text of Span
    /// A file as a whole, or one that could not be read.
    | File of path: string

/// A change of a scenario that a hint shows.
[<RequireQualifiedAccess>]
type Change =
    /// This text in the place of that one.
    | Replace of Span * text: string
    /// A key and its value taken out.
    | Remove of key: Span * value: Span
    /// A value at a path, as `--set` puts it there.
    | Set of path: string * value: string

/// One way to follow a hint: changes that belong together.
type Fix = Change list

/// Something to tell the author of a scenario.
type Diagnostic =
    {
        Severity: Severity
        Place: Place
        Message: string
        /// What to do about it.
        Hint: string option
        /// The ways that the hint shows. Each of them, applied, must lead to a scenario without this diagnostic.
        Fixes: Fix list
        /// The path of the key whose absence it tells.
        Lacks: string option
        /// Other places that belong to it, with what they have to do with it.
        Notes: (Span * string) list
    }

[<RequireQualifiedAccess>]
module Diagnostic =

    /// The most that are worth reporting for one file.
    let most = 100

    let private define severity place message =
        { Severity = severity
          Place = place
          Message = message
          Hint = None
          Fixes = []
          Lacks = None
          Notes = [] }

    let error span message = define Severity.Error (Place.Text span) message
    let warning span message = define Severity.Warning (Place.Text span) message
    let note span message = define Severity.Note (Place.Text span) message
    let fileError path message = define Severity.Error (Place.File path) message
    let withHint hint diagnostic = { diagnostic with Hint = hint; Fixes = [] }
    let hinted hint diagnostic = withHint (Some hint) diagnostic
    /// A hint that shows something to write, and the ways to follow it.
    let fixedBy fixes hint diagnostic = { diagnostic with Hint = Some hint; Fixes = fixes }

    /// Something else in the place of a text.
    let replaced (span: Span) text : Fix = [ Change.Replace(span, text) ]

    /// A hint that shows what a text should be.
    let meant span texts hint diagnostic = fixedBy (texts |> List.map (replaced span)) hint diagnostic

    let noting span message diagnostic = { diagnostic with Notes = diagnostic.Notes @ [ span, message ] }

    let private order diagnostic =
        match diagnostic.Place with
        | Place.File _ -> struct (0, "", 0, 0)
        | Place.Text span ->
            match span.Source.Origin with
            | Origin.File path -> struct (1, path, span.Line, span.Column)
            | Origin.CommandLine -> struct (2, "", 0, 0)

    /// In the order of the text, each once.
    let arrange (diagnostics: Diagnostic list) = diagnostics |> List.distinct |> List.sortBy order

/// What a piece of a rendered diagnostic is, so that a terminal can colour it.
[<RequireQualifiedAccess>]
type Style =
    | Location
    | Severity of Severity
    | Message
    /// Line numbers and the bar beside the source.
    | Margin
    | Code
    | Caret
    | Note
    | Hint

/// Diagnostics as a compiler writes them: the place, the message, the line with a caret below, the hint.
[<RequireQualifiedAccess>]
module Rendering =

    /// Longer lines are cut around the span.
    let private widest = 100

    /// Longer messages are cut.
    let private longest = 400

    /// A line without what a terminal could take for a command.
    let private printable: string -> string =
        let isCommand letter = Char.IsControl letter && letter <> '\t'
        String.map (fun letter -> if isCommand letter then '·' else letter)

    /// What the author wrote may be quoted whole in a message.
    let private brief (text: string) =
        let tooLong = text.Length > longest
        printable (if tooLong then text.Substring(0, longest) + "…" else text)

    // Letters that stand above others take no column. (Wide letters take two in most terminals, not in all.)
    let private columns (text: string) =
        text.EnumerateRunes()
        |> Seq.sumBy (fun rune ->
            match Rune.GetUnicodeCategory rune with
            | Globalization.UnicodeCategory.NonSpacingMark
            | Globalization.UnicodeCategory.EnclosingMark
            | Globalization.UnicodeCategory.Format -> 0
            | _ -> 1)

    /// The text before the marked one, the marked one, and the text after it, together no wider than a screen.
    let private window widest (span: Span) =
        let line = span.Whole
        let first = min (span.Column - 1) line.Length
        let last = min line.Length (first + min span.Length (widest - 20))
        let from = if last <= widest then 0 else max 0 (first - 20)
        let upTo = min line.Length (from + widest)
        let ellipsis condition = if condition then "…" else ""

        ellipsis (from > 0) + line.Substring(from, first - from),
        line.Substring(first, last - first),
        line.Substring(last, upTo - last) + ellipsis (upTo < line.Length)

    let private location place =
        match place with
        | Place.File path -> $"{path}: "
        | Place.Text span ->
            match span.Source.Origin with
            | Origin.File path -> $"{path}:{span.Line}:{span.Column}: "
            | Origin.CommandLine -> "command line: "

    let private excerpt widest (span: Span) =
        let number =
            match span.Source.Origin with
            | Origin.File _ -> string span.Line
            | Origin.CommandLine -> ""

        let before, marked, after = window widest span
        let below = String.map (fun letter -> if letter = '\t' then '\t' else ' ') before
        let tabs = below |> Seq.filter ((=) '\t') |> Seq.length
        let indent = if tabs > 0 then below else String(' ', columns before)
        let margin (text: string) = Style.Margin, $"  {text.PadLeft(max 3 number.Length)} | "

        [ margin number
          Style.Code, printable (before + marked + after) + "\n"
          margin ""
          Style.Caret, indent + String('^', max 1 (columns marked)) + "\n" ]

    let private about widest place =
        match place with
        | Place.Text span -> excerpt widest span
        | Place.File _ -> []

    /// The pieces of the text, in order; together they end with a line break. Lines of code fit so many columns.
    let piecesWithin columns (diagnostic: Diagnostic) =
        // A margin, and an ellipsis at both ends.
        let widest = columns - 12 |> min widest |> max 30

        let severity =
            match diagnostic.Severity with
            | Severity.Error -> "error"
            | Severity.Warning -> "warning"
            | Severity.Note -> "note"

        [ Style.Location, printable (location diagnostic.Place)
          Style.Severity diagnostic.Severity, $"{severity}: "
          Style.Message, brief diagnostic.Message + "\n"
          yield! about widest diagnostic.Place
          for span, message in diagnostic.Notes do
              Style.Location, printable (location (Place.Text span))
              Style.Note, $"note: {brief message}\n"
              yield! excerpt widest span
          match diagnostic.Hint with
          | Some hint -> Style.Hint, $"  hint: {brief hint}\n"
          | None -> () ]

    /// The same for a screen of the usual size, or a file.
    let pieces (diagnostic: Diagnostic) = piecesWithin Int32.MaxValue diagnostic

    /// The text without colours.
    let plain diagnostic = pieces diagnostic |> List.map snd |> String.concat ""
