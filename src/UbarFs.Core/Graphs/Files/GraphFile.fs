/// Graphs as text: GraphML, an edge list or an adjacency list. Other formats are recognised, and refused by their names.
[<RequireQualifiedAccess>]
module UbarFs.Core.GraphFile

open System.IO
open System.Text.RegularExpressions

let private advice =
    "write the graph as an edge list or as GraphML, as nx.write_edgelist and nx.write_graphml of NetworkX do"

// How the first lines of other formats begin. In GML and DOT, the bracket may stand on a line of its own.
let private others =
    [ "JSON", Regex @"^\s*(\{\s*($|"")|\[\s*($|\[|\{|""))"
      "GML", Regex(@"^\s*(graph\s*(\[|$)|creator\b|version\s+\d+\s*$)", RegexOptions.IgnoreCase)
      "DOT",
      Regex(@"^\s*(strict\s+)?(di)?graph\b.*\{|^\s*graph\s+\w+\s*$|^\s*(strict\s+)?digraph\b|^\s*strict\s+graph\b")
      "Pajek", Regex(@"^\s*\*(vertices|network|arcs|edges)\b", RegexOptions.IgnoreCase)
      "Matrix Market", Regex(@"^%%MatrixMarket", RegexOptions.IgnoreCase)
      "graph6", Regex @"^>>(graph6|sparse6|digraph6)<<"
      "a GUESS (GDF) file", Regex(@"^\s*nodedef>", RegexOptions.IgnoreCase)
      "UCINET DL", Regex(@"^\s*dl\s+n\s*=", RegexOptions.IgnoreCase) ]

let private refuse line name = Error(GraphFlaws.one (GraphRemark.onLine line $"this is {name}: {advice}"))

let private isOther (line: string) =
    others |> List.tryPick (fun (name, beginning) -> if beginning.IsMatch line then Some name else None)

let private isText (line: string) = not (line.Contains '\000')

/// The first line that says something.
let private start (lines: string seq) =
    lines
    |> Seq.indexed
    |> Seq.tryFind (fun (_, line) ->
        isOther line <> None || (line.Trim() <> "" && not (line.TrimStart().StartsWith '#')))

/// The lines of a text, which is opened anew each time that they are asked for.
let private linesOf (opened: unit -> TextReader) : string seq =
    seq {
        use reader = opened ()
        let mutable line = reader.ReadLine()

        while not (isNull line) do
            yield string line
            line <- reader.ReadLine()
    }

/// Whether the first lines are those of a 0/1 matrix: as many words in each, three or more, and no other ones.
let private isMatrix (lines: string seq) =
    let rows =
        lines
        |> Seq.filter (fun line -> line.Trim() <> "" && not (line.TrimStart().StartsWith '#'))
        |> Seq.truncate 3
        |> Seq.map _.Split([| ' '; '\t'; ','; ';' |], System.StringSplitOptions.RemoveEmptyEntries)
        |> List.ofSeq

    rows.Length = 3
    && rows.Head.Length >= 3
    && rows
       |> List.forall (fun row ->
           row.Length = rows.Head.Length && row |> Array.forall (fun word -> word = "0" || word = "1"))

let private ofLines lines =
    match EdgeLayout.ofLines lines with
    | Error flaws -> Error flaws
    | Ok layout ->
        match layout.Form with
        | EdgeForm.Edges -> EdgeList.read layout lines
        | EdgeForm.Neighbours -> NeighbourList.read layout lines

/// The graph of a text, or what is wrong with it. The text is read several times, line by line: it need not fit into
/// memory.
let read (opened: unit -> TextReader) : Result<GraphText, GraphFlaws> =
    let lines = linesOf opened

    match start lines with
    | Some(_, line) when line.TrimStart().StartsWith '<' ->
        use reader = opened ()
        GraphMl.read reader
    | Some(index, line) when not (isText line) -> refuse (index + 1) "no text"
    | Some(index, line) ->
        match isOther line with
        | Some name -> refuse (index + 1) name
        | None when isMatrix lines -> refuse (index + 1) "an adjacency matrix"
        | None -> ofLines lines
    | None -> ofLines lines

/// `read` of a text in memory.
let parse (text: string) = read (fun () -> new StringReader(text.TrimStart '\uFEFF'))
