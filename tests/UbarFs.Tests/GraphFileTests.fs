/// Graphs in files: what is read, and what is said of what can't be.
module UbarFs.Tests.GraphFileTests

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

let private flaws text =
    match GraphFile.parse text with
    | Ok graph -> failtestf "should be refused, but is %A" graph
    | Error flaws -> flaws

let private isFlawed text expected =
    let found = flaws text
    Expect.equal (found |> List.map _.Line) (expected |> List.map fst) "lines"

    for flaw, (_, part: string) in List.zip found expected do
        Expect.stringContains flaw.Reason part "the reason"

[<Tests>]
let tests =
    testList
        "graph file"
        [ testProperty "an edge list gives the graph again"
          <| forAll graphs (fun graph -> GraphFile.parse (EdgeList.write graph) = Ok graph)

          testProperty "GraphML gives the graph again, whatever the nodes are called"
          <| forAll graphs (fun graph ->
              [ string; (fun node -> $"n{node}"); (fun node -> string (100 - node)) ]
              |> List.forall (fun name -> GraphFile.parse (asGraphMl name graph) = Ok graph))

          testCase "ids that are the nodes' numbers count, not their order"
          <| fun () ->
              let text = graphMl """<node id="2"/><node id="0"/><node id="1"/>""" """<edge source="2" target="0"/>"""

              Expect.equal (GraphFile.parse text) (Ok [| [| 2 |]; [||]; [| 0 |] |]) "0 and 2"

          testCase "comments, blanks, repeated edges and Windows line ends are passed over"
          <| fun () ->
              let text = "\uFEFF# a path\r\n\r\n0\t1 # first\r\n 1 0\r\n2  1\r\n"
              Expect.equal (GraphFile.parse text) (Ok [| [| 1 |]; [| 0; 2 |]; [| 1 |] |]) "0 – 1 – 2"

          testCase "everything wrong with an edge list is said, with its line"
          <| fun () ->
              isFlawed
                  "0 1\n1 1\n1\n# fine\n1 2 0.5\na 1\n1 -2\n1 99999999999"
                  [ 2, "connected with itself"
                    3, "1 words"
                    5, "3 words"
                    6, "'a' is not a node number"
                    7, "'-2' is not"
                    8, "'99999999999' is not" ]

              isFlawed "# nothing\n" [ 1, "no edges" ]

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

          testCase "directed graphs, other documents, document types and broken XML are refused"
          <| fun () ->
              let nodes, edge = """<node id="a"/><node id="b"/>""", """<edge source="a" target="b"/>"""
              let directed = (graphMl nodes edge).Replace("undirected", "directed")
              isFlawed directed [ 6, "directed" ]
              isFlawed "<svg/>" [ 1, "found 'svg'" ]
              isFlawed "<graphml/>" [ 1, "expected one graph, but there are 0" ]
              isFlawed "<graphml>\n<graph>" [ 2, "" ]
              let entity = "<!DOCTYPE graphml [<!ENTITY e SYSTEM \"file:///etc/hostname\">]>\n<graphml>&e;</graphml>"
              isFlawed entity [ 1, "document types" ]

          testCase "a topology is loaded from its file, and says where the file is wrong"
          <| fun () ->
              let file = Topology.File "ring.txt"

              let read text path =
                  if path = "ring.txt" then
                      Ok text
                  else
                      Error $"no file {path}"

              let load text = Topology.load (read text) file

              Expect.equal
                  (load "0 1\n1 x\n2" |> Result.map Topology.fingerprint)
                  (Error
                      [ "ring.txt, line 2: 'x' is not a node number from 0 to 9999999"
                        "ring.txt, line 3: expected two node numbers, but there are 1 words" ])
                  "flaws"

              let demand nodes =
                  { BenignCount = nodes
                    ByzantineCount = 0
                    Placement = Placement.Random
                    Bound = None }

              let draw nodes topology = Topology.draw (demand nodes) (Random.shared 1L Purpose.Topology) topology

              match load "0 1\n1 2\n2 0" with
              | Error reasons -> failtestf "%A" reasons
              | Ok triangle ->
                  Expect.equal
                      (draw 3 triangle |> Result.map _.Neighbours)
                      (Ok [| [| 1; 2 |]; [| 0; 2 |]; [| 0; 1 |] |])
                      "a triangle"

                  Expect.isError (draw 4 triangle) "four nodes"

              Expect.isError (draw 3 file) "a file that nobody read"

          testCase "a graph is identified by its edges, not by its file"
          <| fun () ->
              let print text =
                  Topology.load (fun _ -> Ok text) (Topology.File "")
                  |> Result.toOption
                  |> Option.bind Topology.fingerprint

              Expect.isSome (print "0 1\n1 2") "a graph has one"
              Expect.equal (print "0 1\n1 2") (print "# the same\n2 1\n1 0") "the same edges"
              Expect.notEqual (print "0 1\n1 2") (print "0 1\n0 2") "other edges" ]
