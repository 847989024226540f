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

    // Text has its own size in every panel; few panels may be larger.
    let private frame (panels: Panel list) : Frame =
        if panels.Length <= 3 then
            Panel.frame 340.0 236.0 panels
        else
            Panel.frame 272.0 196.0 panels

    let private block metric keys (multiples: Multiples) =
        { Keys = keys
          Pointed = { Metric = metric; Frame = frame multiples.Panels; Multiples = multiples } }

    // Keeps the page of a large sweep small enough to open.
    let private mostPointsInAll = 150_000

    /// What a page shows of a study.
    let prepare (groups: Group list) : PagePanels =
        let metrics = Metric.measuredIn groups
        let most = mostPointsInAll / max 1 (metrics.Length * groups.Length) |> max 20 |> min Curves.mostPoints

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

    let private panel (frame: Frame) across attributes (panel: Panel) =
        let width, height = Markup.number frame.Width, Markup.number frame.Height

        Markup.element
            "figure"
            []
            [ Markup.element
                  "svg"
                  ([ "width", width
                     "height", height
                     "viewBox", $"0 0 {width} {height}"
                     "role", "img"
                     "aria-label", $"{panel.Title}, against {across}" ]
                   @ attributes)
                  (Panel.draw frame panel) ]

    let private multiples (frame: Frame) attributes (multiples: Multiples) =
        Markup.element
            "div"
            [ "class", "multiples"
              "style", $"--columns:{multiples.Columns};--width:{Markup.number frame.Width}px" ]
            [ for index, drawn in List.indexed multiples.Panels -> panel frame multiples.Across (attributes index) drawn ]

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

              multiples
                  block.Pointed.Frame
                  (fun panel -> [ "data-block", place; "data-panel", string panel ])
                  block.Pointed.Multiples
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

    let private ofRule (groups: Group list) (rule: string, stages: string[]) =
        let sizes, shares = InnerLife.sizes groups rule stages, InnerLife.shares groups rule stages
        let drawn (shown: Multiples) = multiples (frame shown.Panels) (fun _ -> []) shown

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
