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

[<RequireQualifiedAccess>]
module Assumed =

    /// `network`, `known`, or a whole number.
    let setting: Settings<Assumed> =
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

    /// n̂ of a node with so many neighbours, of which some are Byzantine, under the cap of a rule.
    let count assumed (cap: int -> int) (networkRatio: float) (byzantine: int) (neighbours: int) =
        let capped count = max 0 (min count (cap neighbours))

        match assumed with
        | Assumed.Network -> BenignRatio.byzantine (Error "network") 0.5 cap networkRatio neighbours
        | Assumed.Number count -> capped count
        | Assumed.Known -> capped byzantine

    /// n̂ among so many neighbours: of a rule that is told how many there are, the most that it is defined for.
    let tolerance assumed (cap: int -> int) (networkRatio: float) (neighbours: int) =
        count assumed cap networkRatio neighbours neighbours

    /// n̂ of one node.
    let inForce assumed cap (view: View) =
        count assumed cap view.BenignRatio view.Byzantine (int view.Received.shape[0])
