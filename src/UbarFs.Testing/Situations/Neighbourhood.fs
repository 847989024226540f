namespace UbarFs.Testing

open System
open TorchSharp
open UbarFs.Core

/// One node's view, as plain numbers.
type Neighbourhood =
    {
        Own: float[]
        Received: float[][]
        OwnLoss: float
        /// The loss of each received estimate.
        Losses: float[]
        BenignRatio: float
    }

[<RequireQualifiedAccess>]
module Neighbourhood =

    /// m, the received estimates.
    let count (view: Neighbourhood) = view.Received.Length

    /// d.
    let dimension (view: Neighbourhood) = view.Own.Length

    /// The own estimate and the received ones.
    let estimates (view: Neighbourhood) = Array.append [| view.Own |] view.Received

    /// The neighbourhood with every estimate changed.
    let map change (view: Neighbourhood) =
        { view with Own = change view.Own; Received = Array.map change view.Received }

    /// The neighbourhood with some of its neighbours, in the order of their rows.
    let choose (rows: int[]) (view: Neighbourhood) =
        { view with
            Received = rows |> Array.map (fun row -> view.Received[row])
            Losses = rows |> Array.map (fun row -> view.Losses[row]) }

    let isFinite view = estimates view |> Array.forall (Array.forall Double.IsFinite)

    /// Euclidean distance, infinite where a number is not finite.
    let distance (one: float[]) (other: float[]) =
        let differences = Array.map2 (fun one other -> abs (one - other)) one other
        let plain = sqrt (differences |> Array.sumBy (fun difference -> difference * difference))

        if Double.IsFinite plain then
            plain
        elif Array.forall Double.IsFinite differences then
            // The squares overflow.
            let largest = Array.max differences
            largest * sqrt (differences |> Array.sumBy (fun difference -> (difference / largest) ** 2.0))
        else
            infinity

    /// How many of the neighbours a rule is told to be Byzantine: those whose estimates are not finite, or a quarter.
    let byzantine (view: Neighbourhood) =
        let isHostile (estimate: float[]) = not (Array.forall Double.IsFinite estimate)
        max (count view / 4) (view.Received |> Seq.filter isHostile |> Seq.length)

    /// The loss of any estimate: that of the own one, or one which goes over continuously into those of the received ones
    /// that are known.
    let lossOf (view: Neighbourhood) (estimate: float[]) : float =
        let known =
            Array.zip view.Received view.Losses
            |> Array.filter (fun (known, loss) -> Array.forall Double.IsFinite known && Double.IsFinite loss)
            |> Array.map (fun (known, loss) -> distance known estimate, loss)

        if not (Array.forall Double.IsFinite estimate) then
            nan
        else
            match known |> Array.tryFind (fun (distance, _) -> distance = 0.0) with
            | Some(_, loss) -> loss
            | None when estimate = view.Own -> view.OwnLoss
            | None when Array.isEmpty known -> nan
            | None ->
                // By the nearest, lest their weights overflow.
                let nearest = known |> Array.map fst |> Array.min
                let weights = known |> Array.map (fun (distance, _) -> (nearest / distance) ** 2.0)
                Array.sum (Array.map2 (fun weight (_, loss) -> weight * loss) weights known) / Array.sum weights

    /// The view in some floating-point type. Its gradient is half the own estimate, and λ is an eighth.
    let toViewOf (dtype: torch.ScalarType) (view: Neighbourhood) : View =
        let own = torch.tensor(view.Own).to_type dtype
        let shape = [| int64 (count view); int64 (dimension view) |]
        let received = torch.tensor(Array.concat view.Received, dtype = torch.float64).view(shape).to_type dtype

        let lossesOf (estimates: torch.Tensor) =
            let numbers = estimates.to_type(torch.float64).contiguous().data<float>().ToArray()
            numbers |> Array.chunkBySize (dimension view) |> Array.map (lossOf view)

        { View.evenly own received with
            Byzantine = byzantine view
            OwnLoss = view.OwnLoss
            Losses = Array.map (fun row -> view.Losses[row])
            LossesOf = lossesOf
            Gradient = Native.scaled 0.5 own
            Rate = 0.125
            Progress = 0.25
            BenignRatio = view.BenignRatio }

    /// The view in float64.
    let toView view = toViewOf torch.float64 view
