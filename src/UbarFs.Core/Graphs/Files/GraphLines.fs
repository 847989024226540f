namespace UbarFs.Core

open System
open System.Collections.Generic

/// An edge as a file gives it, with its line.
[<Struct>]
type GivenEdge = { Source: int; Target: int; Line: int }

/// The numbers of a file's nodes. Names have those in which they are first asked for.
type NodeNumbers(isNamed: bool) =
    let numbers = Dictionary<string, int>()
    let mutable count = 0

    member _.Count = count
    member _.Names = if isNamed then Some(Array.ofSeq numbers.Keys) else None

    /// The number of the node that a word names, or why it names none.
    member _.Find(text: string) : Result<int, string> =
        match EdgeLayout.number text with
        | _ when text = "" -> Error "a node is missing"
        | _ when isNamed ->
            match numbers.TryGetValue text with
            | true, number -> Ok number
            | false, _ ->
                numbers[text] <- count
                count <- count + 1
                Ok(count - 1)
        | ValueSome number ->
            count <- max count (number + 1)
            Ok number
        | ValueNone -> Error $"'{GraphRemark.shortened text}' is not a node number from 0 to {EdgeLayout.highest}"

    /// What the file calls a node.
    member _.Call(node: int) =
        if isNamed then
            numbers.Keys |> Seq.item node |> GraphRemark.shortened
        else
            string node

/// What files with a line for an edge and files with a line for a node have in common.
[<RequireQualifiedAccess>]
module GraphLines =

    let at line (word: GraphWords.Word) text =
        { Line = line; Column = word.Start + 1; Length = word.Length; Text = text }

    let unused what = $"the {what} in this file are not used: all edges count the same"

    let withItself (word: GraphWords.Word) = $"node {GraphRemark.shortened word.Text} is connected with itself"

    /// Reads every line with words that comes after the header; the notes of one line stand for all.
    let read (layout: EdgeLayout) (lines: string seq) readLine : GraphFlaws * GraphRemark list =
        let flaws, notes = ResizeArray<GraphRemark>(), ResizeArray<GraphRemark>()
        let after = layout.Header |> Option.map fst |> Option.defaultValue 0
        let mutable more = 0

        let worded =
            lines
            |> Seq.mapi (fun index text -> struct (index + 1, text))
            |> Seq.filter (fun (struct (line, _)) -> line > after)
            |> Seq.map (fun (struct (line, text)) -> struct (line, GraphWords.split layout.Separator text))
            |> Seq.filter (fun (struct (_, words)) -> words.Count > 0)

        for struct (line, words) in worded do
            match readLine line words with
            | Error _ when flaws.Count = GraphFlaws.most -> more <- more + 1
            | Error flaw -> flaws.Add flaw
            | Ok(Some note) when notes.Count = 0 -> notes.Add note
            | Ok _ -> ()

        { First = List.ofSeq flaws; More = more }, List.ofSeq notes

    /// The nodes that each node is connected to in the direction of the file, ascending and each once.
    let directed count (edges: ResizeArray<GivenEdge>) : Graph =
        let lists = Array.init count (fun _ -> ResizeArray<int>())

        for edge in edges do
            lists[edge.Source].Add edge.Target

        lists
        |> Array.map (fun list ->
            list.Sort()
            Array.distinct (list.ToArray()))

    let leads (directed: Graph) source target = Array.BinarySearch(directed[source], target) >= 0

    /// The same edges without directions.
    let undirected (directed: Graph) : Graph =
        let isFirst source target = source < target || not (leads directed target source)

        let from source =
            directed[source] |> Seq.filter (isFirst source) |> Seq.map (fun target -> struct (source, target))

        Graph.ofEdges directed.Length (Seq.collect from [ 0 .. directed.Length - 1 ])

    let private lonely start (graph: Graph) =
        match [ 0 .. graph.Length - 1 ] |> List.filter (fun node -> graph[node].Length = 0) with
        | [] -> []
        | [ 0 ] -> [ GraphRemark.onLine start "node 0 has no edge: nodes are numbered from 0, these perhaps from 1" ]
        | [ node ] -> [ GraphRemark.onLine start $"node {node} has no edge" ]
        | nodes ->
            let shown = nodes |> Seq.truncate 5 |> Seq.map string |> String.concat ", "

            let more =
                if nodes.Length > 5 then
                    $" and {nodes.Length - 5} more"
                else
                    ""

            [ GraphRemark.onLine start $"the nodes {shown}{more} have no edge" ]

    /// The graph of the edges with what is to be said of it.
    let conclude (layout: EdgeLayout) (numbers: NodeNumbers) notes (directed: Graph) =
        let graph = undirected directed
        let named = numbers.Names |> Option.map (GraphRemark.ofNames layout.Start)

        if Graph.edgeCount graph = 0L then
            Error(GraphFlaws.one (GraphRemark.onLine layout.Start "the file has no edges"))
        else
            Ok
                { Graph = graph
                  Names = numbers.Names
                  Notes = notes @ Option.defaultValue [] named
                  Doubts = lonely layout.Start graph }
