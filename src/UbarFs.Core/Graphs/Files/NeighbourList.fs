namespace UbarFs.Core

open System.Collections.Generic

/// Graphs as lists of neighbours: a node a line with its neighbours behind it, as NetworkX's `write_adjlist` makes them.
[<RequireQualifiedAccess>]
module NeighbourList =

    let private note (layout: EdgeLayout) =
        GraphRemark.onLine layout.Start "read as an adjacency list: a line has a node, then its neighbours"

    /// An undirected list gives an edge once, with the node whose line comes first, or with both of its nodes.
    let private oneWay (numbers: NodeNumbers) (directed: Graph) (edges: ResizeArray<GivenEdge>) (lineOf: int -> int) =
        let isBack edge = lineOf edge.Target < lineOf edge.Source
        let lacks edge = not (GraphLines.leads directed edge.Target edge.Source)

        match edges |> Seq.tryFind (fun edge -> isBack edge && lacks edge) with
        | Some edge ->
            let source, target = numbers.Call edge.Source, numbers.Call edge.Target

            $"{source} has the neighbour {target}, but the line of {target} does not name {source}: that is a directed \
              graph, and networks are undirected"
            |> GraphRemark.onLine edge.Line
            |> Some
        | _ -> None

    /// The edges from the node of a line, which has a number already.
    let private neighbours
        (numbers: NodeNumbers)
        (edges: ResizeArray<GivenEdge>)
        source
        line
        (words: GraphWords.Word seq)
        =
        words
        |> Seq.tryPick (fun word ->
            match numbers.Find word.Text with
            | Error reason -> Some(GraphLines.at line word reason)
            | Ok target when target = source -> Some(GraphLines.at line word (GraphLines.withItself word))
            | Ok target ->
                edges.Add { Source = source; Target = target; Line = line }
                None)

    /// The graph of lines with a layout, or what is wrong with them. Named nodes have the order of their lines.
    let read (layout: EdgeLayout) (lines: string seq) : Result<GraphText, GraphFlaws> =
        let numbers = NodeNumbers layout.IsNamed
        let edges, lineOf = ResizeArray<GivenEdge>(), Dictionary<int, int>()

        let owner line (words: ResizeArray<GraphWords.Word>) =
            numbers.Find words[0].Text
            |> Result.mapError (GraphLines.at line words[0])
            |> Result.map (fun node ->
                lineOf[node] <- line
                None)

        let others line (words: ResizeArray<GraphWords.Word>) =
            numbers.Find words[0].Text
            |> Result.toOption
            |> Option.bind (fun source -> neighbours numbers edges source line (Seq.skip 1 words))
            |> function
                | Some flaw -> Error flaw
                | None -> Ok None

        let wrongOwners, _ = GraphLines.read layout lines owner
        let wrongOthers, _ = GraphLines.read layout lines others

        match wrongOwners.First, wrongOthers.First with
        | [], [] ->
            let directed = GraphLines.directed numbers.Count edges

            match oneWay numbers directed edges (fun node -> lineOf[node]) with
            | Some flaw -> Error(GraphFlaws.one flaw)
            | None -> GraphLines.conclude layout numbers [ note layout ] directed
        | owners, others ->
            let flaws = GraphFlaws.ofSeq (owners @ others)
            Error { flaws with More = flaws.More + wrongOwners.More + wrongOthers.More }
