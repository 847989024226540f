namespace UbarFs.Report

open UbarFs.Engine

/// One setting of what can be chosen, with how it does over the seeds that count.
type Candidate =
    {
        Group: Group
        /// The paths that were chosen among, with its values: of training, and of the rule where these were swept.
        Setting: (string * string) list
        /// The mean of the worst benign node's accuracy on the images that are held out.
        Validation: float
        /// The same node's on the test images, which have no say.
        Test: Spread
    }

/// A rule at one value of everything that is not chosen, with the setting that does best on the images held out.
type Choice =
    {
        /// What is not chosen: attack, network, data and the like, with its values.
        Settings: (string * string) list
        /// The rule by its name in the catalogue, or that of code: its parameters are chosen.
        Rule: string
        /// Every setting that was tried, with a result or without.
        Tried: Group list
        /// What is complete under all settings with a result: nothing else counts.
        Seeds: int64 list
        Picked: Candidate option
        /// Other settings that do as well on these images.
        AsGood: int
        /// In what it is not whole, a phrase each.
        Remarks: string list
    }

/// Chooses the settings of rules by images that were held out of training, never by the test images.
[<RequireQualifiedAccess>]
module Choices =

    /// Whether a path is chosen: how nodes train, and what the rule's parameters are.
    let isChosen (path: string) =
        path.StartsWith("training.", System.StringComparison.Ordinal) || Summary.isOfRule path

    let private fixed' (group: Group) =
        group.Settings |> List.filter (fst >> isChosen >> not), group.Attack, group.RuleName

    let private measured (group: Group) : Map<int64, float * float> =
        Map
            [ for run in group.Runs do
                  match run.Outcome.Status, run.Outcome.Validation, run.Outcome.Worst with
                  | Status.Complete, Some validation, Some test -> run.Identity.Seed, (validation, test)
                  | _ -> () ]

    let private plural count word = if count = 1 then $"1 {word}" else $"{count} {word}s"

    let private remarks (tried: Group list) (results: (Group * Map<int64, float * float>) list) (seeds: int64 list) =
        let without = tried.Length - results.Length
        let most = results |> List.map (fun (_, result) -> result.Count) |> List.fold max 0

        [ if without > 0 then
              let settings = plural without "setting"
              $"{settings} without a result"
          if seeds.IsEmpty && not results.IsEmpty then
              "no seed is complete under all settings"
          elif seeds.Length < most then
              let common = plural seeds.Length "seed"
              $"only {common} complete under all settings" ]

    // Values of these paths that differ among all that was tried say what was chosen.
    let private settingOf (tried: Group list) =
        let ofGroup (group: Group) =
            [ for path, value in group.Settings do
                  if isChosen path && not (Summary.isOfRule path) then
                      path, value

              "rule", group.Rule ]

        let varies path =
            tried |> List.map (ofGroup >> List.tryFind (fst >> (=) path)) |> List.distinct |> List.length > 1

        fun group -> ofGroup group |> List.filter (fst >> varies)

    let private choice ((settings, _, rule), tried: Group list) : Choice =
        let results =
            tried |> List.map (fun group -> group, measured group) |> List.filter (snd >> Map.isEmpty >> not)

        let seeds =
            match results with
            | [] -> []
            | results -> results |> List.map (snd >> Map.keys >> Set.ofSeq) |> Set.intersectMany |> Set.toList

        let settingOf = settingOf tried

        let candidate (group: Group, result: Map<int64, float * float>) =
            let validation, test = seeds |> List.map (fun seed -> result[seed]) |> List.unzip

            Spread.tryOf test
            |> Option.map (fun test ->
                { Group = group
                  Setting = settingOf group
                  Validation = System.Math.Round(List.average validation, 12)
                  Test = test })

        // Of equals, the first that was tried.
        let candidates = results |> List.choose candidate |> List.sortByDescending _.Validation

        { Settings = settings
          Rule = rule
          Tried = tried
          Seeds = seeds
          Picked = List.tryHead candidates
          AsGood =
            candidates
            |> List.filter (fun other -> other.Validation = candidates.Head.Validation)
            |> fun equal -> max 0 (equal.Length - 1)
          Remarks = remarks tried results seeds }

    /// Every rule at every value of what is not chosen. Nothing where no images were held out, or nothing was tried of
    /// which one could be chosen.
    let ofGroups (groups: Group list) : Choice list =
        let holdsOut (group: Group) =
            group.Runs
            |> List.exists (fun run ->
                run.Outcome.Validation.IsSome
                || Map.tryFind "measure.validation" run.Resolved |> Option.exists ((<>) "none"))

        let choices = groups |> List.filter holdsOut |> List.groupBy fixed' |> List.map choice

        if
            choices |> List.exists (fun choice -> choice.Tried.Length > 1)
            && choices |> List.exists _.Picked.IsSome
        then
            choices
        else
            []
