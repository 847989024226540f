/// What a scenario can choose by name of where Byzantine nodes are. They are computed by code that every run has: none of
/// them has a file of its own.
[<RequireQualifiedAccess>]
module UbarFs.Core.Placements

// No source has this name.
let private define name settings summary meaning source : Component<Placement> =
    settings |> Define.Named(name, "") |> Component.describedBy summary meaning source

// The most nodes of a network, and the last of them.
let private most, private last = 20_000, 19_999L

let private random =
    define
        "random"
        (Setting.none Placement.Random)
        "any nodes, as likely as any others"
        "In topologies that nodes can join, such as `random`, Byzantine nodes join a connected graph of the benign ones, as \
         the paper has it; in others any nodes are Byzantine, drawn until the benign ones are connected."
        "UBAR paper, section VI-A"

let private degree =
    define
        "degree"
        (Setting.none Placement.Degree)
        "the nodes with the most neighbours"
        "Of equals, the lowest. A graph on all nodes is drawn until the benign ones are connected without them."
        "the usual worst case of placement, as in attacks on hubs"

let private sybil =
    settings {
        let! edges =
            Setting.wholeOrWord "edges" 1 most [ "all" ] "all" "benign neighbours of each Byzantine node"

        and! targets = Setting.wholesOrWord "to" 0L last [ "any" ] "any" "the benign nodes that they attach to"

        return
            Placement.Sybil
                { Edges = Result.toOption edges
                  To = targets |> Result.toOption |> Option.map (List.map int) }
    }
    |> fun settings ->
        define
            "sybil"
            settings
            "they join and choose their own edges"
            "The topology connects the benign nodes alone: they have the numbers 0 to n − 1, and a file has a graph on \
             them. Byzantine nodes come last. Each attaches itself to `edges` different ones of the nodes `to`, drawn for \
             it by the seed, or to all of them, and to no Byzantine node. The benign ones stay connected as they are.\n\n\
             With `network.enforce-benign-ratio`, benign nodes still drop Byzantine edges until ρ holds: `ubarfs check` \
             says how many remain."
            "J. R. Douceur, The Sybil Attack, IPTPS 2002"

/// Where Byzantine nodes can be, beside a list of them.
let all: Component<Placement> list = [ random; degree; sybil ]
