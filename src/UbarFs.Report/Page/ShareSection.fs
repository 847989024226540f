namespace UbarFs.Report

open UbarFs.Engine

/// The part of the page that draws what nodes have of the training images, class by class.
[<RequireQualifiedAccess>]
module ShareSection =

    // What shares depend on beside the seed.
    let private paths =
        [ "data.dataset"
          "data.partition"
          "data.shares"
          "data.holders"
          "data.least"
          "network.benign"
          "network.byzantine"
          "network.placement" ]

    let private settings (run: StudyRun) =
        paths |> List.map (fun path -> path, run.Resolved |> Map.tryFind path |> Option.defaultValue "")

    // Of equal shares of everything there is nothing to see.
    let private isPlain (run: StudyRun) = run.Resolved |> Map.tryFind "data.partition" |> Option.forall ((=) "iid")

    let private mostDrawn, private mostNodes, private mostCells = 12, 400, 10_000

    let private side = 12.0
    let private left, private top = 30.0, 4.0

    let private cell highest (holding: Holding) =
        Markup.element
            "rect"
            [ "class", "bar c0"
              "x", Markup.number (left + side * float holding.Node)
              "y", Markup.number (top + side * float holding.Class)
              "width", Markup.number side
              "height", Markup.number side
              // What is there can be seen, however little it is.
              "opacity", Markup.number (0.12 + 0.88 * float holding.Images / float highest) ]
            [ Markup.element
                  "title"
                  []
                  [ Markup.text $"node {holding.Node}, class {holding.Class}: {holding.Images} images" ] ]

    // One in so many numbers is written, so that they have room.
    let private written step count = [ 0..step .. count - 1 ]

    let private drawing (holdings: Holding list) : Drawing =
        let nodes = 1 + (holdings |> List.map _.Node |> List.max)
        let classes = 1 + (holdings |> List.map _.Class |> List.max)
        let highest = holdings |> List.map _.Images |> List.max
        let bottom = top + side * float classes

        { Width = left + side * float nodes + 24.0
          Height = bottom + 32.0
          Content =
            [ yield! List.map (cell highest) holdings
              for class' in written (if classes > 20 then 5 else 1) classes do
                  Figure.label "tick" "end" (left - 4.0) (top + side * (float class' + 0.8)) (string class')
              for node in written (if nodes > 10 then 5 else 1) nodes do
                  Figure.label "tick" "middle" (left + side * (float node + 0.5)) (bottom + 12.0) (string node)
              Figure.label "axis" "start" left (bottom + 26.0) $"node; darkest: {highest} images" ] }

    let private drawn (differing: string list) (run: StudyRun) =
        match SharesFile.read run.Folder with
        | Ok(Some(_ :: _ as holdings)) when
            holdings.Length <= mostCells
            && holdings |> List.forall (fun holding -> holding.Node < mostNodes && holding.Class < mostNodes)
            ->
            let title =
                settings run
                |> List.filter (fun (path, value) ->
                    path = "data.partition" || (List.contains path differing && value <> ""))
                |> List.map (fun (path, value) ->
                    if path = "data.partition" then
                        value
                    else
                        $"{path}: {value}")
                |> String.concat ", "

            Some(
                Markup.element
                    "figure"
                    []
                    [ Element.text "h3" $"{title}, seed {run.Identity.Seed}"
                      Element.withClass "div" "scroll" [ Figure.inline' $"the shares of {title}" (drawing holdings) ] ]
            )
        // Who read the run has said what of it cannot be read.
        | _ -> None

    /// The shares by setting, of one seed each; nothing where all are equal shares of everything.
    let shares (groups: Group list) : Markup list =
        let runs =
            groups
            |> List.collect _.Runs
            |> List.sortBy (fun run -> run.Identity.Seed)
            |> List.groupBy settings
            |> List.map (fun (_, alike) ->
                alike
                |> List.tryFind (fun run -> run.Outcome.Status = Status.Complete)
                |> Option.defaultValue alike.Head)

        let differing =
            paths
            |> List.filter (fun path ->
                path <> "data.shares"
                && (runs |> List.distinctBy (fun run -> Map.tryFind path run.Resolved)).Length > 1)

        match runs |> List.filter (isPlain >> not) |> List.truncate mostDrawn |> List.choose (drawn differing) with
        | [] -> []
        | figures ->
            [ Element.section
                  "shares"
                  "Who has which images"
                  (Element.note
                      "A column for each node, a line for each class: the darker, the more training images the node has of \
                       it. Byzantine nodes are among them. Point at a field for its number."
                   :: figures) ]
