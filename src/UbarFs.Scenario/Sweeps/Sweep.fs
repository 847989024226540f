namespace UbarFs.Scenario

open FsToolkit.ErrorHandling

/// Reads the sweep: a mapping from dotted paths to lists of values. Three keys in it are no paths: `zip` takes lists
/// side by side, `variants` names sets of values, `exclude` leaves combinations out.
[<RequireQualifiedAccess>]
module Sweep =

    /// The most paths: more than the language has.
    let private mostPaths = 100

    /// The keys of a sweep that are not paths.
    let keywords = [ "zip"; "variants"; "exclude" ]

    // `network: { byzantine: [0.1, 0.3] }` where `network.byzantine: [0.1, 0.3]` is meant.
    let rec private dotted path (node: Node) : (string * string) list =
        match node.Content with
        | Content.Mapping entries ->
            entries |> List.collect (fun entry -> dotted $"{path}.{entry.Key.Value}" entry.Value)
        | Content.Scalar(text, false) ->
            match Correction.range text with
            | Some numbers -> [ path, $"[{numbers}]" ]
            | None -> [ path, $"[{Node.flow node}]" ]
        | _ -> [ path, Node.flow node ]

    // Several lines for the place of one.
    let private lines (entry: Entry) (written: (string * string) list) : Fix =
        let text = written |> List.map (fun (path, value) -> $"{path}: {value}")
        let before = entry.Key.Span.Whole.Substring(0, entry.Key.Span.Column - 1)

        let separator =
            if System.String.IsNullOrWhiteSpace before then
                "\n" + before
            else
                ", "

        let length = entry.Value.Span.Offset + entry.Value.Span.Extent - entry.Key.Span.Offset
        Diagnostic.replaced { entry.Key.Span with Length = length; Extent = length } (String.concat separator text)

    let private values (entry: Entry) =
        let expected = $"'{entry.Key.Value}' {Node.describe entry.Value}: expected a list of values"

        match entry.Value, entry.Value.Content with
        | _, Content.Sequence [] ->
            Diagnostic.error entry.Value.Span $"the list of values for '{entry.Key.Value}' is empty"
            |> Diagnostic.hinted "list at least one value, or take the line out"
            |> Validation.error
        | _, Content.Sequence values -> Ok values
        | Node.Nothing, _ -> Validation.error (Diagnostic.error entry.Value.Span expected)
        | _, Content.Scalar(text, false) when text.Contains ',' ->
            Diagnostic.error entry.Value.Span expected
            |> Diagnostic.meant entry.Value.Span [ $"[{text}]" ] $"write [{text}]"
            |> Validation.error
        | _ ->
            let written = dotted entry.Key.Value entry.Value

            let shown = written |> List.map (fun (path, value) -> $"{path}: {value}") |> String.concat ", and "

            Diagnostic.error entry.Value.Span expected
            |> Diagnostic.fixedBy [ lines entry written ] $"write {shown}"
            |> Validation.error

    let private path (context: Context) (key: Located<string>) =
        match Path.parse key with
        | Ok [ first ] when List.contains first.Value keywords ->
            Diagnostic.error key.Span $"'{first.Value}' is not a path here: it stands in the sweep itself"
            |> Validation.error
        | Ok(first :: _) when Shape.isFixed first.Value context.Grammar ->
            Diagnostic.error key.Span $"'{first.Value}' cannot be swept: it is the same for all runs"
            |> Validation.error
        | parsed -> Validation.ofResult parsed

    let private listed context (entry: Entry) =
        validation {
            let! path = path context entry.Key
            and! values = values entry
            return path, values
        }

    // The example is a key with a value, which could stand here.
    let private expected (node: Node) what key example =
        let shown = if key = "" then example else $"{key}: {example}"

        Diagnostic.error node.Span $"{what} {Node.describe node}"
        |> Diagnostic.meant node.Span [ example ] $"as in: {shown}"
        |> Validation.error

    /// Lists of one length: the first value of each makes the first level, and so on.
    let private zipped context (node: Node) =
        let level (lists: (Path * Node[]) list) index =
            { Name = None
              Label = None
              Assignments = lists |> List.map (fun (path, values) -> { Path = path; Value = values[index] }) }

        let sameLength (lists: (Path * Node list) list) =
            let length = (snd lists.Head).Length

            let wrong =
                [ for path, values in lists.Tail do
                      if values.Length <> length then
                          let first = Path.text (fst lists.Head)

                          Diagnostic.error
                              (Path.span path)
                              $"'{Path.text path}' has {values.Length} values, but '{first}' beside it has {length}"
                          |> Diagnostic.noting (Path.span (fst lists.Head)) "the other list"
                          |> Diagnostic.hinted "zip takes the first value of each list together, then the second, …" ]

            if wrong.IsEmpty then Ok lists else Error wrong

        match node, node.Content with
        | Node.Nothing, _
        | _, Content.Mapping [] -> Ok []
        | _, Content.Mapping entries ->
            entries
            |> List.traverseValidationA (listed context)
            |> Result.bind sameLength
            |> Result.map (fun lists ->
                let values = lists |> List.map (fun (path, values) -> path, Array.ofList values)

                [ { Place = Path.span (fst lists.Head)
                    Levels = List.init (snd lists.Head).Length (level values) } ])
        | _ ->
            expected
                node
                "'zip' takes paths with lists, but this"
                "zip"
                "{ training.batch: [16, 32], training.rate: [0.05, 0.1] }"

    let private zips context (node: Node) =
        match node.Content with
        | Content.Sequence items -> items |> List.traverseValidationA (zipped context) |> Result.map List.concat
        | _ -> zipped context node

    let private assignment context (entry: Entry) =
        path context entry.Key |> Result.map (fun path -> { Path = path; Value = entry.Value })

    let private isLabel (entry: Entry) = Label.isKey entry.Key.Value

    let private label context (entry: Entry) =
        Decode.read Decode.label (Context.enter entry.Key context) entry.Value
        |> Result.map (fun label -> { Value = label; Span = entry.Value.Span })

    let private variant context (entry: Entry) =
        match entry.Value, entry.Value.Content with
        | Node.Nothing, _ -> Ok { Name = Some entry.Key; Label = None; Assignments = [] }
        | _, Content.Mapping entries ->
            let labels, others = List.partition isLabel entries

            validation {
                let! assignments = others |> List.traverseValidationA (assignment context)
                and! labels = labels |> List.traverseValidationA (label context)

                return
                    { Name = Some entry.Key
                      Label = List.tryHead labels
                      Assignments = assignments }
            }
        | _ ->
            expected
                entry.Value
                $"the variant '{Node.shortened entry.Key.Value}' sets paths, but"
                entry.Key.Value
                "{ attack: bit-flip, network.byzantine: 0.3 }"

    let private variants context (place: Span) (node: Node) =
        match node, node.Content with
        | Node.Nothing, _
        | _, Content.Mapping [] -> Ok []
        | _, Content.Mapping entries ->
            entries
            |> List.traverseValidationA (variant context)
            |> Result.map (fun levels -> [ { Place = place; Levels = levels } ])
        | _ ->
            expected
                node
                "'variants' takes names with what they set, but this"
                "variants"
                "{ mild: { network.byzantine: 0.1 }, hard: { network.byzantine: 0.4 } }"

    let private condition context (entry: Entry) =
        let values =
            match entry.Value, entry.Value.Content with
            | Node.Nothing, _
            | _, Content.Sequence [] ->
                Diagnostic.error entry.Value.Span $"'{entry.Key.Value}' {Node.describe entry.Value}: expected a value"
                |> Validation.error
            | _, Content.Sequence values -> Ok values
            | _ -> Ok [ entry.Value ]

        validation {
            let! path = path context entry.Key
            and! values = values
            return { Path = path; Values = values }
        }

    let private exclusion context (item: Node) =
        match item.Content with
        | Content.Mapping(_ :: _ as entries) ->
            entries
            |> List.traverseValidationA (condition context)
            |> Result.map (fun conditions -> { Place = item.Span; Conditions = conditions })
        | _ ->
            expected item "an exclusion is paths with values, but this" "" "{ rule: average, network.byzantine: 0.5 }"

    let private exclusions context (node: Node) =
        match node, node.Content with
        | Node.Nothing, _ -> Ok []
        | _, Content.Sequence items -> items |> List.traverseValidationA (exclusion context)
        | _ -> exclusion context node |> Result.map List.singleton

    let private partOf context (entry: Entry) : Validation<Plan, Diagnostic> =
        let factors read = read |> Result.map (fun factors -> { Factors = factors; Exclusions = [] })

        match entry.Key.Value with
        | "zip" -> zips context entry.Value |> factors
        | "variants" -> variants context entry.Key.Span entry.Value |> factors
        | "exclude" ->
            exclusions context entry.Value
            |> Result.map (fun excluded -> { Factors = []; Exclusions = excluded })
        | _ -> listed context entry |> Result.map (fun (path, values) -> [ Factor.ofPath path values ]) |> factors

    let private joined (parts: Plan list) =
        { Factors = parts |> List.collect _.Factors
          Exclusions = parts |> List.collect _.Exclusions }

    let private pathsOf (factors: Factor list) =
        factors |> Seq.collect Factor.assignments |> Seq.map Assignment.text |> Seq.distinct |> Seq.length

    let private tooMany context count =
        Diagnostic.error (Context.span context) $"a sweep of {count} paths, more than {mostPaths}"
        |> Validation.error

    let private withoutConflicts context plan =
        match pathsOf plan.Factors with
        | count when count > mostPaths -> tooMany context count
        | _ ->
            match Conflicts.between context plan.Factors with
            | [] -> Ok plan
            | conflicts -> Error conflicts

    let private readableItem (read: Node -> Validation<'item, Diagnostic>) (node: Node) =
        match node.Content with
        | Content.Sequence items -> items
        | _ -> [ node ]
        |> List.choose (read >> Result.toOption)

    // A variant with what can be understood of it.
    let private readableVariant context (entry: Entry) : Level =
        match entry.Value.Content with
        | Content.Mapping entries ->
            { Name = Some entry.Key
              Label = None
              Assignments =
                entries |> List.filter (isLabel >> not) |> List.choose (assignment context >> Result.toOption) }
        | _ -> { Name = Some entry.Key; Label = None; Assignments = [] }

    let private factorsOnly factors = { Factors = factors; Exclusions = [] }

    // The part of a sweep's entry that can be understood; lists of different lengths are taken one by one.
    let rec private readablePart context (entry: Entry) : Plan =
        let inner (node: Node) =
            match node.Content with
            | Content.Mapping entries -> entries |> List.truncate mostPaths |> List.map (readablePart context) |> joined
            | _ -> factorsOnly []

        match partOf context entry, entry.Key.Value, entry.Value.Content with
        | Ok plan, _, _ -> plan
        | Error _, "zip", Content.Sequence items -> items |> List.map inner |> joined
        | Error _, "zip", _ -> inner entry.Value
        | Error _, "variants", Content.Mapping entries ->
            factorsOnly [ { Place = entry.Key.Span; Levels = List.map (readableVariant context) entries } ]
        | Error _, "exclude", _ -> { Factors = []; Exclusions = readableItem (exclusion context) entry.Value }
        | Error _, _, Content.Scalar(text, _) when
            not (Node.isNothing entry.Value || text.Contains ',' || (Correction.range text).IsSome)
            ->
            match path context entry.Key with
            | Ok path -> factorsOnly [ Factor.ofPath path [ entry.Value ] ]
            | Error _ -> factorsOnly []
        | Error _, _, _ -> factorsOnly []

    /// The part of a sweep that can be understood and is free of conflicts, so that the rest of the scenario can be
    /// judged although the sweep is wrong.
    let readable (context: Context) (node: Node) : Plan =
        let keep factors factor =
            let both = factors @ [ factor ]

            if pathsOf both <= mostPaths && List.isEmpty (Conflicts.between context both) then
                both
            else
                factors

        match node.Content with
        | Content.Mapping entries ->
            let plan = entries |> List.truncate mostPaths |> List.map (readablePart context) |> joined
            { plan with Factors = List.fold keep [] plan.Factors }
        | _ -> factorsOnly []

    let empty = { Factors = []; Exclusions = [] }

    /// A sweep.
    let decoder: Decoder<Plan> =
        { Shape = Shape.Sweep
          Read =
            fun context node ->
                match node, node.Content with
                | Node.Nothing, _ -> Ok empty
                | _, Content.Mapping entries when entries.Length > mostPaths -> tooMany context entries.Length
                | _, Content.Mapping entries ->
                    entries
                    |> List.traverseValidationA (partOf context)
                    |> Result.map joined
                    |> Result.bind (withoutConflicts context)
                | _, Content.Sequence _ when Node.hasDistinctKeys (Node.joined node) ->
                    Diagnostic.error node.Span $"'sweep' {Node.describe node}: expected paths with lists of values"
                    |> Diagnostic.fixedBy
                        [ Node.withoutDashes Node.flow node ]
                        "take the '-' before the paths away; what is to be taken side by side stands in 'zip'"
                    |> Validation.error
                | _ ->
                    Diagnostic.error node.Span $"'sweep' {Node.describe node}: expected paths with lists of values"
                    |> Diagnostic.meant
                        node.Span
                        [ "{ network.byzantine: [0.1, 0.3] }" ]
                        "as in: network.byzantine: [0.1, 0.3]"
                    |> Validation.error
                |> Result.map (fun plan -> { Value = plan; Said = Said.Nothing }) }
