/// Paths of a sweep that get in each other's way.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.Conflicts

let private conflict grammar (first: Assignment) (second: Assignment) =
    let clash hint =
        Diagnostic.error
            (Assignment.span second)
            $"'{Assignment.text second}' and '{Assignment.text first}' cannot both be swept"
        |> Diagnostic.noting (Assignment.span first) "the other sweep"
        |> Diagnostic.hinted hint
        |> Some

    let inside (outer: Assignment) =
        let outer = Assignment.text outer
        clash $"the inner values belong in the list of '{outer}', each with the name of its component"

    match Path.overlap grammar first.Path second.Path with
    | Overlap.None -> None
    | Overlap.Same -> clash "write all the values into one list"
    | Overlap.Inside -> inside first
    | Overlap.Around -> inside second
    | Overlap.Alternative -> clash "a run has only one of them"

/// What gets in each other's way: the assignments of one level, and those of different factors.
let between (context: Context) (factors: Factor list) =
    let against (earlier: Assignment list) (assignment: Assignment) =
        earlier |> List.tryPick (fun first -> conflict context.Grammar first assignment)

    let within (level: Level) =
        level.Assignments
        |> List.mapi (fun index assignment -> against (List.truncate index level.Assignments) assignment)
        |> List.choose id

    let assignments = factors |> List.map (Factor.assignments >> List.distinctBy Assignment.text)

    [ for index, factor in List.indexed factors do
          yield! factor.Levels |> List.collect within |> List.distinctBy _.Place
          yield! assignments[index] |> List.choose (against (assignments |> List.truncate index |> List.concat)) ]
