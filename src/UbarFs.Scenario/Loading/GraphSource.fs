/// Graph files on disk.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.GraphSource

open System.IO
open System.Text
open UbarFs.Core

// The edge list of the largest network, with all edges between 20,000 nodes, has 2.4 GB.
let private longest = 4L <<< 30

/// Lines are shown as far as this.
let private longestLine = 10_000

let private strict = UTF8Encoding(false, true)

let private opened (path: string) : TextReader =
    new StreamReader(InputFile.openRead InputFile.unbounded path, strict, true)

/// The texts of some lines, by their numbers.
let private texts (path: string) (numbers: int Set) =
    if numbers.IsEmpty then
        Map.empty
    else
        File.ReadLines path
        |> Seq.truncate numbers.MaximumElement
        |> Seq.indexed
        |> Seq.filter (fun (index, _) -> numbers.Contains(index + 1))
        |> Seq.map (fun (index, line) -> index + 1, line.Substring(0, min line.Length longestLine))
        |> Map.ofSeq

/// What makes diagnostics of remarks, at their places in the file.
let private located path (remarks: GraphRemark list) =
    let lines = remarks |> List.map _.Line |> Set.ofList |> texts path

    fun (define: Span -> string -> Diagnostic) (remark: GraphRemark) ->
        let text = lines.TryFind remark.Line |> Option.defaultValue ""
        let source = Source.excerpt (Origin.File path) remark.Line text
        let start = remark.Column - 1

        let length =
            if remark.Length = 0 then
                text.Length - start
            else
                remark.Length

        define (Span.create source start (start + max 1 length)) remark.Text

let private refused path (flaws: GraphFlaws) =
    let flaw = located path flaws.First

    [ yield! flaws.First |> List.map (flaw Diagnostic.error)
      if flaws.More > 0 then
          let noun = if flaws.More = 1 then "line is" else "lines are"
          Diagnostic.fileError path $"{flaws.More} more {noun} wrong in this way or another" ]

let private accepted path (text: GraphText) =
    let remark = located path (text.Notes @ text.Doubts)
    text.Graph, List.map (remark Diagnostic.warning) text.Doubts @ List.map (remark Diagnostic.note) text.Notes

let private isTooLong (path: string) = FileInfo(path).Length > longest

/// The graph of a file, with what is to be said of it; or what is wrong with the file.
let read (path: string) : Result<Graph * Diagnostic list, Diagnostic list> =
    let unreadable message = Error [ Diagnostic.fileError path message ]

    ScenarioFile.attempt path (fun () ->
        if Directory.Exists path then
            Ok(unreadable "this is a folder, not a file with a graph")
        elif isTooLong path then
            Ok(
                Error
                    [ Diagnostic.fileError path $"larger than {longest >>> 30} GiB"
                      |> Diagnostic.hinted
                          "all edges between 20,000 nodes, the most of a network, take 2.4 GB as an edge list" ]
            )
        else
            try
                match GraphFile.read (fun () -> opened path) with
                | Ok text -> Ok(Ok(accepted path text))
                | Error flaws -> Ok(Error(refused path flaws))
            with :? DecoderFallbackException ->
                Ok(unreadable "this is not UTF-8 text: a graph is an edge list, an adjacency list or GraphML"))
    |> function
        | Ok result -> result
        | Error problem -> Error [ problem ]
