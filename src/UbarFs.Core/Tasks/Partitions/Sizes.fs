[<RequireQualifiedAccess>]
module UbarFs.Core.Sizes

let private draw sigma (division: Division) () =
    let weights = Array.init division.Nodes (fun _ -> sigma * Shares.gaussian division.Random)

    let largest = Array.max weights

    Shares.shuffled division
    |> Shares.cutBy (weights |> Array.map (fun weight -> weight - largest) |> Shares.proportions)

let partition: Component<Partition> =
    settings {
        let! sigma =
            Setting.real "sigma" Interval.nonNegative 1.0 "the deviation of the logarithms of the sizes; 0 is iid"

        return
            Partition.ofAll (fun division ->
                Shares.drawn division (fun () -> [ "a smaller sigma" ]) (draw sigma division))
    }
    |> Define.Named "sizes"
    |> Component.describedBy
        "log-normal sizes, iid classes"
        "> node i has the share w_i / Σ w of the shuffled images, ln w ~ N(0, σ²)\n\n\
         Where some node would have fewer images than `data.least`, the sizes are drawn again, a hundred times at most."
        "Q. Li, Y. Diao, Q. Chen and B. He, Federated learning on non-IID data silos, ICDE 2022"
