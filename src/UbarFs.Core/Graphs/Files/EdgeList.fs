namespace UbarFs.Core

open System
open System.Globalization

/// Graphs as lists of edges: the two nodes of an edge a line, what else the file says of it, and comments after '#'.
/// An edge counts once, however often it is given.
[<RequireQualifiedAccess>]
module EdgeList =

    let private isReal (text: string) = Double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture) |> fst

    // What a file says of an edge behind its nodes.
    let private noteOfData line (word: GraphWords.Word) =
        if word.Text = "{}" || word.Text = "" then
            None
        elif isReal word.Text || word.Text.Contains "weight" then
            Some(GraphLines.at line word (GraphLines.unused "weights"))
        else
            Some(GraphLines.at line word (GraphLines.unused "data of edges"))

    let private isArrow (text: string) = text.Contains "->" || text.Contains "<-" || text = "→"

    let private directedEdge line word = GraphLines.at line word "this edge is directed, but networks are undirected"

    /// What is wrong with the words of a line behind its two nodes, or worth a note.
    let private extras isEven line (words: ResizeArray<GraphWords.Word>) : Result<GraphRemark option, GraphRemark> =
        if words.Count < 2 then
            Error(GraphLines.at line words[0] "expected two nodes, but there is one word")
        elif isArrow words[1].Text then
            Error(directedEdge line words[1])
        elif words.Count = 2 then
            Ok None
        elif words[2].IsData || (isReal words[2].Text && (words.Count = 3 || isEven)) then
            Ok(noteOfData line words[2])
        else
            $"expected two nodes and the data of their edge, but there are {words.Count} words; a name with blanks \
              needs quotes (\"…\")"
            |> GraphLines.at line words[2]
            |> Error

    /// The same of a table, whose header says what is in a column.
    let private cells (header: GraphWords.Word list) line (words: ResizeArray<GraphWords.Word>) =
        let isType (index, word: GraphWords.Word) = EdgeLayout.columnName word.Text = "type" && index < words.Count

        match header |> List.indexed |> List.tryFind isType with
        | Some(index, _) when words[index].Text.Equals("directed", StringComparison.OrdinalIgnoreCase) ->
            Error(directedEdge line words[index])
        | _ -> Ok None

    let private edge (numbers: NodeNumbers) (layout: EdgeLayout) line (words: ResizeArray<GraphWords.Word>) =
        let struct (first, second) = layout.Ends

        let node index =
            numbers.Find words[index].Text |> Result.mapError (GraphLines.at line words[index])

        let rest =
            match layout.Header with
            | Some(_, header) when max first second < words.Count -> cells header line words
            | Some _ -> Error(GraphLines.at line words[0] "a node is missing")
            | None -> extras layout.IsEven line words

        match rest with
        | Error flaw -> Error flaw
        | Ok note ->
            match node first, node second with
            | Error flaw, _
            | _, Error flaw -> Error flaw
            | Ok one, Ok other when one = other ->
                Error(GraphLines.at line words[second] (GraphLines.withItself words[second]))
            | Ok one, Ok other -> Ok(struct ({ Source = one; Target = other; Line = line }, note))

    /// An edge in one direction beside others in both: a list of undirected edges gives all of them in the same way.
    let private oneWay (numbers: NodeNumbers) (directed: Graph) (edges: ResizeArray<GivenEdge>) =
        let isMutual edge = GraphLines.leads directed edge.Target edge.Source

        match Seq.tryFind isMutual edges, Seq.tryFind (isMutual >> not) edges with
        | Some both, Some single ->
            $"this leads from {numbers.Call single.Source} to {numbers.Call single.Target} and not back, but \
              {numbers.Call both.Source} and {numbers.Call both.Target} are connected in both directions: that is a \
              directed graph, and networks are undirected. Give every edge once, or every edge in both directions"
            |> GraphRemark.onLine single.Line
            |> Some
        | _ -> None

    let private headerNotes (layout: EdgeLayout) =
        match layout.Header with
        | None -> []
        | Some(line, header) ->
            let struct (first, second) = layout.Ends
            let ends = $"the edges are in the columns '{header[first].Text}' and '{header[second].Text}'"

            [ GraphRemark.onLine line ends
              for word in header do
                  if EdgeLayout.columnName word.Text = "weight" then
                      GraphLines.at line word (GraphLines.unused "weights") ]

    /// The graph of lines with a layout, or what is wrong with them.
    let read (layout: EdgeLayout) (lines: string seq) : Result<GraphText, GraphFlaws> =
        let numbers = NodeNumbers layout.IsNamed
        let edges = ResizeArray<GivenEdge>()

        let flaws, notes =
            GraphLines.read layout lines (fun line words ->
                match edge numbers layout line words with
                | Error flaw -> Error flaw
                | Ok(struct (edge, note)) ->
                    edges.Add edge
                    Ok note)

        if not flaws.First.IsEmpty then
            Error flaws
        else
            let directed = GraphLines.directed numbers.Count edges

            match oneWay numbers directed edges with
            | Some flaw -> Error(GraphFlaws.one flaw)
            | None -> GraphLines.conclude layout numbers (headerNotes layout @ notes) directed

    /// The lines of a graph whose last node has a neighbour: reading them gives the graph again.
    let lines (graph: Graph) : string seq = Graph.edges graph |> Seq.map (fun struct (one, other) -> $"{one} {other}")

    /// The text of these lines.
    let write (graph: Graph) = lines graph |> Seq.map (fun line -> line + "\n") |> String.concat ""
