namespace UbarFs.Core

/// How the learning rate falls.
[<RequireQualifiedAccess>]
type Decay =
    /// λ₀
    | None
    /// λ₀·f/(f + epoch) (paper, section VI-A: f = 20)
    | Fading of float
    /// λ₀/√(k + 1) in iteration k
    | InverseRoot
    /// λ₀ times a factor for each of these epochs that has begun
    | Steps of epochs: int64 list * factor: float
    /// λ₀·(1 + cos(π·k/K))/2 in iteration k of K
    | Cosine

/// The learning rate.
type Rate = { Initial: float; Decay: Decay }

/// A moment of the training, counted from where the rate begins to fall; epochs and iterations from 0.
type Moment = { Epoch: int; Iteration: int; Iterations: int }

[<RequireQualifiedAccess>]
module Rate =
    let at (moment: Moment) rate =
        match rate.Decay with
        | Decay.None -> rate.Initial
        | Decay.Fading fading -> rate.Initial * fading / (fading + float moment.Epoch)
        | Decay.InverseRoot -> rate.Initial / sqrt (float moment.Iteration + 1.0)
        | Decay.Steps(epochs, factor) ->
            let begun = epochs |> List.filter (fun epoch -> epoch <= int64 moment.Epoch) |> List.length
            rate.Initial * factor ** float begun
        | Decay.Cosine ->
            let share = float moment.Iteration / float (max 1 moment.Iterations)
            0.5 * rate.Initial * (1.0 + cos (System.Math.PI * share))
