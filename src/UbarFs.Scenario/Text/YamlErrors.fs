/// The YAML library's complaints in the words of someone who writes a scenario.
[<RequireQualifiedAccess>]
module internal UbarFs.Scenario.YamlErrors

open System
open System.Text.RegularExpressions
open YamlDotNet.Core

// A part of the library's message → what to say, and what to do about it.
let private phrases =
    [ "found invalid mapping",
      "unexpected ':'",
      Some "every key goes on a line of its own, with a space after its ':'; a value that contains ': ' needs quotes"
      "Mapping values are not allowed",
      "unexpected ':'",
      Some "every key goes on a line of its own, with a space after its ':'; a value that contains ': ' needs quotes"
      "did not find expected key",
      "expected a key here",
      Some "align it with the keys around it; after a quoted text or a closing bracket the line must end"
      "did not find expected '-' indicator", "expected a list item ('- …') here", Some "align it with the other items"
      "did not find expected ',' or ']'", "expected ',' or ']'", None
      "did not find expected ',' or '}'", "expected ',' or '}'", None
      "did not find expected node content", "expected a value here", None
      "cannot start any token", "a value cannot start with this character", Some "put the value in quotes"
      "Block sequence entries are not allowed",
      "a list item cannot start here",
      Some "start the list on the next line, or put it in brackets"
      "unexpected end of stream", "this quoted text does not end", Some "add the closing quote"
      "unexpected document indicator", "this quoted text does not end", Some "add the closing quote"
      "wrong indentation",
      "this quoted text does not end",
      Some "add the closing quote, or indent the lines that the text goes on with"
      "unknown escape character",
      "unknown escape in a double-quoted text",
      Some "in single quotes, a backslash is an ordinary character"
      "could not find expected ':'", "expected ':' after this key", None
      "tab", "a tab where YAML wants spaces", None
      "incompatible YAML document", "this version of YAML is not supported", Some "leave the %YAML line out"
      "anchor",
      "an anchor ('&name') or alias ('*name') without a proper name",
      Some "a value that starts so needs quotes"
      "tag", "tags ('!…') are not part of the scenario language", Some "a value that starts with '!' needs quotes"
      "expected <document", "expected the end of the scenario here", None ]

let private lastPart (message: string) =
    let text = message.Substring(message.LastIndexOf ", " + 1).Trim().TrimEnd('.')
    $"not valid YAML: {text}"

/// The tab in the indentation of a line, if there is one.
let private indentingTab (source: Source) number =
    let line = Source.line source number
    let indent = line.Substring(0, line.Length - line.TrimStart().Length)

    match indent.IndexOf '\t' with
    | -1 -> None
    | column -> Some(source.LineStarts[number] + column)

let private missingBlank = Regex @"^\s*[\w.-]+(:)[^\s:/]"

/// The ':' of a line such as `rule:ubar`, which a key's value cannot follow.
let private tightColon (source: Source) number =
    let found = missingBlank.Match(Source.line source number)

    if found.Success then
        let colon = Span.at source (source.LineStarts[number] + found.Groups[1].Index)

        Diagnostic.error colon "a space is missing after this ':'"
        |> Diagnostic.meant colon [ ": " ] "a key is written 'key: value'"
        |> Some
    else
        None

let private alone = Regex @"^\s*([\w.-]+)\s*$"
let private beside = Regex @"^\s*([\w.-]+)\s+[^\s:=-][^:]*$"

/// A line that is only a key, or a key and its value, without a ':'.
let private missingColon (pattern: Regex) (source: Source) number =
    let found = pattern.Match(Source.line source number)

    if found.Success then
        let word = found.Groups[1]
        let start = source.LineStarts[number] + word.Index
        let span = Span.create source start (start + word.Length)

        Diagnostic.error span $"a ':' is missing after '{word.Value}'"
        |> Diagnostic.meant span [ word.Value + ":" ] "a key is written 'key: value'"
        |> Some
    else
        None

let private pair = Regex @"^(\s*)([\w.-]+):\s+[^\s|>]"
let private key = Regex @"^(\s*)[\w.-]+:(\s|$)"

/// A key that is indented deeper than the one before it, which has a value already.
let private tooDeep (source: Source) number =
    if number = 0 then
        None
    else
        let before, here = pair.Match(Source.line source (number - 1)), key.Match(Source.line source number)

        if before.Success && here.Success && here.Groups[1].Length > before.Groups[1].Length then
            let start = source.LineStarts[number]
            let indent = Span.create source start (start + here.Groups[1].Length)
            let name = before.Groups[2].Value

            Diagnostic.error (Span.at source (start + here.Groups[1].Length)) "this line is indented too far"
            |> Diagnostic.meant indent [ before.Groups[1].Value ] $"align it with '{name}' above it"
            |> Some
        else
            None

/// A quote inside of a quoted text, which ends it.
let private innerQuote (source: Source) offset =
    let text = source.Text

    if
        offset > 0
        && offset < text.Length
        && Char.IsLetterOrDigit text[offset]
        && Seq.contains text[offset - 1] "'\""
    then
        let quote = Span.at source (offset - 1)
        let letter = text[offset - 1]
        let written = if letter = '"' then "\\\"" else "''"

        Diagnostic.error quote "the quoted text ends here, before the rest of the line"
        |> Diagnostic.meant quote [ written ] $"a {letter} inside of a quoted text is written {written}"
        |> Some
    else
        None

/// What is wrong by the look of the lines, where the library only says that something is.
let private likely source (lines: int list) first (message: string) =
    let says (parts: string list) = parts |> List.exists (fun part -> message.Contains part)
    let head = List.head lines
    let before = max 0 (head - 1)

    if says [ "found invalid mapping"; "Mapping values are not allowed" ] then
        (lines @ [ before ])
        |> List.tryPick (tightColon source)
        |> Option.orElse (tooDeep source head)
        |> Option.orElse (missingColon alone source before)
        |> Option.orElse (missingColon beside source before)
    elif says [ "did not find expected key"; "could not find expected ':'" ] then
        innerQuote source first
        |> Option.orElse (tightColon source head)
        |> Option.orElse (missingColon beside source head)
        |> Option.orElse (missingColon alone source head)
        |> Option.orElse (tooDeep source head)
    else
        None

/// The first tab that indents a line, from a line on.
let private firstTab (source: Source) number =
    seq { number .. source.LineStarts.Length - 1 } |> Seq.tryPick (indentingTab source)

let private closing what =
    if what = "list" then
        "its ']' is missing"
    else
        "its '}' is missing"

/// A message, where it belongs, and the brackets that are open there (innermost first).
let diagnose (source: Source) first last (opened: (Span * string) list) (message: string) =
    let lines = [ Source.lineOf source first .. Source.lineOf source last ]
    let near = lines @ [ min (List.last lines + 1) (source.LineStarts.Length - 1) ]

    // The library places some complaints of tabs at the beginning of the text.
    let tab =
        match List.tryPick (indentingTab source) near with
        | Some tab when message.Contains "tab" || List.exists (fun line -> indentingTab source line = Some tab) lines ->
            Some tab
        | _ when message.Contains "tab" -> firstTab source lines.Head
        | _ -> None

    match tab, likely source lines first message with
    | Some tab, _ ->
        Diagnostic.error (Span.at source tab) "a tab in the indentation"
        |> Diagnostic.hinted "YAML is indented with spaces only"
    | None, Some likely -> likely
    | None, None ->
        let text, hint =
            phrases
            |> List.tryPick (fun (part, text, hint) ->
                if message.Contains(part, StringComparison.Ordinal) then
                    Some(text, hint)
                else
                    None)
            |> Option.defaultValue (lastPart message, None)

        let hint =
            if hint.IsNone && not opened.IsEmpty && (Source.line source lines.Head).Contains "${" then
                Some "inside { } and [ ], a reference needs quotes: \"${…}\""
            else
                hint

        let diagnostic = Diagnostic.error (Span.at source first) text |> Diagnostic.withHint hint

        match opened with
        | (span, what) :: _ when hint.IsNone ->
            diagnostic
            |> Diagnostic.noting span $"this {what} is not closed"
            |> Diagnostic.hinted (closing what)
        | _ -> diagnostic

/// The diagnostic for an exception of the library; `from` is where in the source it began to read.
let ofException source from opened (error: YamlException) =
    let offset (mark: Mark) = min source.Text.Length (from + int mark.Index)
    diagnose source (offset error.Start) (offset error.End) opened error.Message

/// The diagnostic for a text on which the library itself fails; `place` is where it stood.
let failure source place (opened: (Span * string) list) =
    match opened with
    | (span, what) :: _ -> Diagnostic.error span $"this {what} is not closed" |> Diagnostic.hinted (closing what)
    | [] -> Diagnostic.error (Span.at source place) "what follows is not valid YAML"
