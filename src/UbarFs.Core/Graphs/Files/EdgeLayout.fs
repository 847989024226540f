namespace UbarFs.Core

open System
open System.Collections.Generic
open System.Globalization
open System.Text.RegularExpressions

/// What a file has a line for.
[<RequireQualifiedAccess>]
type EdgeForm =
    /// An edge: its two nodes, and what the file says of it.
    | Edges
    /// A node, and its neighbours behind it.
    | Neighbours

/// How a file of edges is to be read.
type EdgeLayout =
    {
        Separator: char option
        /// The line with the names of the columns.
        Header: (int * GraphWords.Word list) option
        /// The columns of the two nodes, from 0.
        Ends: struct (int * int)
        /// Whether the nodes have names; they have numbers otherwise.
        IsNamed: bool
        Form: EdgeForm
        /// Whether all lines have as many words.
        IsEven: bool
        /// The first line with words.
        Start: int
    }

/// A first look at all lines of a file of edges.
[<RequireQualifiedAccess>]
module EdgeLayout =

    // A graph has a list for every number up to the highest: a typing error must not ask for millions. It is some times
    // the most nodes of a network; larger numbers are names.
    let highest = 99_999

    let number (text: string) =
        match Int32.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture) with
        | true, number when number <= highest -> ValueSome number
        | _ -> ValueNone

    let private isNumber text = number text <> ValueNone

    // What programs call the two ends of an edge, in lower case and without blanks and hyphens.
    let private endNames =
        [ "source", "target"
          "from", "to"
          "src", "dst"
          "src", "dest"
          "fromnode", "tonode"
          "fromnodeid", "tonodeid"
          "fromid", "toid"
          "node1", "node2"
          "vertex1", "vertex2"
          "id1", "id2"
          "start", "end"
          "tail", "head"
          "v1", "v2"
          "u", "v"
          "i", "j"
          "a", "b" ]

    /// The name of a column, as far as it matters.
    let columnName (text: string) = text.ToLowerInvariant() |> String.filter Char.IsLetterOrDigit

    /// The columns of the ends in a header, if it names them.
    let private namedEnds (words: GraphWords.Word list) =
        let names = words |> List.map (fun word -> columnName word.Text)

        endNames
        |> List.tryPick (fun (first, second) ->
            match List.tryFindIndex ((=) first) names, List.tryFindIndex ((=) second) names with
            | Some first, Some second -> Some(struct (first, second))
            | _ -> None)

    // SNAP's and KONECT's comments say what kind of graph it is.
    let private directedComment = Regex(@"^\s*(#\s*directed graph|%\s*asym)\b", RegexOptions.IgnoreCase)

    /// What the look has found so far.
    type private Look() =
        let nodes, firsts, mentioned = HashSet<string>(), HashSet<string>(), HashSet<string>()
        let mutable repeatsFirst, hasData, least, most = false, false, Int32.MaxValue, 0

        member _.Add (ends: struct (int * int)) (words: ResizeArray<GraphWords.Word>) =
            let struct (first, second) = ends

            if not (firsts.Add words[0].Text) then
                repeatsFirst <- true

            least <- min least words.Count
            most <- max most words.Count
            hasData <- hasData || words[words.Count - 1].IsData

            for column in [ first; second ] do
                if column < words.Count then
                    nodes.Add words[column].Text |> ignore

            // Lines of edges repeat their first node, lines of neighbours do not.
            if not repeatsFirst then
                for word in words do
                    mentioned.Add word.Text |> ignore

        member _.Nodes = nodes

        member _.IsEven = least = most

        // Every node has a line, of a length of its own.
        member _.Form =
            let isRegular = hasData || repeatsFirst || least = most

            if not isRegular && mentioned.IsSubsetOf firsts then
                EdgeForm.Neighbours
            else
                EdgeForm.Edges

    let private isNamed (nodes: HashSet<string>) =
        let numbers = nodes |> Seq.filter isNumber |> Seq.length
        nodes.Count - numbers > numbers

    let private numbered (lines: string seq) = lines |> Seq.mapi (fun index line -> index + 1, line)

    let private refuse line text = Error(GraphFlaws.one (GraphRemark.onLine line text))

    let private conclude separator ends (line, words: ResizeArray<GraphWords.Word>) isNamedPair (look: Look) =
        let struct (first, second) = ends
        let header = List.ofSeq words

        let isHeader =
            look.Nodes.Count > 0
            && (isNamedPair || separator <> None)
            && [ first; second ]
               |> List.forall (fun column ->
                   column < words.Count
                   && not (isNumber words[column].Text)
                   && not (look.Nodes.Contains words[column].Text))

        if not isHeader then
            look.Add (struct (0, 1)) words

        { Separator = separator
          Header = if isHeader then Some(line, header) else None
          Ends = if isHeader then ends else struct (0, 1)
          IsNamed = isNamed look.Nodes
          Form = if isHeader then EdgeForm.Edges else look.Form
          IsEven = look.IsEven
          Start = line }

    /// The layout of a text, or why it holds no edges.
    let ofLines (lines: string seq) : Result<EdgeLayout, GraphFlaws> =
        use lines = (numbered lines).GetEnumerator()
        let look = Look()
        let mutable start, separator, ends, isNamedPair = None, None, struct (0, 1), false
        let mutable refused = None

        while refused.IsNone && lines.MoveNext() do
            let number, line = lines.Current

            if start.IsNone then
                separator <- GraphWords.separatorOf line

            let words = GraphWords.split separator line

            if directedComment.IsMatch line then
                refused <- Some(refuse number "the file says that its graph is directed, but networks are undirected")
            elif words.Count = 2 && words[1].IsData then
                let advice = "write the graph with nx.write_edgelist"
                refused <- Some(refuse number $"this is NetworkX's multi-line adjacency list: {advice}")
            elif words.Count > 0 && start.IsNone then
                let named = namedEnds (List.ofSeq words)
                isNamedPair <- named.IsSome

                // Without a name, the first column of a table has the numbers of its rows.
                ends <- named |> Option.defaultValue (if words[0].Text = "" then struct (1, 2) else struct (0, 1))

                start <- Some(number, words)
            elif words.Count > 0 then
                look.Add ends words

        match refused, start with
        | Some refused, _ -> refused
        | None, None -> refuse 1 "the file has no edges"
        | None, Some start -> Ok(conclude separator ends start isNamedPair look)
