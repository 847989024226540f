/// Graphs in GraphML (Brandes et al., 2002): one undirected graph of `node` and `edge` elements. What they carry
/// besides (keys, data, ports) is passed over; a document type, hyperedges, nested and directed graphs are refused.
[<RequireQualifiedAccess>]
module UbarFs.Core.GraphMl

open System.Collections.Generic
open System.IO
open System.Xml

/// An edge whose ends are still to be looked up: their names, by the order in which the document has them.
[<Struct>]
type private NamedEdge = { Source: int; Target: int; Line: int; Column: int }

/// What a document says, element by element.
type private Document() =
    let names, numbers = List<string>(), Dictionary<string, int>()
    let nodes, known = List<int>(), HashSet<int>()
    let edges = List<NamedEdge>()
    let flaws, notes = List<GraphRemark>(), List<GraphRemark>()
    let weights = HashSet<string>()
    let mutable more = 0

    member _.Nodes = nodes
    member _.Edges = edges
    member _.Name number = names[number]
    member _.IsNode number = known.Contains number
    member _.Notes = List.ofSeq notes
    member _.Weights = weights
    member _.Flaws = { First = List.ofSeq flaws; More = more }

    member val IsDirected = false with get, set
    member val Graphs = 0 with get, set
    member val Root = (GraphRemark.onLine 1 "") with get, set
    member val GraphPlace = (GraphRemark.onLine 1 "") with get, set
    /// Whether the default direction has been complained of.
    member val HasInheritedDirection = false with get, set

    member _.Flaw(remark: GraphRemark) =
        if flaws.Count < GraphFlaws.most then
            flaws.Add remark
        else
            more <- more + 1

    member _.Note(remark: GraphRemark) =
        if notes.Count = 0 then
            notes.Add remark

    member _.Number(name: string) =
        match numbers.TryGetValue name with
        | true, number -> number
        | false, _ ->
            numbers[name] <- names.Count
            names.Add name
            names.Count - 1

    /// Adds a node, unless there is one of the name.
    member document.AddNode(name: string) =
        let number = document.Number name
        let isNew = known.Add number

        if isNew then
            nodes.Add number

        isNew

let private lineInfo (reader: XmlReader) = box reader :?> IXmlLineInfo

let private here (reader: XmlReader) text =
    let place = lineInfo reader

    { Line = place.LineNumber
      Column = place.LinePosition
      Length = reader.LocalName.Length
      Text = text }

let private attribute (name: string) (reader: XmlReader) = reader.GetAttribute name |> Option.ofObj

/// An attribute whose name programs write with and without capitals, and in namespaces of their own.
let private attributeInAnyForm (name: string) (reader: XmlReader) =
    let mutable found = None

    for index in 0 .. reader.AttributeCount - 1 do
        reader.MoveToAttribute index

        if reader.LocalName.Equals(name, System.StringComparison.OrdinalIgnoreCase) then
            found <- Some reader.Value

    reader.MoveToElement() |> ignore
    found

/// An XML boolean, which is a word or a digit; some programs write the word with capitals.
let private truth (text: string) =
    match text.Trim().ToLowerInvariant() with
    | "true"
    | "1" -> Some true
    | "false"
    | "0" -> Some false
    | _ -> None

let private readKey (document: Document) reader =
    match attribute "id" reader, attribute "attr.name" reader with
    | Some id, Some name when name.Contains("weight", System.StringComparison.OrdinalIgnoreCase) ->
        document.Weights.Add id |> ignore
    | _ -> ()

let private readGraph (document: Document) reader =
    document.Graphs <- document.Graphs + 1
    document.GraphPlace <- here reader ""

    // Not of GraphML, but of formats like it.
    match attributeInAnyForm "directed" reader |> Option.bind truth with
    | Some isDirected -> document.IsDirected <- isDirected
    | None -> ()

    match attributeInAnyForm "edgedefault" reader |> Option.map _.Trim().ToLowerInvariant() with
    | Some "directed" -> document.IsDirected <- true
    | Some "undirected"
    | None -> ()
    | Some other ->
        document.Flaw(
            here reader $"edgedefault is '{other}': expected 'undirected' (or 'directed', which networks are not)"
        )

let private readNode (document: Document) reader =
    match attribute "id" reader with
    | None -> document.Flaw(here reader "the node has no id")
    | Some id ->
        if not (document.AddNode id) then
            document.Flaw(here reader $"there is another node '{GraphRemark.shortened id}'")

let private directed = "the edge is directed, but networks are undirected: let it be directed=\"false\""

let private addEdge (document: Document) reader =
    match attribute "source" reader, attribute "target" reader with
    | None, _ -> document.Flaw(here reader "the edge has no source")
    | _, None -> document.Flaw(here reader "the edge has no target")
    | Some source, Some target when source = target ->
        document.Flaw(here reader $"the edge connects '{GraphRemark.shortened source}' with itself")
    | Some source, Some target ->
        let place = here reader ""

        document.Edges.Add
            { Source = document.Number source
              Target = document.Number target
              Line = place.Line
              Column = place.Column }

let private readEdge (document: Document) reader =
    match attributeInAnyForm "directed" reader with
    | None when document.IsDirected ->
        // Said once, of the graph.
        document.HasInheritedDirection <- true
    | None -> addEdge document reader
    | Some text ->
        match truth text with
        | Some true -> document.Flaw(here reader directed)
        | Some false -> addEdge document reader
        | None -> document.Flaw(here reader $"directed is '{text}': expected 'true' or 'false'")

let private readData (document: Document) reader =
    match attribute "key" reader with
    | Some key when document.Weights.Contains key -> document.Note(here reader (GraphLines.unused "weights"))
    | _ -> ()

/// One element. `parent` is the element around it.
let private readElement (document: Document) parent (reader: XmlReader) =
    match reader.Depth, parent, reader.LocalName with
    | 0, _, name ->
        document.Root <- here reader ""

        if name <> "graphml" then
            document.Flaw(here reader $"expected a 'graphml' element, but found '{name}': this is not GraphML")
    | 1, _, "key" -> readKey document reader
    | 1, _, "graph" -> readGraph document reader
    | 2, "graph", "node" -> readNode document reader
    | 2, "graph", "edge" -> readEdge document reader
    | 2, "graph", "hyperedge" -> document.Flaw(here reader "hyperedges are not supported")
    | 3, ("node" | "edge"), "graph" -> document.Flaw(here reader "nested graphs are not supported")
    | 3, "edge", "data" -> readData document reader
    | _ -> ()

let private readDocument (reader: XmlReader) =
    let document = Document()
    let around = Stack<string>()

    while reader.Read() do
        if reader.NodeType = XmlNodeType.Element then
            while around.Count > reader.Depth do
                around.Pop() |> ignore

            readElement document (if around.Count = 0 then "" else around.Peek()) reader
            around.Push reader.LocalName

    document

/// Ids that are the numbers 0 … n−1 keep them; any others are numbered in the order of the document.
let private numbering (document: Document) =
    let ids = document.Nodes |> Seq.map document.Name |> Array.ofSeq

    if Set.ofArray ids = Set.ofArray (Array.init ids.Length string) then
        None, document.Nodes |> Seq.map (fun node -> KeyValuePair(node, int (document.Name node))) |> Dictionary
    else
        Some ids, document.Nodes |> Seq.mapi (fun number node -> KeyValuePair(node, number)) |> Dictionary

let private lostEnds (document: Document) =
    [ for edge in document.Edges do
          for name in [ edge.Source; edge.Target ] do
              if not (document.IsNode name) then
                  { Line = edge.Line
                    Column = edge.Column
                    Length = "edge".Length
                    Text = $"there is no node '{GraphRemark.shortened (document.Name name)}'" } ]

let private ofDocument (document: Document) : Result<GraphText, GraphFlaws> =
    let whole =
        [ if document.Flaws.First.IsEmpty && document.Graphs <> 1 then
              { document.Root with
                  Text = $"expected one graph, but there are {document.Graphs}" }

          if document.HasInheritedDirection then
              { document.GraphPlace with
                  Text =
                      "the graph is directed, but networks are undirected: let it be edgedefault=\"undirected\", if \
                       that is what it means" } ]

    match whole @ document.Flaws.First @ lostEnds document with
    | [] ->
        let names, numbers = numbering document

        let edges =
            document.Edges
            |> Seq.map (fun edge ->
                let one, other = numbers[edge.Source], numbers[edge.Target]
                struct (min one other, max one other))
            |> Seq.distinct

        let graph = Graph.ofEdges document.Nodes.Count edges

        Ok
            { Graph = graph
              Names = names
              Notes =
                document.Notes
                @ (names |> Option.map (GraphRemark.ofNames document.GraphPlace.Line) |> Option.defaultValue [])
              Doubts = [] }
    | flaws ->
        let flaws = GraphFlaws.ofSeq flaws
        Error { flaws with More = flaws.More + document.Flaws.More }

/// The graph, or what is wrong with the document. It is read element by element; nothing outside of it is read, and no
/// entity expands.
let read (text: TextReader) : Result<GraphText, GraphFlaws> =
    let settings = XmlReaderSettings(DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null)
    use reader = XmlReader.Create(text, settings)

    try
        readDocument reader |> ofDocument
    with :? XmlException as error ->
        // The reader gives no line for a document type.
        let isDocumentType = error.Message.Contains "DTD"

        let reason =
            if isDocumentType then
                "document types are not accepted: delete the <!DOCTYPE …> declaration"
            else
                error.Message

        let place = lineInfo reader

        Error(
            GraphFlaws.one
                { Line = max 1 (max error.LineNumber place.LineNumber)
                  Column = max 1 error.LinePosition
                  Length = 0
                  Text = reason }
        )
