namespace UbarFs.Scenario

open System

/// Where a text comes from: it decides how a position in it is written.
[<RequireQualifiedAccess>]
type Origin =
    | File of path: string
    /// An option of the command line, such as `--set rule=ubar`.
    | CommandLine

/// A text that diagnostics point into.
[<ReferenceEquality>]
type Source =
    {
        Origin: Origin
        Text: string
        /// The number of the text's first line: 1, unless the text is a piece of a file.
        FirstLine: int
        /// The offset of the first character of each line, ascending.
        LineStarts: int[]
        /// The offset behind the last visible character of each line.
        LineEnds: int[]
    }

[<RequireQualifiedAccess>]
module Source =

    let private startsLine (text: string) position =
        match text[position - 1] with
        | '\n' -> true
        | '\r' -> position = text.Length || text[position] <> '\n'
        | _ -> false

    /// A piece of a text, from the beginning of a line on.
    let excerpt origin firstLine (text: string) =
        let starts =
            [| yield 0
               for position in 1 .. text.Length do
                   if startsLine text position then
                       yield position |]

        let visibleEnd first next = first + text.AsSpan(first, next - first).TrimEnd().Length

        { Origin = origin
          Text = text
          FirstLine = firstLine
          LineStarts = starts
          LineEnds = Array.append starts[1..] [| text.Length |] |> Array.map2 visibleEnd starts }

    let create origin text = excerpt origin 1 text

    /// The line (from 0) that holds a position of the text.
    let lineOf (source: Source) (offset: int) =
        match Array.BinarySearch(source.LineStarts, offset) with
        | found when found >= 0 -> found
        | missing -> ~~~missing - 1

    /// The text of a line (from 0), without the line break and blanks before it.
    let line (source: Source) number =
        let first = source.LineStarts[number]
        source.Text.Substring(first, source.LineEnds[number] - first)

    /// The offset behind the last visible character.
    let visibleEnd (source: Source) = source.Text.AsSpan().TrimEnd().Length

/// A piece of one line of a source. Line and column count from 1, as editors do.
type Span =
    {
        Source: Source
        Offset: int
        /// As far as the end of the first line.
        Length: int
        /// The whole length, over line ends.
        Extent: int
    }

    member span.Line = Source.lineOf span.Source span.Offset + span.Source.FirstLine
    member span.Column = span.Offset - span.Source.LineStarts[Source.lineOf span.Source span.Offset] + 1

    /// The text of the line.
    member span.Whole = Source.line span.Source (Source.lineOf span.Source span.Offset)

[<RequireQualifiedAccess>]
module Span =

    /// The text from `first` up to but without `last`, cut at the end of its first line.
    let create (source: Source) first last =
        let first = max 0 (min first source.Text.Length)

        { Source = source
          Offset = first
          Length = max 0 (min last source.LineEnds[Source.lineOf source first] - first)
          Extent = max 0 (min last source.Text.Length - first) }

    /// The position, or the last visible character where the position is behind it.
    let at (source: Source) offset =
        let first = min offset (max 0 (Source.visibleEnd source - 1))
        create source first (first + 1)

    /// A part of a span, by its position in the span and its length.
    let part from length (span: Span) =
        let from = min from span.Length
        let length = min length (span.Length - from)

        { span with Offset = span.Offset + from; Length = length; Extent = length }

/// Something read from a source, and where it stands there.
type Located<'value> = { Value: 'value; Span: Span }
