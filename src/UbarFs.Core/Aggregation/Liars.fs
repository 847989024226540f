namespace UbarFs.Core

/// How a rule comes to n̂: by ρ and ρ_central under equation 13, unless it is told otherwise, and never above its cap.
type Liars =
    private
        { Rho: Result<float, string>
          RhoCentral: float
          Assumed: Assumed
          Cap: int -> int }

[<RequireQualifiedAccess>]
module Liars =

    /// `rho` and `assumed`, for a rule with a fixed ρ_central.
    let setting (cap: int -> int) rhoCentral : Settings<Liars> =
        settings {
            let! rho = BenignRatio.setting
            and! assumed = Assumed.setting

            return { Rho = rho; RhoCentral = rhoCentral; Assumed = assumed; Cap = cap }
        }

    /// The same with `rho-central`.
    let settingWithCentral (cap: int -> int) initial : Settings<Liars> =
        settings {
            let! rho = BenignRatio.setting
            and! rhoCentral = BenignRatio.centralSetting initial
            and! assumed = Assumed.setting

            return { Rho = rho; RhoCentral = rhoCentral; Assumed = assumed; Cap = cap }
        }

    /// n̂ of a node with so many neighbours, of which some are Byzantine.
    let count (liars: Liars) networkRatio (byzantine: int) (neighbours: int) =
        match liars.Assumed with
        | Assumed.Network -> BenignRatio.byzantine liars.Rho liars.RhoCentral liars.Cap networkRatio neighbours
        | assumed -> Assumed.count assumed liars.Cap networkRatio byzantine neighbours

    /// n̂ among so many neighbours: of a rule that is told how many there are, the most that it is defined for.
    let tolerance (liars: Liars) networkRatio neighbours = count liars networkRatio neighbours neighbours

    /// n̂ of one node.
    let ofView (liars: Liars) (view: View) = count liars view.BenignRatio view.Byzantine (int view.Received.shape[0])

    /// n̂ of each node.
    let ofNetwork (liars: Liars) (view: NetworkView) : int[] =
        Array.map2 (count liars view.BenignRatio) view.Byzantine (NetworkView.counts view)
