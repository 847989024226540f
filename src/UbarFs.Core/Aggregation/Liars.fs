namespace UbarFs.Core

/// How many Byzantine neighbours a node assumes, n̂.
[<RequireQualifiedAccess>]
type Assumed =
    /// As many as ρ leaves room for: equation 13.
    | Network
    /// So many, true or not.
    | Number of int
    /// As many as there are: what no node can know.
    | Known

/// How a rule comes to n̂: by ρ and ρ_central under equation 13, unless it is told otherwise, and never above its cap.
type Liars =
    private
        { Rho: Result<float, string>
          RhoCentral: float
          Assumed: Assumed
          Cap: int -> int }

[<RequireQualifiedAccess>]
module Liars =

    let private assumed: Settings<Assumed> =
        let read assumed =
            match assumed with
            | Ok number -> Assumed.Number number
            | Error "known" -> Assumed.Known
            | Error _ -> Assumed.Network

        let words =
            Setting.wholeOrWord
                "assumed"
                0
                1_000_000
                [ "network"; "known" ]
                "network"
                "n̂, the Byzantine neighbours that a node assumes: a number, 'network' for what network.benign-ratio leaves \
                 room for (equation 13 with ρ_central = ½), or 'known' for as many as it has. The rule's cap applies"

        { Parameters = words.Parameters; Read = words.Read >> read }

    /// `assumed` alone: equation 13 with the network's ρ and ρ_central = ½. The cap is what a rule is defined for among
    /// so many estimates.
    let assuming (cap: int -> int) : Settings<Liars> =
        settings {
            let! assumed = assumed
            return { Rho = Error "network"; RhoCentral = 0.5; Assumed = assumed; Cap = cap }
        }

    /// `rho` and `assumed`, for a rule with a fixed ρ_central.
    let setting (cap: int -> int) rhoCentral : Settings<Liars> =
        settings {
            let! rho = BenignRatio.setting
            and! assumed = assumed

            return { Rho = rho; RhoCentral = rhoCentral; Assumed = assumed; Cap = cap }
        }

    /// The same with `rho-central`.
    let settingWithCentral (cap: int -> int) initial : Settings<Liars> =
        settings {
            let! rho = BenignRatio.setting
            and! rhoCentral = BenignRatio.centralSetting initial
            and! assumed = assumed

            return { Rho = rho; RhoCentral = rhoCentral; Assumed = assumed; Cap = cap }
        }

    /// How many a node would assume if there were no cap.
    let wanted (liars: Liars) (headcount: Headcount) =
        match liars.Assumed with
        | Assumed.Network -> BenignRatio.byzantine liars.Rho liars.RhoCentral headcount.BenignRatio headcount.Neighbours
        | Assumed.Number count -> count
        | Assumed.Known -> headcount.Byzantine

    /// n̂ of a node.
    let count (liars: Liars) (headcount: Headcount) =
        wanted liars headcount |> min (liars.Cap headcount.Received) |> max 0

    // n̂ among so many neighbours: of a rule that is told how many there are, the most that it is defined for.
    let private tolerance (liars: Liars) networkRatio neighbours =
        count
            liars
            { BenignRatio = networkRatio
              Neighbours = neighbours
              Received = neighbours
              Byzantine = neighbours }

    let private assumption (liars: Liars) (headcount: Headcount) : Assumption =
        { Wanted = wanted liars headcount; Taken = count liars headcount }

    /// The rule with n̂ for its tolerance, and what it would be without the cap.
    let toleratedBy (liars: Liars) (rule: Rule) : Rule =
        { Rule.tolerating (tolerance liars) rule with Assumes = Some(assumption liars) }

    /// The stage of a pipeline likewise.
    let stageToleratedBy (liars: Liars) (stage: PipelineStage) : PipelineStage =
        { PipelineStage.tolerating (tolerance liars) stage with
            Assumes = Some(assumption liars) }

    /// n̂ of one node.
    let ofView (liars: Liars) (view: View) = count liars (Headcount.ofView view)

    /// n̂ of each node.
    let ofNetwork (liars: Liars) (view: NetworkView) : int[] =
        Array.init view.Own.Length (fun node -> count liars (Headcount.ofNode view node))
