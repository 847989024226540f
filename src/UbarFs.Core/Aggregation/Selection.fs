/// Choices among what each node received: masks `[n, m]`, where place j of line i stands for the j-th estimate that the i-th
/// node received and m is the most that one of them did, at least 1. They stay where the estimates are: nothing is read.
[<RequireQualifiedAccess>]
module UbarFs.Core.Selection

open TorchSharp
open UbarFs.Kernels

let private places (like: torch.Tensor) : torch.Tensor =
    Transfers.Send([| 0 .. int like.shape[1] - 1 |], like.device).expand_as like

/// Of some choices those with the smallest numbers `[n, m]`, in line i `counts[i]` of them; ties to the lowest place,
/// and NaN last.
let smallest (counts: int[]) (numbers: torch.Tensor) (among: torch.Tensor) : torch.Tensor =
    use scope = torch.NewDisposeScope()
    // By number, and then what may be chosen before the rest: both sorts keep the order of what is equal.
    let struct (_, byNumber) = numbers.sort (1L, stable = true)
    let isOut = among.gather(1L, byNumber).bitwise_not().to_type torch.int8
    let struct (_, chosenFirst) = isOut.sort (1L, stable = true)
    let order = byNumber.gather (1L, chosenFirst)
    let ranks = torch.zeros_like(order).scatter(1L, order, places order)
    let isAmongFirst = ranks.less (Transfers.Send(counts, numbers.device).unsqueeze 1L)
    (isAmongFirst &&& among).MoveToOuterDisposeScope()

/// The same for the largest numbers. One that is not finite is never among them.
let largest (counts: int[]) (numbers: torch.Tensor) (among: torch.Tensor) : torch.Tensor =
    use scope = torch.NewDisposeScope()
    (smallest counts (numbers.neg ()) (among &&& Numbers.IsFinite numbers)).MoveToOuterDisposeScope()

/// The first choice, or the second in the lines where the first is empty.
let orElse (second: torch.Tensor) (first: torch.Tensor) : torch.Tensor =
    use scope = torch.NewDisposeScope()
    (first ||| (second &&& first.any(1L, true).bitwise_not())).MoveToOuterDisposeScope()

/// The places that a choice on the host contains, line by line. Reads it from a device.
let read (selection: torch.Tensor) : int[][] =
    Transfers.Read<bool>(selection.contiguous ())
    |> Array.chunkBySize (int selection.shape[1])
    |> Array.map (fun line -> line |> Array.indexed |> Array.filter snd |> Array.map fst)

/// The choice of some places, line by line, with m places to a line.
let ofPlaces (m: int) (device: torch.Device) (places: int[][]) : torch.Tensor =
    let mask = Array2D.create places.Length m false
    places |> Array.iteri (fun line -> Array.iter (fun place -> mask[line, place] <- true))
    use host = torch.tensor mask
    Transfers.Send(host, device)
