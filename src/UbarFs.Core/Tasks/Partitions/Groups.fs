[<RequireQualifiedAccess>]
module UbarFs.Core.Groups

let private divide count (division: Division) =
    let groupOf number all = int (int64 number * int64 count / int64 all)
    let order = Shares.shuffled division

    [| for group in 0 .. count - 1 do
           let nodes = Seq.init division.Nodes id |> Seq.filter (fun node -> groupOf node division.Nodes = group)

           yield!
               order
               |> Array.filter (fun image -> groupOf division.Labels[image] division.Classes = group)
               |> Shares.cut (Seq.length nodes) |]
    |> Shares.bounded division [ "fewer groups" ]

let partition: Component<Partition> =
    settings {
        let! count = Setting.whole "count" 1 20_000 2 "how many groups there are"

        let conflict classes nodes =
            if count > nodes then
                Some $"{count} groups cannot be made of {nodes} nodes"
            elif count > classes then
                Some $"{count} groups cannot have classes of their own: there are {classes}"
            else
                None

        return { Partition.ofAll (divide count) with Conflict = conflict }
    }
    |> Define.Named "groups"
    |> Component.describedBy
        "groups of nodes with classes of their own, iid inside"
        "> node i is in group ⌊i·g/n⌋, class c belongs to group ⌊c·g/C⌋\n\n\
         The shuffled images of a group's classes are cut into equal parts for its nodes. With as many groups as nodes and \
         classes, every node has one class."
        "L. He, S. P. Karimireddy and M. Jaggi, arXiv:2202.01545, 2022; Z. Wu, T. Chen and Q. Ling, 2023"
