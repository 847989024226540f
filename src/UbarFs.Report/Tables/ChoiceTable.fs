namespace UbarFs.Report

/// The settings that were chosen on images held out, in words and as a table for papers.
[<RequireQualifiedAccess>]
module ChoiceTable =

    /// What stands behind whatever is not whole.
    let mark = "*"

    // The paths that tell choices apart, and the attack where nothing does.
    let private paths (choices: Choice list) =
        choices
        |> List.collect _.Settings
        |> List.distinct
        |> List.countBy fst
        |> List.filter (fun (_, values) -> values > 1)
        |> List.map fst

    let private valueOf path (choice: Choice) =
        choice.Settings |> List.tryFind (fst >> (=) path) |> Option.map snd |> Option.defaultValue ""

    /// What was chosen, in words.
    let setting (candidate: Candidate) : string =
        let headings = Summary.headings (candidate.Setting |> List.map fst)

        List.zip headings candidate.Setting
        |> List.map (fun (heading, (path, value)) -> if path = "rule" then value else $"{heading} {value}")
        |> function
            | [] -> "the only one"
            | words -> String.concat ", " words

    let private percent (share: float) = $"%.1f{100.0 * share}"

    /// What the table is, in sentences.
    let caption (choices: Choice list) : string list =
        let seeds = choices |> List.map _.Seeds.Length |> Summary.counted "seed"

        [ "Chosen on validation images: of the settings of training and of its own parameters that a rule was tried with, \
           the one with the highest accuracy of the worst benign node on training images that nobody trained on \
           (measure.validation)"
          $"Means over {seeds}; test accuracy is that of the choice, mean ± standard deviation of the worst benign node, \
            and had no say in it"
          "Chosen apart in every setting, under the attack that is there: as well as whoever knows it could choose"
          if choices |> List.exists (fun choice -> choice.AsGood > 0) then
              "(+1): as many other settings do as well on the validation images, and the first is taken"
          if choices |> List.exists (_.Remarks.IsEmpty >> not) then
              $"{mark} incomplete: chosen among what there is" ]

    let private hasBackdoor (choices: Choice list) = choices |> List.collect _.Tried |> List.exists _.Success.IsSome

    let private cells hasBackdoor (choice: Choice) =
        let marked = if choice.Remarks.IsEmpty then "" else $" {mark}"

        let chosen =
            match choice.Picked with
            | None -> "no result"
            | Some picked when choice.AsGood > 0 -> $"{setting picked} (+{choice.AsGood})"
            | Some picked -> setting picked

        let ofPicked text = choice.Picked |> Option.map text |> Option.defaultValue "–"

        [ chosen + marked
          string choice.Tried.Length
          ofPicked (_.Validation >> percent)
          ofPicked (_.Test >> Some >> Spread.percent)
          if hasBackdoor then
              ofPicked (fun picked -> Spread.percent picked.Group.Success) ]

    /// A row for each rule in each setting.
    let paper (choices: Choice list) : PaperTable =
        let paths = paths choices

        { Caption = caption choices
          Headings =
            Summary.headings paths
            @ [ "rule"
                "chosen on validation images"
                "settings tried"
                "validation accuracy, %"
                "test accuracy, %"
                if hasBackdoor choices then
                    "success rate, %" ]
          Rows =
            [ for choice in choices ->
                  (paths |> List.map (fun path -> valueOf path choice))
                  @ (choice.Rule :: cells (hasBackdoor choices) choice) ] }

    /// The choices with all figures, for programs. Accuracies are fractions.
    let csv (choices: Choice list) : string list * string list list =
        let paths = paths choices
        let number = UbarFs.Engine.Csv.optional UbarFs.Engine.Csv.number

        paths
        @ [ "rule"
            "chosen"
            "tried"
            "worst_validation_accuracy"
            "worst_accuracy"
            "deviation"
            "seeds" ],
        [ for choice in choices ->
              (paths |> List.map (fun path -> UbarFs.Engine.Csv.setting (valueOf path choice)))
              @ [ choice.Rule
                  choice.Picked |> Option.map setting |> Option.defaultValue ""
                  string choice.Tried.Length
                  number (choice.Picked |> Option.map _.Validation)
                  number (choice.Picked |> Option.map _.Test.Mean)
                  number (choice.Picked |> Option.bind _.Test.Deviation)
                  string choice.Seeds.Length ] ]

    let private where paths (choice: Choice) =
        (paths |> List.map (fun path -> valueOf path choice) |> List.filter ((<>) "")) @ [ choice.Rule ]
        |> String.concat ", "

    /// Why choices are not whole, a line each.
    let remarks (choices: Choice list) : string list =
        let paths = paths choices

        [ for choice in choices do
              if not choice.Remarks.IsEmpty then
                  let remarks = String.concat "; " choice.Remarks
                  $"{where paths choice}: {remarks}" ]

    // So many are told on a terminal.
    let private most = 8

    /// The choices in lines for a terminal.
    let lines (groups: Group list) : string list =
        match Choices.ofGroups groups with
        | [] -> []
        | choices ->
            let paths = paths choices

            [ "Chosen on validation images, of the settings tried, and what that comes to on the test images:"
              for choice in List.truncate most choices do
                  match choice.Picked with
                  | Some picked ->
                      let test = Spread.percent (Some picked.Test)
                      $"  {where paths choice}: {setting picked} of {choice.Tried.Length}, test %% {test}"
                  | None -> $"  {where paths choice}: no result"
              if choices.Length > most then
                  $"  and {choices.Length - most} more: the page has all" ]
