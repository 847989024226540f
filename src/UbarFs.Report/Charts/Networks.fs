namespace UbarFs.Report

open System
open UbarFs.Engine

/// The network of one run with what its nodes achieved.
type DrawnNetwork =
    {
        Network: NetworkRecord
        /// The test accuracy of each benign node at the last evaluation, by node.
        Accuracies: Map<int, float>
    }

/// Draws networks: where nodes are placed depends on the edges alone, so that the same network always looks the same.
[<RequireQualifiedAccess>]
module Networks =

    /// Networks of more nodes are not drawn: nobody could tell them apart.
    let most = 400

    let size = 220.0

    /// A factor of enlargement as SVG writes it.
    let factor (value: float) = value.ToString("0.####", Globalization.CultureInfo.InvariantCulture)

    let private isDrawn (run: StudyRun) (network: NetworkRecord) =
        let nodes = network.Benign.Length + network.Byzantine.Length
        nodes > 0 && nodes <= most && run.Outcome.Status <> Status.Damaged

    /// The network of a run and its nodes' latest accuracies; nothing if it was not begun or has too many nodes.
    let tryLoad (run: StudyRun) : DrawnNetwork option =
        // Who read the run has said what of it cannot be read.
        match NetworkFile.read run.Folder, NodesFile.read run.Folder with
        | Ok(Some network), Ok rows when isDrawn run network ->
            let latest = rows |> Array.fold (fun latest row -> max latest row.Iteration) 0

            Some
                { Network = network
                  Accuracies =
                    Map
                        [ for row in rows do
                              if row.Iteration = latest then
                                  row.Node, row.Accuracy ] }
        | _ -> None

    // Fruchterman and Reingold (1991) from a circle: nodes repel, edges pull.
    let private settle (count: int) (edges: (int * int)[]) =
        let angle node = 2.0 * Math.PI * float node / float count
        let xs = Array.init count (angle >> cos)
        let ys = Array.init count (angle >> sin)
        let ideal = 1.6 / sqrt (float count)
        let rounds = if count <= 100 then 150 else 60

        for round in 0 .. rounds - 1 do
            let dx, dy = Array.zeroCreate<float> count, Array.zeroCreate<float> count

            let push one other force =
                let x, y = xs[one] - xs[other], ys[one] - ys[other]
                let distance = max 1e-6 (sqrt (x * x + y * y))
                let strength = force distance / distance
                dx[one] <- dx[one] + x * strength
                dy[one] <- dy[one] + y * strength
                dx[other] <- dx[other] - x * strength
                dy[other] <- dy[other] - y * strength

            for one in 0 .. count - 1 do
                for other in one + 1 .. count - 1 do
                    push one other (fun distance -> ideal * ideal / distance)

            for one, other in edges do
                push one other (fun distance -> -(distance * distance) / ideal * 0.25)

            let furthest = 0.1 * (1.0 - float round / float rounds) + 0.002

            for node in 0 .. count - 1 do
                // Towards the middle, so that parts that nothing connects stay in sight.
                let x, y = dx[node] - 0.3 * xs[node] * ideal, dy[node] - 0.3 * ys[node] * ideal
                let length = max 1e-9 (sqrt (x * x + y * y))
                let step = min length furthest / length
                xs[node] <- xs[node] + x * step
                ys[node] <- ys[node] + y * step

        xs, ys

    let private scaled (values: float[]) =
        let low, high = Array.min values, Array.max values
        let span = max 1e-9 (high - low)
        values |> Array.map (fun value -> 14.0 + (size - 28.0) * (value - low) / span)

    /// Where each node is, in a square of the drawing's size.
    let positions (network: NetworkRecord) : Map<int, float * float> =
        let nodes =
            Array.concat [ network.Benign; network.Byzantine; Option.toArray network.Server ] |> Array.sort

        let index = nodes |> Seq.mapi (fun index node -> node, index) |> Map.ofSeq
        let edges = network.Edges |> Array.map (fun edge -> index[edge[0]], index[edge[1]])

        if nodes.Length = 1 then
            Map [ nodes[0], (size / 2.0, size / 2.0) ]
        else
            let xs, ys = settle nodes.Length edges
            Array.zip3 nodes (scaled xs) (scaled ys) |> Seq.map (fun (node, x, y) -> node, (x, y)) |> Map.ofSeq

    /// All edges as one path: the lines between benign nodes, or those that touch a Byzantine one.
    let private edgePath (positions: Map<int, float * float>) (edges: int[][]) =
        edges
        |> Array.map (fun edge ->
            let (x1, y1), (x2, y2) = positions[edge[0]], positions[edge[1]]
            $"M{Markup.number x1} {Markup.number y1}L{Markup.number x2} {Markup.number y2}")
        |> String.concat ""

    /// The edges, which networks of several runs can share.
    let edges positions (network: NetworkRecord) : Markup list =
        let liars = Set.ofArray network.Byzantine
        let touching, benign = network.Edges |> Array.partition (Array.exists liars.Contains)

        [ "edges liar", touching; "edges", benign ]
        |> List.filter (fun (_, edges) -> edges.Length > 0)
        |> List.map (fun (cls, edges) -> Markup.element "path" [ "class", cls; "d", edgePath positions edges ] [])

    let private named name shape attributes =
        Markup.element shape attributes [ Markup.element "title" [] [ Markup.text name ] ]

    /// The nodes: benign ones as circles in the colour of their accuracy, Byzantine ones as hollow squares, a server as a
    /// larger ring.
    let nodes (positions: Map<int, float * float>) (drawn: DrawnNetwork) : Markup list =
        let radius =
            if positions.Count <= 60 then 6.0
            elif positions.Count <= 150 then 4.0
            else 2.5

        let benign node =
            let x, y = positions[node]
            let place = [ "cx", Markup.number x; "cy", Markup.number y; "r", Markup.number radius ]

            match Map.tryFind node drawn.Accuracies with
            | Some accuracy ->
                named
                    $"node {node}: %.1f{100.0 * accuracy} %%"
                    "circle"
                    ([ "class", "node"; "fill", Palette.ofShare accuracy ] @ place)
            | None -> named $"node {node}" "circle" ([ "class", "node unknown" ] @ place)

        let byzantine node =
            let x, y = positions[node]

            named
                $"node {node}: Byzantine"
                "rect"
                [ "class", "liar"
                  "x", Markup.number (x - radius)
                  "y", Markup.number (y - radius)
                  "width", Markup.number (2.0 * radius)
                  "height", Markup.number (2.0 * radius) ]

        let server node =
            let x, y = positions[node]

            named
                $"node {node}: the server"
                "circle"
                [ "class", "node unknown"
                  "cx", Markup.number x
                  "cy", Markup.number y
                  "r", Markup.number (1.6 * radius) ]

        [ yield! drawn.Network.Server |> Option.map server |> Option.toList
          yield! Array.map byzantine drawn.Network.Byzantine
          yield! Array.map benign drawn.Network.Benign ]
