namespace UbarFs.Core

/// The fading learning rate λ(epoch) = λ₀·f/(f + epoch), with epochs counted from 0 (paper, section VI-A: f = 20).
/// Without fading it stays at λ₀.
type Rate = { Initial: float; Fading: float option }

[<RequireQualifiedAccess>]
module Rate =
    let at epoch rate =
        match rate.Fading with
        | Some fading -> rate.Initial * fading / (fading + float epoch)
        | None -> rate.Initial
