/// Neighbourhoods in which Byzantine neighbours follow an attack of the catalogue.
[<RequireQualifiedAccess>]
module UbarFs.Testing.Attacked

open System
open FsCheck
open FsCheck.FSharp
open UbarFs.Core
open UbarFs.Testing

let private behaviours: Lazy<Behaviour[]> =
    lazy
        (Catalogue.attacks
         |> List.choose (fun attack ->
             match (Component.choose Map.empty attack).Value with
             | Attack.Present behaviour -> Some behaviour
             | Attack.Absent -> None)
         |> Array.ofList)

/// Everybody hears everybody; the benign nodes come first.
let private complete benign byzantine =
    let nodes = benign + byzantine

    Network.ofEdges
        (Array.init nodes (fun node -> node >= benign))
        [ for one in 0 .. nodes - 1 do
              for other in one + 1 .. nodes - 1 -> one, other ]

/// To the nearest of the numbers that sums and differences of a few leave exact: otherwise rounding splits ties.
let private exact (number: float) =
    if Double.IsFinite number then
        Math.Round(Math.Clamp(number, -1048576.0, 1048576.0) * 1024.0) / 1024.0
    else
        number

/// What node 0 received in the first iteration.
let private received behaviour (situation: Situations.Situation) =
    let benign = Situations.benignEstimates situation 0 |> Array.tail

    let hostile =
        Situations.letters behaviour situation
        |> List.head
        |> Seq.filter (fun letter -> letter.Receiver = 0)
        |> Seq.sortBy _.Sender
        |> Seq.choose _.Vector
        |> Seq.map (Array.map exact)

    Array.append benign (Array.ofSeq hostile)

/// A benign cluster, and what one of the attacks makes its colluders send to node 0. The smaller the loss, the closer an
/// estimate is to the benign mean.
let views: Gen<Neighbourhood> =
    gen {
        let! benign = Gen.choose (2, 6)
        let! byzantine = Gen.choose (1, 3)
        let! dimension = Gen.choose (1, 5)
        let! centre = Gen.arrayOfLength dimension (Gen.choose (-3, 3))
        let! noise = Gen.arrayOfLength ((benign + byzantine) * dimension) (Gen.choose (-4, 4))
        let! behaviour = Gen.elements behaviours.Value
        let! seed = Gen.choose64 (0L, 1000L)
        let! benignRatio = Gen.elements [ 0.4; 0.5; 0.75 ]

        let estimates =
            Array.chunkBySize dimension noise
            |> Array.map (Array.map2 (fun centre eighths -> float centre + float eighths / 8.0) centre)

        let situation: Situations.Situation =
            { Network = complete benign byzantine
              Weights = MixingWeights.Equal
              Moments =
                [ { Estimates = estimates
                    Gradients = estimates |> Array.map (Array.map ((*) 0.5)) } ]
              Rate = 0.125
              Seed = seed }

        let received = received behaviour situation
        let mean = Situations.mean (Array.truncate benign estimates)
        let loss estimate = Neighbourhood.distance mean estimate

        return
            { Own = estimates[0]
              Received = received
              OwnLoss = loss estimates[0]
              Losses = Array.map loss received
              BenignRatio = benignRatio }
    }
