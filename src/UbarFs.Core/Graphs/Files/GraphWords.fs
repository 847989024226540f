/// Cuts the lines of graph files into words.
[<RequireQualifiedAccess>]
module UbarFs.Core.GraphWords

open System
open System.Text

/// A word with its place in the line, from 0. Braces, brackets and quotes hold a word together, so that the data of an
/// edge (`{'weight': 3.5}`) and a node of a grid (`(0, 1)`) are one.
type Word =
    { Text: string
      Start: int
      Length: int }

    member word.IsData = word.Text.StartsWith '{'

let private closing (letter: char) =
    match letter with
    | '(' -> ')'
    | '[' -> ']'
    | '{' -> '}'
    | _ -> '\000'

/// The position behind a bracket's content, or the end of the line.
let private behindBracket (line: string) start =
    let opened = line[start]
    let mutable depth, position = 0, start

    while position < line.Length && (depth > 0 || position = start) do
        if line[position] = opened then
            depth <- depth + 1
        elif line[position] = closing opened then
            depth <- depth - 1

        position <- position + 1

    position

/// The position behind a quoted text, in which two quotes stand for one, or the end of the line.
let private behindQuote (line: string) start =
    let mutable position = start + 1
    let mutable isOpen = true

    while isOpen && position < line.Length do
        if line[position] <> '"' then
            position <- position + 1
        elif position + 1 < line.Length && line[position + 1] = '"' then
            position <- position + 2
        else
            position <- position + 1
            isOpen <- false

    position

let private unquoted (text: string) =
    if text.Length >= 2 && text[0] = '"' && text[text.Length - 1] = '"' then
        text.Substring(1, text.Length - 2).Replace("\"\"", "\"")
    else
        text

let private startsComment (line: string) first position =
    line[position] = '#'
    && (position = first
        || Char.IsWhiteSpace line[position - 1]
        || Seq.forall Char.IsAsciiDigit (line.Substring(first, position - first)))

/// The position behind the word that starts here: before a blank or separator, or a comment.
let private behindWord isEnd (line: string) start =
    let mutable position = start
    let mutable isOpen = true

    while isOpen && position < line.Length do
        let letter = line[position]

        if isEnd letter || startsComment line start position then
            isOpen <- false
        elif position = start && letter = '"' then
            position <- behindQuote line position
        elif position = start && closing letter <> '\000' then
            position <- behindBracket line position
        else
            position <- position + 1

    position

let private word (line: string) start behind =
    { Text = unquoted (line.Substring(start, behind - start))
      Start = start
      Length = behind - start }

let private isComment (line: string) position = position < line.Length && startsComment line position position

let private skipBlanks (line: string) start =
    let mutable position = start

    while position < line.Length && Char.IsWhiteSpace line[position] do
        position <- position + 1

    position

/// The words between blanks.
let private apart (line: string) =
    let words = ResizeArray<Word>()
    let mutable position = skipBlanks line 0

    while position < line.Length && not (isComment line position) do
        let behind = behindWord Char.IsWhiteSpace line position
        words.Add(word line position behind)
        position <- skipBlanks line behind

    words

/// The fields between separators, without the blanks around them; a field may be empty.
let private separated (separator: char) (line: string) =
    let words = ResizeArray<Word>()
    let mutable position = skipBlanks line 0

    if position < line.Length && not (isComment line position) then
        let mutable isOpen = true

        while isOpen do
            let behind = behindWord (fun letter -> letter = separator) line position
            let length = line.Substring(position, behind - position).TrimEnd().Length
            words.Add(word line position (position + length))
            isOpen <- behind < line.Length && line[behind] = separator
            position <- skipBlanks line (min line.Length (behind + 1))

    words

/// The words of a line, without its comment: after '#', or a whole line after '%'.
let split (separator: char option) (line: string) : ResizeArray<Word> =
    if line.TrimStart().StartsWith '%' then
        ResizeArray()
    else
        match separator with
        | Some separator -> separated separator line
        | None -> apart line

/// The separator of a file whose first line with words this is: a comma or a semicolon outside of braces and quotes,
/// or none for blanks.
let separatorOf (line: string) : char option =
    let outside = StringBuilder()
    let mutable position = 0

    while position < line.Length do
        let letter = line[position]

        let behind =
            if letter = '"' then
                behindQuote line position
            elif closing letter <> '\000' then
                behindBracket line position
            else
                position + 1

        if behind = position + 1 then
            outside.Append letter |> ignore

        position <- behind

    let outside = outside.ToString().Split('#')[0]
    [ ','; ';' ] |> List.tryFind (fun separator -> outside.Contains separator)
