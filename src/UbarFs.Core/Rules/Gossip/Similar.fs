/// What BALANCE and its relatives take for similar: a radius that follows from the own estimate and shrinks.
[<RequireQualifiedAccess>]
module UbarFs.Core.Similar

open System

/// γ·e^(−κ·t/T)·‖x_i‖
let radius gamma kappa (progress: float) (length: float) = gamma * exp (-kappa * progress) * length

/// The places that are no farther than the radius.
let near radius (distances: float[]) =
    distances
    |> Array.indexed
    |> Array.filter (fun (_, distance) -> Double.IsFinite distance && distance <= radius)
    |> Array.map fst
