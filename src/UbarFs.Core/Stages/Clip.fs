/// Estimates no longer than a radius.
[<RequireQualifiedAccess>]
module UbarFs.Core.Clip

open System

// What is not finite stays as it is: there is nothing to shorten.
let private clipped radius (own: float -> float) (standing: LocalView) (distances: float[]) : Blending.Blend[] =
    let blend place =
        let distance = distances[place]

        if Double.IsFinite distance && distance > radius then
            let share = radius / distance
            { Blending.at place with Own = own share; Parts = [| place, share |] }
        else
            Blending.at place

    Array.init standing.Neighbours blend

let stage: Component<PipelineStage> =
    settings {
        let! radius = Setting.real "radius" Interval.positive 2.0 "r, the length that none exceeds"

        and! around =
            Setting.choice
                "around"
                [ "zero"; "own" ]
                "zero"
                "c, from where lengths are measured: 0, or the own estimate"

        // A radius is a length: scaling all estimates does not scale it. And what is clipped lies equally far: a rule
        // that goes by lengths has ties to decide, by the order or by rounding.
        let always = [ Law.Mirroring; Law.Containment ]

        return
            match around with
            | "own" ->
                Blending.stage (FromOwn(clipped radius (fun share -> 1.0 - share)))
                |> PipelineStage.measuringFromOwn
                |> PipelineStage.claiming (Law.Translation :: Law.CoordinateRange :: Law.Fixpoint :: always)
            | _ ->
                Blending.stage (FromZero(clipped radius (fun _ -> 0.0)))
                |> PipelineStage.claiming (Law.OwnApart :: always)
    }
    |> Define.Named "clip"
    |> Component.describedBy
        "shortens what is longer than a radius"
        "> x_j ← c + min(1, r/‖x_j − c‖)(x_j − c)\n\n\
         c is 0 with `around: zero` and x_i with `around: own`. An estimate that is not finite stays as it is, and the \
         rule drops it. Estimates of a network of neurons are not near 0: with `zero` the radius must exceed their length."
        "Karimireddy, He and Jaggi, ICML 2021"
