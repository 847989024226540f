/// Tori: a grid whose opposite borders meet.
[<RequireQualifiedAccess>]
module UbarFs.Core.TorusTopology

/// The rows of the most square grid of n nodes: the largest divisor up to √n.
let private mostSquare nodes =
    Seq.init (max 1 (int (sqrt (float nodes)) + 1)) (fun passed -> int (sqrt (float nodes)) + 1 - passed)
    |> Seq.find (fun rows -> nodes % rows = 0 && rows * rows <= nodes)

/// Rows and columns for n nodes, where 0 stands for whatever fits.
let private shape rows columns nodes =
    match rows, columns with
    | 0, 0 -> Ok(mostSquare nodes, nodes / mostSquare nodes)
    | rows, 0 when nodes % rows = 0 -> Ok(rows, nodes / rows)
    | 0, columns when nodes % columns = 0 -> Ok(nodes / columns, columns)
    | rows, columns when int64 rows * int64 columns = int64 nodes -> Ok(rows, columns)
    | rows, 0 -> Error $"{nodes} nodes, benign and Byzantine ones together, do not fill {rows} rows"
    | 0, columns -> Error $"{nodes} nodes, benign and Byzantine ones together, do not fill {columns} columns"
    | rows, columns ->
        Error $"a torus of {rows} × {columns} has {int64 rows * int64 columns} nodes, but the network has {nodes}"

/// In thin tori both ways to a neighbour lead to the same node, or back to the node itself.
let private grid (rows, columns) =
    seq {
        for row in 0 .. rows - 1 do
            for column in 0 .. columns - 1 do
                let node = row * columns + column

                for other in [ row * columns + (column + 1) % columns; (row + 1) % rows * columns + column ] do
                    if node <> other then
                        struct (min node other, max node other)
    }
    |> Seq.distinct
    |> Graph.ofEdges (rows * columns)

let topology: Component<Topology> =
    settings {
        let! rows = Setting.whole "rows" 0 1000000 0 "number of rows; 0: whatever fits"
        and! columns = Setting.whole "columns" 0 1000000 0 "number of columns; 0: whatever fits"

        return
            GraphFamily.deterministic
                "take fewer Byzantine nodes, or list other places as the placement"
                (shape rows columns >> Result.map grid)
            |> Topology.Family
    }
    |> Define.Named "torus"
    |> Component.describedBy
        "a grid whose opposite borders meet: four neighbours each"
        "> node i is in row ⌊i / columns⌋ and column i mod columns\n\n\
         Left to fit, the grid is as square as the number of nodes allows (for a prime number it is a ring). With \
         fewer than three rows or columns, nodes have fewer than four neighbours."
        "Koloskova et al., ICML 2019"
