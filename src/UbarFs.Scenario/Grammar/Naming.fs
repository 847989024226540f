namespace UbarFs.Scenario

open System
open System.Security.Cryptography
open System.Text
open UbarFs.Core

/// Something that tables and legends call by a name.
type Named =
    {
        /// What it is called as long as nothing else is.
        Label: string
        /// The form of the language that says all of it.
        Canonical: string
        /// The checksum of the code or the file behind it; empty without any.
        Print: string
    }

/// Names that differ where the things do.
[<RequireQualifiedAccess>]
module Naming =

    /// A part of a canonical form: where it is in it, and its text.
    type private Leaf = { Key: string; Text: string }

    // What is called by its value alone: the name of a component, and where code is.
    let private isBare (key: string) = key = "" || CodeFile.isKey key

    let rec private leaves trail (node: Node) : Leaf list =
        let inside (entries: Entry list) =
            entries |> List.collect (fun entry -> leaves (trail @ [ entry.Key.Value ]) entry.Value)

        match node.Content with
        | Content.Scalar(text, _) -> [ { Key = String.concat "." trail; Text = text } ]
        | Content.Sequence items ->
            items |> List.indexed |> List.collect (fun (index, item) -> leaves (trail @ [ string index ]) item)
        // { name: { parameter: value } }
        | Content.Mapping [ { Key = name; Value = { Content = Content.Mapping arguments } } ] when
            not (CodeFile.isKey name.Value)
            ->
            { Key = String.concat "." trail; Text = name.Value } :: inside arguments
        | Content.Mapping entries -> inside entries

    let private leavesOf (canonical: string) =
        match Yaml.parse (Source.create (Origin.File "canonical form") canonical) 0 with
        | Some node, [] -> leaves [] node
        | _ -> [ { Key = ""; Text = canonical } ]

    let private said (leaf: Leaf) =
        let last = leaf.Key.Substring(leaf.Key.LastIndexOf '.' + 1)

        if isBare last || Seq.forall Char.IsAsciiDigit last then
            leaf.Text
        else
            $"{last}: {leaf.Text}"

    /// The digits that can tell a thing apart: those of its code, which run.json has, too, and those of all of it.
    let private digits (named: Named) =
        let whole =
            SHA256.HashData(Encoding.UTF8.GetBytes(named.Canonical + "\n" + named.Print))
            |> Convert.ToHexStringLower

        [ (if named.Print.Length >= whole.Length then
               named.Print
           else
               whole)
          whole ]

    /// The names with as many digits behind them as it takes.
    let private numbered (names: (Named * string) list) =
        let numberedBy (kind, count) =
            names
            |> List.map (fun (named, name) -> named, $"{name} #{(List.item kind (digits named)).Substring(0, count)}")

        let differ (names: (Named * string) list) = (List.distinctBy snd names).Length = names.Length
        let ways = [ 0, 6; 0, 12; 1, 6; 1, 12; 1, 64 ]
        ways |> List.map numberedBy |> List.tryFind differ |> Option.defaultValue (numberedBy (1, 64))

    /// Names for things with one label: it, and the first parts that set all of them apart.
    let private apart (alike: Named list) : (Named * string) list =
        let parts = alike |> List.map (fun named -> named, leavesOf named.Canonical)
        let keys = parts |> List.collect (snd >> List.map _.Key) |> List.distinct

        let at key (leaves: Leaf list) = leaves |> List.tryFind (fun leaf -> leaf.Key = key)

        let differing =
            keys |> List.filter (fun key -> parts |> List.distinctBy (snd >> at key) |> List.length > 1)

        let name count (named: Named, leaves: Leaf list) =
            match List.truncate count differing |> List.choose (fun key -> at key leaves) with
            | [] -> named, named.Label
            // A script is called by its file: the path says it already.
            | [ path ] when isBare path.Key && path.Text.EndsWith("/" + named.Label, StringComparison.Ordinal) ->
                named, path.Text
            | shown -> named, shown |> List.map said |> String.concat ", " |> sprintf "%s (%s)" named.Label

        let names count = parts |> List.map (name count)
        let differ count = (names count |> List.distinctBy snd).Length = alike.Length

        match [ 1 .. differing.Length ] |> List.tryFind differ with
        | Some count -> names count
        | None -> numbered (names differing.Length)

    /// A name for each thing: its label where no other thing has it, and what sets it apart behind it where one does. By
    /// the canonical form and the checksum.
    let distinct (things: Named list) : Map<string * string, string> =
        let things = things |> List.distinctBy (fun named -> named.Canonical, named.Print)

        let named =
            things
            |> List.groupBy _.Label
            |> List.collect (fun (label, alike) ->
                match alike with
                | [ single ] -> [ single, label ]
                | alike -> apart alike)

        // Somebody's label can be what another name was made to.
        let rec settled rounds (names: (Named * string) list) =
            match names |> List.groupBy snd with
            | groups when rounds = 0 || groups.Length = names.Length -> names
            | groups ->
                groups
                |> List.collect (fun (_, same) -> if same.Length = 1 then same else numbered same)
                |> settled (rounds - 1)

        settled 5 named
        |> List.map (fun (named, name) -> (named.Canonical, named.Print), name)
        |> Map.ofList

[<RequireQualifiedAccess>]
module RunNames =

    let private by (named: Run -> Named) (runs: Run list) =
        let names = runs |> List.map named |> Naming.distinct

        fun run ->
            let thing = named run

            Map.tryFind (thing.Canonical, thing.Print) names |> Option.defaultValue thing.Label

    let private ofChosen (choose: Run -> Chosen<'value>) (run: Run) : Named =
        let chosen = choose run

        { Label = Chosen.label chosen
          Canonical = Chosen.canonical chosen
          Print = Chosen.fingerprint chosen |> Option.defaultValue "" }

    let private ofAttack (run: Run) : Named =
        let settings = Run.canonical run |> Map.ofList

        { Label = Run.attackLabel run
          Canonical = settings["attack"]
          Print = settings |> Map.tryFind "attack.code" |> Option.defaultValue "" }

    /// The names among some runs.
    let among (runs: Run list) : RunNames =
        { Dataset = by (ofChosen _.Dataset) runs
          Model = by (ofChosen _.Model) runs
          Rule = by (ofChosen _.Rule) runs
          Attack = by ofAttack runs }
