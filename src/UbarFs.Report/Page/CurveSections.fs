namespace UbarFs.Report

/// The parts of the page that are small multiples: how runs end against a number, how they learn, and what the rules keep.
[<RequireQualifiedAccess>]
module CurveSections =

    /// Panels that go into a section, for one metric.
    type private Block = { Keys: Key list; Pointed: PointedPanels }

    /// The panels of a page: those against time, and those against each swept number.
    type PagePanels =
        private
            { Trends: (SweptNumber * Block list) list
              Curves: Block list }

        /// All of them in their order on the page.
        member panels.Pointed =
            [ yield! panels.Trends |> List.collect snd; yield! panels.Curves ] |> List.map _.Pointed

    // Room for the names of the axes, to the left of a panel and below it.
    let private nameLeft, nameBelow = 16.0, 14.0

    // Room for panels on a wide screen: that of the page's text, with gaps between them.
    let private room, gap = 1132.0, 11.2

    /// As many panels to a row as fill it, in whole rows of the last path's values where that is possible.
    let private columns (multiples: Multiples) =
        match multiples.Panels.Length, multiples.Columns with
        | panels, _ when panels <= 3 -> panels
        | _, 3 -> 3
        | _ -> 4

    let private framed width height panels = Panel.frame (width - nameLeft) height panels

    // Fits the screens of telephones.
    let private narrowest = 340.0

    let private narrow (multiples: Multiples) : Frame = framed narrowest 236.0 multiples.Panels

    // Text has its own size in every panel. Few panels are larger where the screen has room.
    let private wide (multiples: Multiples) : Frame =
        let width = floor ((room + gap) / float (columns multiples) - gap)

        let width =
            if multiples.Panels.Length <= 3 then
                width
            else
                min width narrowest

        framed width (0.7 * width |> max 196.0 |> min 300.0) multiples.Panels

    let private block metric keys (multiples: Multiples) =
        { Keys = keys; Pointed = { Metric = metric; Multiples = multiples } }

    // Keeps the page of a large sweep small enough to open.
    let private mostPointsInAll = 150_000

    /// What a page shows of a study.
    let prepare (groups: Group list) : PagePanels =
        let metrics = Metric.measuredIn groups

        let most =
            mostPointsInAll / max 1 ((metrics.Length + 1) * groups.Length) |> max 20 |> min Curves.mostPoints

        { Trends =
            [ for swept in Trends.paths groups ->
                  swept,
                  [ for metric in metrics ->
                        let multiples = Trends.ofMetric metric swept groups groups
                        block metric (Figure.keys multiples) multiples ] ]
          Curves =
            [ for metric in metrics ->
                  let multiples = Curves.ofMetric metric most groups groups
                  block metric (Figure.keys multiples) multiples ] }

    // A panel with the names of its axes, for screens of a class.
    let private drawing cls (frame: Frame) (multiples: Multiples) attributes (panel: Panel) =
        let left, top, plotWidth, plotHeight = Panel.plot frame
        let width, height = frame.Width + nameLeft, frame.Height + nameBelow
        let fitted room name = Lettering.fitted "axis" room name
        let numbers = List.map Markup.number >> String.concat " "

        let up =
            Markup.element
                "text"
                [ "class", "axis"
                  "text-anchor", "middle"
                  "transform", $"translate(12 {Markup.number (top + plotHeight / 2.0)}) rotate(-90)" ]
                [ Markup.text (fitted (frame.Height - 4.0) multiples.Up) ]

        Markup.element
            "svg"
            ([ "class", cls
               "width", Markup.number width
               "height", Markup.number height
               "viewBox", numbers [ 0.0; 0.0; width; height ]
               "role", "img"
               "aria-label", $"{panel.Title}, against {multiples.Across}"
               "data-plot", numbers [ left + nameLeft; top; plotWidth; plotHeight ] ]
             @ attributes)
            [ Figure.moved nameLeft 0.0 (Panel.draw frame panel)
              up
              Figure.label
                  "axis"
                  "middle"
                  (nameLeft + left + plotWidth / 2.0)
                  (frame.Height + 9.0)
                  (fitted plotWidth multiples.Across) ]

    let private multiples attributes (multiples: Multiples) =
        let wide, narrow = wide multiples, narrow multiples

        let isLarge = wide.Width > narrow.Width

        let drawings index panel =
            if not isLarge then
                [ drawing "" wide multiples (attributes index) panel ]
            else
                [ drawing "wide" wide multiples (attributes index) panel
                  drawing "narrow" narrow multiples (attributes index) panel ]

        Markup.element
            "div"
            [ "class", (if isLarge then "multiples large" else "multiples")
              "style", $"--columns:{columns multiples};--width:{Markup.number (wide.Width + nameLeft)}px" ]
            [ for index, panel in List.indexed multiples.Panels -> Markup.element "figure" [] (drawings index panel) ]

    let private sample key =
        Markup.element
            "svg"
            [ "viewBox", $"0 0 {Markup.number Figure.sampleWidth} 12"
              "aria-hidden", "true" ]
            (Figure.sample key)

    let private plainKey (key: Key) =
        let owner = key.Rule |> Option.map (fun rule -> "data-rule", string rule) |> Option.toList
        Markup.element "span" (("class", "key") :: owner) [ sample key; Markup.text key.Label ]

    let private key (key: Key) =
        match key.Rule with
        | Some rule ->
            Markup.element
                "button"
                [ "type", "button"; "data-toggle", string rule; "aria-pressed", "true" ]
                [ sample key; Markup.text key.Label ]
        | None -> plainKey key

    // In print the legend is on every page that its panels are on.
    let private chart attributes keys content =
        Markup.element
            "div"
            (("class", "chart") :: attributes)
            [ Element.withClass
                  "div"
                  "chart-head"
                  [ Element.withClass "div" "legend interactive" (List.map key keys)
                    // Browsers do not repeat buttons on further pages.
                    Markup.element "div" [ "class", "legend printed"; "aria-hidden", "true" ] (List.map plainKey keys) ]
              Element.withClass "div" "chart-body" [ content ] ]

    let private hiddenUnless condition = if condition then [] else [ "hidden", "" ]

    // A block for each metric, of which one is seen; `first` is the place of the first among the page's blocks.
    let private blocks first (blocks: Block list) =
        [ for index, block in List.indexed blocks ->
              let place = string (first + index)

              multiples (fun panel -> [ "data-block", place; "data-panel", string panel ]) block.Pointed.Multiples
              |> chart
                  (("data-metric", block.Pointed.Metric.Name)
                   :: hiddenUnless (block.Pointed.Metric.Name = Metric.worst.Name))
                  block.Keys ]

    // One choice for all sections: they show the same metric.
    let private choice id (blocks: Block list) =
        let options =
            [ for block in blocks ->
                  let metric = block.Pointed.Metric

                  Markup.element
                      "option"
                      ([ "value", metric.Name ]
                       @ (if metric.Name = Metric.worst.Name then
                              [ "selected", "" ]
                          else
                              []))
                      [ Markup.text metric.Title ] ]

        Element.withClass
            "p"
            "choice"
            [ Markup.element "label" [ "for", id ] [ Markup.text "Shown: " ]
              Markup.element "select" [ "id", id; "data-metrics", "" ] options ]

    let private remarks (groups: Group list) (blocks: Block list) =
        let lines = blocks |> List.collect _.Pointed.Multiples.Panels |> List.collect _.Lines

        String.concat
            ""
            [ if groups |> List.exists (fun group -> group.Runs.Length > 1) then
                  " Shaded: from the lowest to the highest seed."
              if List.exists _.Fails lines then
                  " A cross: the run failed there."
              if blocks |> List.exists (fun block -> not block.Pointed.Metric.IsAccuracy) then
                  " Losses and consensus errors that differ by orders of magnitude have an axis of powers of ten; \
                    what is not finite is not drawn." ]

    /// How runs end against each number that was swept.
    let trends (groups: Group list) (panels: PagePanels) : Markup list =
        let firsts = panels.Trends |> List.scan (fun first (_, blocks) -> first + blocks.Length) 0

        [ for index, (swept, shown) in List.indexed panels.Trends ->
              Element.section
                  $"trend-{index}"
                  $"How runs end, against {swept.Name}"
                  [ Element.note ("Of complete runs, at the end of training." + remarks groups shown)
                    choice $"metric-{index}" shown
                    yield! blocks firsts[index] shown ] ]

    /// How the benign nodes learn.
    let curves (groups: Group list) (panels: PagePanels) : Markup =
        let first = panels.Trends |> List.sumBy (snd >> List.length)
        let across = panels.Curves.Head.Pointed.Multiples.Across

        Element.section
            "curves"
            "How the benign nodes learn"
            [ Element.note (
                  $"On the test images, against {across}; worst, mean and best are of benign nodes."
                  + remarks groups panels.Curves
              )
              choice "metric" panels.Curves
              yield! blocks first panels.Curves ]

    /// How far the benign nodes' estimates are from each other: the panels that the choice of metrics shows as well, with
    /// the same numbers to point at.
    let agreement (groups: Group list) (panels: PagePanels) : Markup list =
        let first = panels.Trends |> List.sumBy (snd >> List.length)

        match
            panels.Curves
            |> List.tryFindIndex (fun block -> block.Pointed.Metric.Name = Metric.consensusError.Name)
        with
        | None -> []
        | Some index ->
            let block = panels.Curves[index]
            let place = string (first + index)

            [ Element.section
                  "agreement"
                  "Does the network agree?"
                  [ Element.note (
                        "Consensus error: the mean squared distance of a benign node's estimate from the mean of all benign \
                         nodes' estimates, 0 when they agree; where it stays high or rises, they learn different models, \
                         however accurate each of them is."
                        + remarks groups [ block ]
                    )
                    multiples (fun panel -> [ "data-block", place; "data-panel", string panel ]) block.Pointed.Multiples
                    |> chart [] block.Keys ] ]

    let private ofRule (groups: Group list) (rule: string, stages: string[]) =
        let sizes, shares = InnerLife.sizes groups rule stages, InnerLife.shares groups rule stages
        let drawn = multiples (fun _ -> [])

        [ Element.text "h3" $"Estimates that a node receives and {rule} keeps, against {sizes.Across}"
          chart [] (InnerLife.keys true stages) (drawn sizes)
          if not shares.Panels.IsEmpty then
              Element.text "h3" $"Share of the Byzantine estimates received that each stage of {rule} keeps"
              chart [] (InnerLife.keys false stages) (drawn shares) ]

    let innerLife (groups: Group list) =
        let isUbar (rule: string, _) = rule.StartsWith "ubar"

        match InnerLife.rules groups |> List.partition isUbar with
        | [], [] -> []
        | ubar, others ->
            [ Element.section
                  "inner-life"
                  "What the rules keep"
                  [ Element.note "Means over the benign nodes, the iterations since the last evaluation, and the seeds."
                    yield! List.collect (ofRule groups) ubar
                    for rule in others do
                        Markup.element "details" [] (Element.text "summary" (fst rule) :: ofRule groups rule) ] ]
