/// Files of shares on disk.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.ShareSource

open System
open System.IO
open System.Text
open UbarFs.Core

// Ten million numbers of images take no more.
let private longest = 1 <<< 27

/// Lines are shown as far as this.
let private longestLine = 10_000

let private located path (bytes: byte[]) (flaw: ShareFile.Flaw) : Diagnostic =
    let before = Array.LastIndexOf(bytes, '\n'B, max 0 (flaw.Offset - 1))
    let start = if flaw.Offset = 0 then 0 else before + 1
    let number = (bytes.AsSpan(0, start).Count '\n'B) + 1
    let column = flaw.Offset - start

    if column >= longestLine then
        Diagnostic.fileError path $"line {number}, column {column + 1}: {flaw.Reason}"
    else
        let found = Array.IndexOf(bytes, '\n'B, start)
        let last = if found < 0 then bytes.Length else found
        let line = Encoding.Latin1.GetString(bytes, start, min longestLine (last - start))
        let source = Source.excerpt (Origin.File path) number line
        Diagnostic.error (Span.create source column (column + flaw.Length)) flaw.Reason

/// The shares of a file for so many images, as far as that is known; or what is wrong with the file.
let read (images: int option) (path: string) : Result<int[][], Diagnostic> =
    ScenarioFile.attempt path (fun () ->
        if Directory.Exists path then
            Error(Diagnostic.fileError path "this is a folder, not a file with shares")
        else
            let content = InputFile.read longest path

            // A byte order mark is no part of the text.
            let bytes =
                if content.AsSpan().StartsWith(ReadOnlySpan [| 0xEFuy; 0xBBuy; 0xBFuy |]) then
                    content[3..]
                else
                    content

            ShareFile.parse Grammar.mostNodes images bytes |> Result.mapError (located path bytes))
