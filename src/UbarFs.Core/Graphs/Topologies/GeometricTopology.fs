/// Random geometric graphs: nodes with a place in the unit square, connected when they are close.
[<RequireQualifiedAccess>]
module UbarFs.Core.GeometricTopology

open System
open UbarFs.Kernels

/// Places of the nodes, uniform in the unit square.
let points nodes (random: KeyedRandom) = Array.init nodes (fun _ -> struct (random.NextDouble(), random.NextDouble()))

let private areClose radius (struct (x, y): struct (float * float)) (struct (u, v): struct (float * float)) =
    (x - u) * (x - u) + (y - v) * (y - v) <= radius * radius

/// The graph that connects points up to a distance, the radius. Cells at least as wide as that spare most pairs.
let within radius (points: struct (float * float)[]) =
    let across = max 1 (int (min (1.0 / radius) (sqrt (float points.Length))))
    let cellOf (struct (x, y)) = int (x * float across), int (y * float across)
    let cells = Array2D.init across across (fun _ _ -> ResizeArray<int>())

    points
    |> Array.iteri (fun node point ->
        let column, row = cellOf point
        cells[column, row].Add node)

    let near node =
        let column, row = cellOf points[node]

        seq {
            for column in max 0 (column - 1) .. min (across - 1) (column + 1) do
                for row in max 0 (row - 1) .. min (across - 1) (row + 1) do
                    for other in cells[column, row] do
                        if node < other && areClose radius points[node] points[other] then
                            struct (node, other)
        }

    Graph.ofEdges points.Length (Seq.collect near (Seq.init points.Length id))

let topology: Component<Topology> =
    settings {
        let! radius =
            Setting.real "radius" (Interval.above 0.0 (sqrt 2.0)) 0.4 "largest distance of two neighbours"

        return
            Topology.Family
                { IsRandom = true
                  Draw = fun nodes random -> Ok(within radius (points nodes random))
                  Join = None
                  Advice =
                    fun benign ->
                        let least = sqrt (log (float benign) / (Math.PI * float benign))

                        $"raise the radius, {radius} (about √(ln n / πn) = %.2g{least} is the least that works), or \
                          take fewer Byzantine nodes" }
    }
    |> Define.Named "geometric"
    |> Component.describedBy
        "nodes at random places, connected when they are close"
        "> i and j are neighbours if ‖p_i − p_j‖ ≤ radius,   p uniform in [0, 1]²\n\n\
         As in a wireless network. The square has borders: nodes near them have fewer neighbours."
        "Penrose, Random Geometric Graphs, 2003"
