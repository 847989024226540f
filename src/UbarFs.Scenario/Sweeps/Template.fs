namespace UbarFs.Scenario

open System

/// A piece of a text that may refer to something.
[<RequireQualifiedAccess>]
type Piece =
    | Verbatim of string
    /// `${path.to.key}`, by its position in the text.
    | Key of path: string * start: int * length: int
    /// `${env:NAME}` or `${env:NAME:-default}`.
    | Variable of name: string * initial: string option * start: int * length: int
    /// `${` without an end, or with nothing between.
    | Malformed of start: int * length: int

/// The parts of a text with references: `${…}` refers, `$${` stands for `${` itself.
[<RequireQualifiedAccess>]
module Template =

    let private variable (inner: string) start length =
        let written = inner.Substring "env:".Length

        match written.IndexOf(":-", StringComparison.Ordinal) with
        | -1 when written = "" -> Piece.Malformed(start, length)
        | -1 -> Piece.Variable(written, None, start, length)
        | 0 -> Piece.Malformed(start, length)
        | split -> Piece.Variable(written.Substring(0, split), Some(written.Substring(split + 2)), start, length)

    let private reference (inner: string) start length =
        if inner.StartsWith("env:", StringComparison.Ordinal) then
            variable inner start length
        elif String.IsNullOrWhiteSpace inner || inner.Contains "${" then
            Piece.Malformed(start, length)
        else
            Piece.Key(inner, start, length)

    /// Whether there is anything in a text to replace.
    let isPlain (text: string) = not (text.Contains("${", StringComparison.Ordinal))

    let pieces (text: string) : Piece list =
        let rec from position found =
            match text.IndexOf("${", position, StringComparison.Ordinal) with
            | -1 -> List.rev (Piece.Verbatim(text.Substring position) :: found)
            | at when at > position && text[at - 1] = '$' ->
                from (at + 2) (Piece.Verbatim(text.Substring(position, at - 1 - position) + "${") :: found)
            | at ->
                let before = Piece.Verbatim(text.Substring(position, at - position))

                match text.IndexOf('}', at) with
                | -1 -> List.rev (Piece.Malformed(at, text.Length - at) :: before :: found)
                | last ->
                    let inner = text.Substring(at + 2, last - at - 2)
                    from (last + 1) (reference inner at (last + 1 - at) :: before :: found)

        from 0 [] |> List.filter ((<>) (Piece.Verbatim ""))
