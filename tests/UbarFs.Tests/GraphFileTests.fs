/// Graphs in files: what is read, and what is said of what can't be.
module UbarFs.Tests.GraphFileTests

open System
open System.IO
open Expecto
open FsCheck.FSharp
open UbarFs.Core
open UbarFs.Testing
open UbarFs.Testing.Generators

/// A graph without a lonely last node, which an edge list cannot name.
let private graphs =
    gen {
        let! nodes = Gen.choose (2, 20)
        let! random = Gen.listOf (Gen.two (Gen.choose (0, nodes - 1)))
        let! last = Gen.choose (0, nodes - 2)

        let edges =
            (last, nodes - 1) :: random
            |> List.filter (fun (one, other) -> one <> other)
            |> List.map (fun (one, other) -> struct (min one other, max one other))

        return Graph.ofEdges nodes (List.distinct edges)
    }

/// A connected graph, so that every node has an edge.
let private connected =
    gen {
        let! graph = graphs

        let chain = [ for node in 1 .. graph.Length - 1 -> struct (node - 1, node) ]
        return Graph.ofEdges graph.Length (Seq.distinct (Seq.append (Graph.edges graph) chain))
    }

let private graphMl nodes edges =
    $"""<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="w" for="edge" attr.name="weight" attr.type="double"/>
<graph id="G" edgedefault="undirected">
{nodes}
{edges}
</graph>
</graphml>"""

let private asGraphMl name (graph: Graph) =
    let nodes = [ for node in 0 .. graph.Length - 1 -> $"""<node id="{name node}"/>""" ]

    let edges =
        [ for struct (one, other) in Graph.edges graph ->
              $"""<edge source="{name other}" target="{name one}"><data key="w">1</data></edge>""" ]

    graphMl (String.concat "\n" nodes) (String.concat "\n" edges)

/// A graph as a list of edges, written in some way.
let private asEdges (line: int -> int -> string) (graph: Graph) =
    Graph.edges graph |> Seq.map (fun struct (one, other) -> line one other + "\n") |> String.concat ""

/// As NetworkX's `write_adjlist` does: every edge with the node that comes first.
let private asNeighbours name (graph: Graph) =
    let line node =
        node :: List.filter (fun other -> other > node) (List.ofArray graph[node])
        |> List.map name
        |> String.concat " "

    [ 0 .. graph.Length - 1 ]
    |> List.map line
    |> String.concat "\n"
    |> (+) "#/usr/bin/python3\n# GMT Mon Jan  1 00:00:00 2024\n#\n"

let private graphOf text = GraphFile.parse text |> Result.map _.Graph |> Result.mapError _.First

let private readText text =
    match GraphFile.parse text with
    | Ok read -> read
    | Error flaws -> failtestf "refused: %A" flaws

let private flaws text =
    match GraphFile.parse text with
    | Ok read -> failtestf "should be refused, but is %A" read
    | Error flaws -> flaws

let private isFlawed text expected =
    let found = (flaws text).First
    Expect.equal (found |> List.map _.Line) (expected |> List.map fst) "lines"

    for flaw, (_, part: string) in List.zip found expected do
        Expect.stringContains flaw.Text part "the reason"

/// Refused with one message, which names what the file is.
let private isOne text (part: string) =
    let found = flaws text
    Expect.equal (found.First.Length, found.More) (1, 0) "one message"
    Expect.stringContains found.First.Head.Text part "the reason"

let private named =
    Array.init 20 (fun node -> string (char (int 'a' + node)) + "-" + string (node * 7 % 20))

let private edgeLists =
    testList
        "edge lists"
        [ testProperty "an edge list gives the graph again"
          <| forAll graphs (fun graph -> graphOf (EdgeList.write graph) = Ok graph)

          testProperty "whatever NetworkX and tables write gives the graph again"
          <| forAll connected (fun graph ->
              [ fun one other -> $"{one} {other} {{}}"
                fun one other -> $"{one} {other} {{'weight': 3.5, 'colour': 'red'}}"
                fun one other -> $"{one} {other} 3.5"
                fun one other -> $"{one}\t{other}"
                fun one other -> $"{other},{one}"
                fun one other -> $"{one}; {other}; 0.25" ]
              |> List.forall (fun line ->
                  let text = asEdges line graph
                  graphOf text = Ok graph && graphOf ("\uFEFF" + text.Replace("\n", "\r\n")) = Ok graph))

          testProperty "a header of a table is found, named or not, and wherever the columns are"
          <| forAll connected (fun graph ->
              [ "source,target\n", (fun one other -> $"{one},{other}")
                "Source;Target;Type;Id;Label;Weight\n", (fun one other -> $"{one};{other};Undirected;7;;1.0")
                ",from,to\n", (fun one other -> $"0,{one},{other}")
                "weight,to,from\n", (fun one other -> $"0.5,{one},{other}")
                "person,friend\n", (fun one other -> $"{one},{other}")
                "source target weight\n", (fun one other -> $"{one} {other} 0.5") ]
              |> List.forall (fun (header, line) -> graphOf (header + asEdges line graph) = Ok graph))

          testProperty "an edge list and one with both directions are the same graph"
          <| forAll connected (fun graph ->
              let back = asEdges (fun one other -> $"{other} {one}") graph
              graphOf (EdgeList.write graph + back) = Ok graph)

          testProperty "named nodes have the numbers in which the file has them"
          <| forAll connected (fun graph ->
              let names = named |> Array.truncate graph.Length

              // A chain names the nodes in their order first.
              let chain = [ for node in 1 .. graph.Length - 1 -> $"{names[node - 1]} {names[node]} {{}}\n" ]
              let text = String.concat "" chain + asEdges (fun one other -> $"{names[one]} {names[other]}") graph
              let read = readText text
              read.Graph = graph && read.Names = Some names)

          testCase "names are told, with their numbers"
          <| fun () ->
              let read = readText "bob alice {}\nalice \"carol ann\" {}\n"
              Expect.equal read.Names (Some [| "bob"; "alice"; "carol ann" |]) "names"

              Expect.equal
                  (read.Notes |> List.map _.Text)
                  [ "the nodes are numbered in the order in which the file has them: 0 bob, 1 alice, 2 carol ann" ]
                  "the note"

          testCase "the nodes of a grid are one word each"
          <| fun () ->
              let read = readText "(0, 0) (0, 1) {}\n(0, 1) (1, 1) {}\n"
              Expect.equal read.Names (Some [| "(0, 0)"; "(0, 1)"; "(1, 1)" |]) "names"
              Expect.equal read.Graph [| [| 1 |]; [| 0; 2 |]; [| 1 |] |] "a path"

          testCase "weights are said to be unused, once"
          <| fun () ->
              for text in
                  [ "0 1 3.5\n1 2 1.0\n"
                    "0 1 {'weight': 3.5}\n1 2 {'weight': 1}\n"
                    "source,target,weight\n0,1,2\n1,2,3\n"
                    graphMl
                        """<node id="0"/><node id="1"/>"""
                        """<edge source="0" target="1"><data key="w">2</data></edge>""" ] do
                  let said = (readText text).Notes |> List.filter (fun note -> note.Text.Contains "weights")
                  Expect.hasLength said 1 text

              Expect.isEmpty (readText "0 1 {}\n1 2 {}\n").Notes "nothing to say"

          testCase "comments, blanks, repeated edges and Windows line ends are passed over"
          <| fun () ->
              let text = "\uFEFF# a path\r\n\r\n0\t1 # first\r\n 0 1\r\n1  2#\r\n"
              Expect.equal (graphOf text) (Ok [| [| 1 |]; [| 0; 2 |]; [| 1 |] |]) "0 – 1 – 2"

          testCase "a node without edges is doubted"
          <| fun () ->
              let doubts text = (readText text).Doubts |> List.map _.Text
              Expect.isEmpty (doubts "0 1\n1 2\n") "none"
              Expect.stringContains (doubts "1 2\n2 3\n").Head "perhaps from 1" "numbered from 1"
              Expect.stringContains (doubts "0 1\n1 3\n").Head "node 2 has no edge" "one that is missing"

          testCase "everything wrong with an edge list is said, with its place"
          <| fun () ->
              isFlawed
                  "0 1\n1 1\n0\n# fine\n1 2 0.5\na 1\n1 -2\n1 99999999999\n1 2 red"
                  [ 2, "connected with itself"
                    3, "one word"
                    6, "'a' is not a node number"
                    7, "'-2' is not"
                    8, "'99999999999' is not"
                    9, "a name with blanks needs quotes" ]

              isFlawed "# nothing\n" [ 1, "no edges" ]
              Expect.equal ((flaws "0 1\n1 2\n2 3\n3 x").First |> List.map _.Column) [ 3 ] "the column"

          testCase "of hundreds of flaws, the first ten are told in their order, and the others counted"
          <| fun () ->
              let lines = [ for number in 1..300 -> $"{number} {number}" ]
              let found = flaws (String.concat "\n" lines)
              Expect.equal (found.First |> List.map _.Line) [ 1..10 ] "the first"
              Expect.equal found.More 290 "the others" ]

let private neighbourLists =
    testList
        "adjacency lists"
        [ testProperty "an adjacency list gives the graph again, with numbers and with names"
          <| forAll graphs (fun graph ->
              let read = readText (asNeighbours (fun node -> named[node]) graph)

              graphOf (asNeighbours string graph) = Ok graph
              && read.Graph = graph
              && read.Names = Some(Array.truncate graph.Length named))

          testCase "each edge may be there with both of its nodes"
          <| fun () -> Expect.equal (graphOf "0 1 2\n1 0\n2 0") (Ok [| [| 1; 2 |]; [| 0 |]; [| 0 |] |]) "a star"

          testCase "that of a directed graph is refused"
          <| fun () -> isFlawed "0 1\n1\n2 0" [ 3, "does not name 2: that is a directed graph" ] ]

let private directed =
    testList
        "directed graphs"
        [ let nodes, edge = """<node id="a"/><node id="b"/>""", """<edge source="a" target="b"/>"""

          for name, text in
              [ "edgedefault", (graphMl nodes edge).Replace("undirected", "directed")
                "true", graphMl nodes (edge.Replace("<edge", "<edge directed=\"true\""))
                "1", graphMl nodes (edge.Replace("<edge", "<edge directed=\" 1 \""))
                "with a capital", (graphMl nodes edge).Replace("\"undirected\"", "\"Directed\"")
                "in a namespace", graphMl nodes (edge.Replace("<edge", "<edge xmlns:g=\"urn:g\" g:Directed=\"TRUE\""))
                "of the graph itself", (graphMl nodes edge).Replace("<graph ", "<graph directed=\"1\" ")
                "an arrow", "a -> b"
                "a column of a table", "Source,Target,Type\n0,1,Directed\n1,2,Directed"
                "SNAP's comment", "# Directed graph (each unordered pair of nodes is saved once)\n0 1"
                "KONECT's comment", "% asym unweighted\n0 1"
                "some edges in both directions, others in one", "0 1\n1 0\n1 2" ] do
              testCase $"{name} is refused"
              <| fun () -> Expect.stringContains (flaws text).First.Head.Text "directed" "the reason"

          testCase "of a directed graph, one message is enough"
          <| fun () ->
              let edges = String.concat "\n" [ for _ in 1..50 -> edge ]
              isOne ((graphMl nodes edges).Replace("undirected", "directed")) "edgedefault=\"undirected\""

          testCase "edges that say that they are undirected are"
          <| fun () ->
              for no in [ "false"; "0" ] do
                  let text = graphMl nodes (edge.Replace("<edge", $"<edge directed=\"{no}\""))
                  Expect.isOk (graphOf (text.Replace("\"undirected\"", "\"directed\""))) no

              isFlawed
                  (graphMl nodes (edge.Replace("<edge", "<edge directed=\"yes\"")))
                  [ 6, "expected 'true' or 'false'" ] ]

let private numbers =
    testCase "a number beyond all networks is refused before a list is made for each node up to it"
    <| fun () ->
        let before = GC.GetAllocatedBytesForCurrentThread()
        isFlawed "0 9999999\n1 2" [ 1, "'9999999' is not a node number from 0 to 99999" ]
        Expect.isLessThan (GC.GetAllocatedBytesForCurrentThread() - before) 1_000_000L "allocated bytes"

let private otherFormats =
    testList
        "other formats"
        [ for name, text in
              [ "GML", "graph [\n  node [\n    id 0\n  ]\n]\n"
                "GML", "Creator \"igraph\"\nVersion 1\ngraph\n[\n]\n"
                "DOT", "graph G {\n  0 -- 1;\n}\n"
                "DOT", "strict graph {\n0 -- 1\n}"
                "DOT", "digraph\n{\n"
                "JSON", "{\"directed\": false, \"nodes\": []}"
                "JSON", "[[0, 1], [1, 2]]"
                "Pajek", "*Vertices 3\n1 \"a\"\n"
                "Matrix Market", "%%MatrixMarket matrix coordinate pattern symmetric\n3 3 2\n2 1\n3 2\n"
                "an adjacency matrix", "0 1 1\n1 0 1\n1 1 0\n"
                "an adjacency matrix", "0,1,0,1\n1,0,1,0\n0,1,0,1\n1,0,1,0\n"
                "multi-line adjacency list", "0 2\n1 {}\n2 {}\n1 1\n2 {}\n"
                "no text", "PK\003\004\000\000\000" ] do
              testCase $"{name} is refused by its name: {text.Split('\n')[0]}" <| fun () -> isOne text name ]

let private graphMls =
    testList
        "GraphML"
        [ testProperty "GraphML gives the graph again, whatever the nodes are called"
          <| forAll graphs (fun graph ->
              [ string; (fun node -> $"n{node}"); (fun node -> string (100 - node)) ]
              |> List.forall (fun name -> graphOf (asGraphMl name graph) = Ok graph))

          testCase "ids that are the nodes' numbers count, not their order"
          <| fun () ->
              let text = graphMl """<node id="2"/><node id="0"/><node id="1"/>""" """<edge source="2" target="0"/>"""
              Expect.equal (graphOf text) (Ok [| [| 2 |]; [||]; [| 0 |] |]) "0 and 2"

          testCase "names are told, unless they only number the nodes"
          <| fun () ->
              let notes first second =
                  let nodes = $"<node id=\"{first}\"/><node id=\"{second}\"/>"

                  (readText (graphMl nodes $"<edge source=\"{first}\" target=\"{second}\"/>")).Notes
                  |> List.map _.Text

              Expect.isEmpty (notes "n0" "n1") "n0 and n1"
              Expect.stringContains (notes "ann" "bob").Head "0 ann, 1 bob" "ann and bob"

          testCase "edges may come before their nodes"
          <| fun () ->
              let text = graphMl """<edge source="0" target="1"/>""" """<node id="1"/><node id="0"/>"""
              Expect.equal (graphOf text) (Ok [| [| 1 |]; [| 0 |] |]) "one edge"

          testCase "everything wrong with GraphML is said, with its line"
          <| fun () ->
              isFlawed
                  (graphMl
                      "<node id=\"a\"/>\n<node id=\"a\"/>\n<node/>\n<node id=\"b\"/>"
                      "<edge source=\"a\" target=\"c\"/>\n<edge source=\"b\" target=\"b\"/>\n<edge source=\"a\"/>\n\
                       <edge directed=\"true\" source=\"a\" target=\"b\"/>\n<hyperedge/>")
                  [ 6, "another node 'a'"
                    7, "no id"
                    9, "no node 'c'"
                    10, "with itself"
                    11, "no target"
                    12, "directed"
                    13, "hyperedges" ]

          testCase "other documents, document types and broken XML are refused"
          <| fun () ->
              isFlawed "<svg/>" [ 1, "found 'svg'" ]
              isFlawed "<graphml/>" [ 1, "expected one graph, but there are 0" ]
              isFlawed "<graphml>\n<graph>" [ 2, "" ]
              let entity = "<!DOCTYPE graphml [<!ENTITY e SYSTEM \"file:///etc/hostname\">]>\n<graphml>&e;</graphml>"
              isFlawed entity [ 1, "document types" ] ]

let private identity =
    testCase "a graph is identified by its edges, not by its file"
    <| fun () ->
        let print text = Topology.fingerprint (Topology.Listed (readText text).Graph)
        Expect.isSome (print "0 1\n1 2") "a graph has one"
        Expect.equal (print "0 1\n1 2") (print "# the same\n2 1\n1 0") "the same edges"
        Expect.notEqual (print "0 1\n1 2") (print "0 1\n0 2") "other edges"

        // What runs of the past are known by.
        Expect.equal
            (print "0 1\n1 2")
            (Some(System.Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData "0 1\n1 2\n"B)))
            "the hash of the edge list"

let private drawn =
    testCase "the network of a graph has its nodes"
    <| fun () ->
        let demand nodes =
            { BenignCount = nodes
              ByzantineCount = 0
              Placement = Placement.Random
              Bound = None }

        let draw nodes topology = Topology.draw (demand nodes) (Random.shared 1L Purpose.Topology) topology
        let triangle = Topology.Listed (readText "0 1\n1 2\n2 0").Graph

        Expect.equal
            (draw 3 triangle |> Result.map _.Neighbours)
            (Ok [| [| 1; 2 |]; [| 0; 2 |]; [| 0; 1 |] |])
            "a triangle"

        Expect.isError (draw 4 triangle) "four nodes"
        Expect.isError (draw 3 (Topology.File "ring.txt")) "a file that nobody read"

let private large =
    testCase "a text is read line by line, however long it is"
    <| fun () ->
        // More than a scenario may have: a complete graph of 600 nodes.
        let nodes = 600

        let complete =
            Graph.ofEdges
                nodes
                (seq {
                    for one in 0 .. nodes - 2 do
                        for other in one + 1 .. nodes - 1 -> struct (one, other)
                })

        let text = EdgeList.write complete
        Expect.isGreaterThan text.Length (1 <<< 20) "long"
        let opened () : TextReader = new StringReader(text)
        Expect.equal (GraphFile.read opened |> Result.map _.Graph) (Ok complete) "the graph"

[<Tests>]
let tests =
    testList
        "graph file"
        [ edgeLists
          neighbourLists
          directed
          numbers
          otherFormats
          graphMls
          identity
          drawn
          large ]
