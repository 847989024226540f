namespace UbarFs.Scenario

/// A value for a path.
type Assignment = { Path: Path; Value: Node }

/// Everything that a factor sets at once.
type Level =
    {
        /// That of a variant.
        Name: Located<string> option
        /// What a variant is called in tables, if not by its name.
        Label: Located<string> option
        /// None of them gets in another's way.
        Assignments: Assignment list
    }

/// One thing that a sweep varies, and what it varies over: one path, several paths side by side, or variants.
type Factor =
    {
        /// The place to blame for the factor as a whole.
        Place: Span
        Levels: Level list
    }

/// A value, or one of several, that a run must have for an exclusion to concern it. The path `variant` stands for the
/// name of the variant.
type Condition = { Path: Path; Values: Node list }

/// Runs that are left out: those that meet every condition.
type Exclusion = { Place: Span; Conditions: Condition list }

/// Every combination of the factors' levels, the last factor fastest, without those that are excluded.
type Plan = { Factors: Factor list; Exclusions: Exclusion list }

[<RequireQualifiedAccess>]
module Assignment =
    let text (assignment: Assignment) = Path.text assignment.Path

    /// The place of the whole path.
    let span (assignment: Assignment) = Path.span assignment.Path

[<RequireQualifiedAccess>]
module Level =

    /// The name of the column that says which variant a run belongs to.
    let column = "variant"

    let private isSeed assignment = Assignment.text assignment = "seed"

    // `rule.label` changes no number.
    let private isLabel (assignment: Assignment) = Label.isKey (List.last assignment.Path).Value

    let private labelOf (node: Node) =
        let label (entry: Entry) =
            match entry.Value.Content with
            | Content.Scalar(text, _) when Label.isKey entry.Key.Value -> Label.read text
            | _ -> None

        match node.Content with
        | Content.Mapping entries -> List.tryPick label entries
        | _ -> None

    /// A value on one line: a component with a label is called by it.
    let rec private said (node: Node) =
        match labelOf node, node.Content with
        | Some label, _ -> label
        | None, Content.Sequence items -> items |> List.map said |> String.concat ", " |> sprintf "[%s]"
        | None, _ -> Node.flow node

    // What stands beside the rule of a pipeline is the label of the whole.
    let private saidOfRule (node: Node) =
        match node.Content with
        | Content.Sequence(_ :: _ as items) -> labelOf (List.last items) |> Option.defaultWith (fun () -> said node)
        | _ -> said node

    // The parameters of code are no component, whatever they are called.
    let private text (assignment: Assignment) =
        if (List.last assignment.Path).Value = CodeFile.arguments then
            Node.flow assignment.Value
        elif Assignment.text assignment = "rule" then
            saidOfRule assignment.Value
        else
            said assignment.Value

    /// What it says of its runs: its label or its name, or the values that it sets, each on one line.
    /// A seed is not among them: it is the run's.
    let texts level =
        match level.Name with
        | Some name -> [ column, (level.Label |> Option.defaultValue name).Value ]
        | None ->
            level.Assignments
            |> List.filter (fun assignment -> not (isSeed assignment || isLabel assignment))
            |> List.map (fun assignment -> Assignment.text assignment, text assignment)

    /// Its place, and what to call it in a message.
    let place level =
        match level.Name, level.Assignments with
        | Some name, _ -> name.Span, $"'{Node.shortened name.Value}'"
        | None, [ single ] -> single.Value.Span, $"'{Node.flow single.Value}'"
        | None, assignments ->
            let values =
                assignments |> List.map (fun assignment -> Node.flow assignment.Value) |> String.concat ", "

            assignments.Head.Value.Span, $"'{values}'"

    /// Writes all of its values into a scenario.
    let apply grammar level (root: Node) : Node * Diagnostic list =
        let write (root, wrong) (assignment: Assignment) =
            match Path.set grammar assignment.Path assignment.Value root with
            | root, [] -> root, wrong
            | root, more -> root, wrong @ more

        List.fold write (root, []) level.Assignments

[<RequireQualifiedAccess>]
module Exclusion =

    /// The exclusion with a function applied to all of its values.
    let map (change: Node -> Node) exclusion =
        { exclusion with
            Conditions =
                exclusion.Conditions
                |> List.map (fun condition -> { condition with Values = List.map change condition.Values }) }

[<RequireQualifiedAccess>]
module Factor =

    let assignments factor = factor.Levels |> List.collect _.Assignments

    /// One path that takes one value after the other.
    let ofPath path values =
        { Place = Path.span path
          Levels =
            values
            |> List.map (fun value -> { Name = None; Label = None; Assignments = [ { Path = path; Value = value } ] }) }
