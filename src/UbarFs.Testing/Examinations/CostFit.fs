/// How the time of a rule grows with the neighbours m and the parameters d, measured.
[<RequireQualifiedAccess>]
module UbarFs.Testing.CostFit

open System
open TorchSharp
open UbarFs.Core

/// Time grows about like m^`Neighbours` · d^`Parameters`.
type Growth = { Neighbours: float; Parameters: float }

let private view neighbours parameters : View =
    let own = torch.linspace (-1.0, 1.0, int64 parameters, dtype = torch.float32)
    let shape = [| int64 neighbours; int64 parameters |]
    let spread = torch.linspace (0.5, 1.5, int64 neighbours, dtype = torch.float32)

    let loss row = 0.5 + float row / float neighbours

    { View.evenly own ((own * spread.unsqueeze 1L).expand(shape).contiguous()) with
        Losses = Array.map loss
        LossesOf = fun estimates -> Array.init (int estimates.shape[0]) loss
        Rate = 0.1 }

/// The shortest of three times, in seconds of the processor: what else the machine does hardly counts.
let private seconds rule neighbours parameters =
    use _ = torch.NewDisposeScope()
    let view = view neighbours parameters

    let time () =
        use _ = torch.NewDisposeScope()
        let before = Environment.CpuUsage.TotalTime
        Rule.aggregate rule view |> ignore
        (Environment.CpuUsage.TotalTime - before).TotalSeconds

    Seq.init 3 (fun _ -> time ()) |> Seq.min

/// The slope of a line through (ln x, ln y), by least squares.
let slope (points: (float * float) list) =
    let logs = points |> List.map (fun (x, y) -> log x, log y)
    let meanX, meanY = List.averageBy fst logs, List.averageBy snd logs
    let covariance = logs |> List.sumBy (fun (x, y) -> (x - meanX) * (y - meanY))
    covariance / (logs |> List.sumBy (fun (x, _) -> (x - meanX) ** 2.0))

let private growth rule (sizes: int list) shape =
    sizes |> List.map (fun size -> float size, seconds rule <|| shape size) |> slope

let private once (rule: Rule) : Growth =
    // Code that runs for the first time is compiled first.
    seconds rule 4 64 |> ignore

    { Neighbours = growth rule [ 8; 16; 32; 64 ] (fun neighbours -> neighbours, 8192)
      Parameters = growth rule [ 8192; 16384; 32768; 65536 ] (fun parameters -> 8, parameters) }

let claimed cost =
    match cost with
    | Cost.Linear
    | Cost.LinearWithLosses -> { Neighbours = 1.0; Parameters = 1.0 }
    | Cost.Quadratic -> { Neighbours = 2.0; Parameters = 1.0 }

/// Whether a growth is far beyond what is claimed. Up to 64 neighbours, sorting them by a network, m log²m, looks like
/// m^1.6 and with the caches like m², which therefore passes for linear.
let exceeds cost (growth: Growth) =
    let claimed = claimed cost
    growth.Neighbours > claimed.Neighbours + 1.25 || growth.Parameters > claimed.Parameters + 0.75

/// The growth, measured a second time if it exceeds what is claimed: the machine may have been busy.
let measure (rule: Rule) : Growth =
    match once rule with
    | growth when not (exceeds rule.Cost growth) -> growth
    | growth ->
        let again = once rule

        { Neighbours = min growth.Neighbours again.Neighbours
          Parameters = min growth.Parameters again.Parameters }
