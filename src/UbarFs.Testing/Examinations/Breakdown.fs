namespace UbarFs.Testing

open UbarFs.Core
open UbarFs.Kernels

/// The worst ratio that a search finds for a rule that is told how many liars there are, right or wrong.
type Breakdown = { Assumed: int; Setting: Resilience.Setting; Worst: Resilience.Worst }

[<RequireQualifiedAccess>]
module Breakdown =

    /// With one liar fewer than there are, with as many, and with one more, in neighbourhoods of one size.
    let measure (effort: Effort) byzantine (assuming: int -> Rule) : Breakdown list =
        let dimension = effort.Dimension |> Option.defaultValue 2
        let large = Resilience.setting (assuming (byzantine + 1)) 0.4 (byzantine + 1) dimension
        let setting = { large with Byzantine = byzantine }

        [ byzantine - 1; byzantine; byzantine + 1 ]
        |> List.map (fun assumed ->
            let random = KeyedRandom(effort.Seed, "breakdown", assumed, 0L)

            { Assumed = assumed
              Setting = setting
              Worst = Resilience.search random (4 * effort.Tests) (assuming assumed) setting })
