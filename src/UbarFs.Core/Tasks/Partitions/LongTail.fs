[<RequireQualifiedAccess>]
module UbarFs.Core.LongTail

// Images of a class beyond its share are left out: those of the others are numbered anew for what divides them.
let private divide (keep: float) (next: Partition) (division: Division) =
    let kept =
        Shares.shuffled division
        |> Shares.ofClasses division
        |> Array.mapi (fun class' images ->
            let share = keep ** float class'
            images[.. int (ceil (share * float images.Length)) - 1])
        |> Array.concat
        |> Array.sort

    { division with Labels = kept |> Array.map (Array.get division.Labels) }
    |> next.Divide
    |> Result.map (Array.map (Array.map (Array.get kept)))

/// The partition that leaves images out and has one of some others divide what is left.
let before (others: Component<Partition> list) : Component<Partition> =
    settings {
        let! keep =
            Setting.real
                "keep"
                (Interval.above 0.0 1.0)
                0.5
                "β: class c, counted from 0, keeps the share β^c of its images"

        and! next =
            Setting.choice
                "then"
                (others |> List.map _.Name)
                others.Head.Name
                "the partition that divides what is left, with its defaults"

        let next = others |> List.find (fun other -> other.Name = next)
        let chosen = (Component.choose Map.empty next).Value

        // As if all classes were equally large.
        let meanShare images classes nodes =
            let kept = Seq.init classes (fun class' -> keep ** float class') |> Seq.average
            chosen.MeanShare (int (float images * kept)) classes nodes

        return
            { chosen with
                Divide = divide keep chosen
                MeanShare = meanShare
                Also = Option.toList next.File }
    }
    |> Define.Named "long-tail"
    |> Component.describedBy
        "classes of falling size, divided by another partition"
        "> class c keeps the first ⌈β^c·N_c⌉ of its N_c shuffled images\n\n\
         The other images are left out: later classes are rare. What is left is divided by the partition that `then` \
         names. An epoch is the pass of an average node as if all classes had been equally large before."
        "Y. Cui et al., Class-balanced loss, CVPR 2019"
