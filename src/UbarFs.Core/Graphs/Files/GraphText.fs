namespace UbarFs.Core

/// Something to say about a graph file, and where in it. Line and column count from 1; length 0 is the whole line.
type GraphRemark = { Line: int; Column: int; Length: int; Text: string }

/// A graph that a file holds.
type GraphText =
    {
        Graph: Graph
        /// What the file calls the nodes 0, 1, …; none where it calls them by their numbers.
        Names: string[] option
        /// How the file was read, where that is not plain.
        Notes: GraphRemark list
        /// What is legal, but probably not meant.
        Doubts: GraphRemark list
    }

/// Why a file holds no graph: the first things that are wrong, in the order of its lines, and how many follow.
type GraphFlaws = { First: GraphRemark list; More: int }

[<RequireQualifiedAccess>]
module GraphRemark =

    let onLine line text = { Line = line; Column = 1; Length = 0; Text = text }

    let shortened (text: string) =
        if text.Length <= 40 then
            text
        else
            text.Substring(0, 39) + "…"

    /// The nodes' names with their numbers; only the first of many.
    let numbering (names: string[]) =
        let shown =
            names
            |> Seq.truncate 8
            |> Seq.mapi (fun number name -> $"{number} {shortened name}")
            |> String.concat ", "

        if names.Length > 8 then
            $"{shown}, … {names.Length - 1} {shortened (Array.last names)}"
        else
            shown

    /// The note on nodes that have names. Names that only put letters before the numbers need none.
    let ofNames line (names: string[]) =
        let isNumbered (prefix: string) =
            names |> Seq.indexed |> Seq.forall (fun (number, name) -> name = $"{prefix}{number}")

        let prefix = if names.Length = 0 then "" else names[0].TrimEnd '0'

        if isNumbered prefix then
            []
        else
            [ onLine line $"the nodes are numbered in the order in which the file has them: {numbering names}" ]

[<RequireQualifiedAccess>]
module GraphFlaws =

    /// The most that are told one by one.
    let most = 10

    let one remark = { First = [ remark ]; More = 0 }

    /// In the order of the lines.
    let ofSeq (remarks: GraphRemark seq) =
        let ordered = remarks |> Seq.sortBy (fun remark -> remark.Line, remark.Column) |> List.ofSeq

        { First = List.truncate most ordered; More = max 0 (ordered.Length - most) }
