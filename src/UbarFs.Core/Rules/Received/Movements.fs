/// What a node knows of how each of its senders moves from one message to the next: exponential averages of two metrics.
[<RequireQualifiedAccess>]
module UbarFs.Core.Movements

open System
open TorchSharp
open UbarFs.Kernels

let private sendersKey = "senders"
let private lastKey = "last"
let private recordsKey = "records"

/// How far a metric may miss its bounds for rounding alone: as a share of its mean, and for an angle outright.
let private rounding, private roundedTurn = 1e-9, 1e-12

/// The exponential average of one metric of a sender, and the weighted sum of the squared deviations from it.
type Average = { Mean: float; Spread: float }

/// What a sender's metrics have been: how many there are, the sums of their weights and of the squares of these, and the
/// averages of both metrics.
type Record =
    { Count: float
      Weight: float
      Squares: float
      Distance: Average
      Turn: Average }

let private unheard =
    let nothing = { Mean = 0.0; Spread = 0.0 }

    { Count = 0.0; Weight = 0.0; Squares = 0.0; Distance = nothing; Turn = nothing }

/// The record after one more metric of each kind, the older ones weighing (1 − α) of what they did.
let private noted alpha (distance, turn) (record: Record) : Record =
    let kept = 1.0 - alpha
    let past = kept * record.Weight
    let weight = past + 1.0

    let joined number average =
        let difference = number - average.Mean

        { Mean = average.Mean + difference / weight
          Spread = kept * average.Spread + past / weight * difference * difference }

    { Count = record.Count + 1.0
      Weight = weight
      Squares = kept * kept * record.Squares + 1.0
      Distance = joined distance record.Distance
      Turn = joined turn record.Turn }

/// Whether both metrics are within one standard deviation of their mean before.
let isSteady (distance, turn) (record: Record) =
    let isNear least (number: float) average =
        let variance = average.Spread * record.Weight / (record.Weight * record.Weight - record.Squares)

        abs (number - average.Mean) <= sqrt variance + rounding * average.Mean + least

    record.Count >= 2.0 && isNear 0.0 distance record.Distance && isNear roundedTurn turn record.Turn

/// What a node remembers: of the senders that it ever heard, ascending, the records, and in rows their last messages.
type Past = { Senders: int[]; Records: Record[]; Last: torch.Tensor option }

/// What a node remembered.
let recall (memory: Memory) : Past =
    match Map.tryFind sendersKey memory with
    | None -> { Senders = [||]; Records = [||]; Last = None }
    | Some senders ->
        let record (numbers: float[]) =
            { Count = numbers[0]
              Weight = numbers[1]
              Squares = numbers[2]
              Distance = { Mean = numbers[3]; Spread = numbers[4] }
              Turn = { Mean = numbers[5]; Spread = numbers[6] } }

        { Senders = Transfers.Read<float> senders |> Array.map int
          Records = Transfers.Read<float> memory[recordsKey] |> Array.chunkBySize 7 |> Array.map record
          Last = Some memory[lastKey] }

/// What it is to remember, in the surrounding dispose scope of the current one.
let remember (past: Past) : Memory =
    let numbers record =
        [| record.Count
           record.Weight
           record.Squares
           record.Distance.Mean
           record.Distance.Spread
           record.Turn.Mean
           record.Turn.Spread |]

    match past.Last with
    | None -> Map.empty
    | Some last ->
        let records = torch.tensor(past.Records |> Array.collect numbers).view(-1L, 7L)

        Map.ofList
            [ sendersKey, torch.tensor(past.Senders |> Array.map float).MoveToOuterDisposeScope()
              recordsKey, records.MoveToOuterDisposeScope()
              lastKey, last.MoveToOuterDisposeScope() ]

/// The row of a sender in what is remembered.
let placeOf sender (past: Past) =
    Array.IndexOf(past.Senders, sender) |> fun place -> if place < 0 then None else Some place

/// What is known of a sender.
let recordOf (past: Past) sender =
    placeOf sender past |> Option.map (fun place -> past.Records[place]) |> Option.defaultValue unheard

/// Where a sender's last message is.
type Whereabouts =
    /// At a place of what came in now.
    | Now of place: int
    /// In a row of what was remembered.
    | Before of row: int

/// Of the senders after some places were seen, what is known, and of each where its last message is: at a place that was
/// seen now, or at one of the past. `moved` are the metrics of the places that were seen, where there are any.
let after alpha (past: Past) (senders: int[]) (moved: (int * (float * float) option)[]) =
    let news = moved |> Seq.map (fun (place, moved) -> senders[place], (place, moved)) |> Map.ofSeq
    let all = Array.append past.Senders (news.Keys |> Seq.toArray) |> Array.distinct |> Array.sort

    let updated sender =
        match Map.tryFind sender news with
        | Some(_, Some metrics) -> noted alpha metrics (recordOf past sender)
        | _ -> recordOf past sender

    let whereabouts sender =
        match Map.tryFind sender news with
        | Some(place, _) -> Now place
        | None -> Before(Array.IndexOf(past.Senders, sender))

    all, Array.map updated all, Array.map whereabouts all
