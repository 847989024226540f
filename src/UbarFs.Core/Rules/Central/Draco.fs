/// DRACO: workers repeat each other's work, and what most of a group say is right.
[<RequireQualifiedAccess>]
module UbarFs.Core.Draco

open TorchSharp
open UbarFs.Kernels

/// The places of each group, in order: groups are of `size` nodes with numbers in a row.
let private groups size (senders: int[]) : int[][] =
    [| 0 .. senders.Length - 1 |]
    |> Array.groupBy (fun place -> senders[place] / size)
    |> Array.sortBy fst
    |> Array.map snd

/// The places of those that send what at least f + 1 of a group send; none if nothing is sent by so many.
let private agreed liars (received: torch.Tensor) (finite: bool[]) (group: int[]) : int[] =
    let isSame (one: int) (other: int) =
        use same = received[int64 one].equal(received[int64 other])
        Transfers.Read<bool>(same)[0]

    let alike (place: int) = group |> Array.filter (fun other -> finite[other] && isSame place other)

    group
    |> Array.filter (fun place -> finite[place])
    |> Seq.map alike
    |> Seq.tryFind (fun alike -> alike.Length > liars)
    |> Option.defaultValue [||]

let private reference liars (view: View) : Aggregate =
    use scope = torch.NewDisposeScope()
    let finite = Estimate.finiteRows view.Received
    let kept = groups (2 * liars + 1) view.Senders |> Array.map (agreed liars view.Received finite)

    match kept |> Array.filter (Array.isEmpty >> not) |> Array.map Array.head with
    | [||] -> Aggregate.ofSelection "majority" [||] ((Finite.own view).MoveToOuterDisposeScope())
    | voices ->
        let mean = Estimate.meanOf voices view.Received
        Aggregate.ofSelection "majority" (Array.concat kept |> Array.sort) (mean.MoveToOuterDisposeScope())

let rule: Component<Rule> =
    settings {
        let! liars = Setting.whole "liars" 1 1000 1 "f, how many of a group may lie; a group has 2f + 1 nodes"

        return
            Rule.aggregating 0.0 (reference liars)
            |> Rule.selecting [ "majority" ]
            |> Rule.judgingSenders
            |> Rule.central (Allocation.Groups(2 * liars + 1))
            |> Rule.tolerating (fun _ neighbours -> min liars neighbours)
            |> Rule.measuringFromOwn
            |> Rule.claiming [ Law.Containment; Law.Mirroring ]
    }
    |> Define.Named "draco"
    |> Component.describedBy
        "groups repeat the same work, and their majority counts"
        "> groups of r = 2f + 1 nodes with numbers in a row have one share\n\
         > of the data, and draw the same batches\n\
         > R = the mean over the groups of what at least f + 1 of a group send\n\n\
         It is the repetition code of the source. With at most f liars in each group R is exactly the mean of the groups' \
         directions, whatever the liars send: honest nodes of a group compute the same bits. A group in which nothing is \
         sent f + 1 times, as where nodes are left out (`attack: absent`), counts for nothing; if none counts, the step is \
         0. When the nodes are not a multiple of r, the last ones are a smaller group. It pays with r times the work. Liars \
         that gather in one group, more than f of them, decide what it says: `network.placement` says who they are."
        "Chen, Wang, Charles and Papailiopoulos, DRACO, ICML 2018"
