/// The graph that a file holds.
[<RequireQualifiedAccess>]
module UbarFs.Core.FileTopology

let topology: Component<Topology> =
    settings {
        let! path = Setting.text "path" "graph.txt" "the file with the edges, relative to the scenario"
        return Topology.File path
    }
    |> Define.Named "file"
    |> Component.describedBy
        "the graph in a file: an edge list, an adjacency list or GraphML"
        "> # an edge list: two connected nodes a line\n\
         > 0 1\n\
         > 1 2\n\n\
         The graph has as many nodes as the network, benign and Byzantine ones together, and it is undirected. Nodes \
         are numbered from 0. Nodes with names are numbered in the order in which the file has them: `ubarfs check` \
         shows the names with their numbers.\n\n\
         Edge lists have blanks, commas or semicolons between their words, with or without a header, and comments \
         after `#`. NetworkX's `write_edgelist`, `write_weighted_edgelist`, `write_adjlist` and `write_graphml` make \
         files that are read. Weights and other data of edges are not used: all edges count the same."
        "Brandes et al., Graph Drawing 2001 (GraphML)"
