/// Every node holds so many classes.
[<RequireQualifiedAccess>]
module UbarFs.Core.ClassHoldings

let private divide each (division: Division) =
    let held =
        Array.init division.Nodes (fun node ->
            let first = node % division.Classes
            // The others are drawn from all but the first.
            let others = Random.distinct division.Random (each - 1) (division.Classes - 1)

            Set.ofArray (
                Array.append
                    [| first |]
                    (others |> Array.map (fun other -> if other >= first then other + 1 else other))
            ))

    let shares = Array.init division.Nodes (fun _ -> ResizeArray<int>())

    Shares.shuffled division
    |> Shares.ofClasses division
    |> Array.iteri (fun class' images ->
        match [| 0 .. division.Nodes - 1 |] |> Array.filter (fun node -> held[node].Contains class') with
        | [||] -> ()
        | holders ->
            Shares.cut holders.Length images
            |> Array.iter2 (fun node (part: int[]) -> shares[node].AddRange part) holders)

    shares |> Array.map _.ToArray() |> Shares.bounded division [ "a smaller 'each'" ]

let partition: Component<Partition> =
    settings {
        let! each = Setting.whole "each" 1 100_000 2 "how many classes a node holds"

        let conflict classes _ =
            if each > classes then
                Some $"a node cannot hold {each} classes: there are {classes}"
            else
                None

        return { Partition.ofAll (divide each) with Conflict = conflict }
    }
    |> Define.Named "classes"
    |> Component.describedBy
        "every node holds so many classes"
        "The first class of node i is i mod C, the others are random ones. The shuffled images of a class are divided \
         equally among the nodes that hold it. Images of a class that nobody holds, as with fewer nodes than classes, are \
         left out."
        "Q. Li, Y. Diao, Q. Chen and B. He, Federated learning on non-IID data silos, ICDE 2022"
