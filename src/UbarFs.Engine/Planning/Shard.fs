namespace UbarFs.Engine

open UbarFs.Core

/// One of several parts into which a scenario's runs are divided.
type Shard =
    private
        {
            /// From 0.
            Index: int
            Count: int
        }

[<RequireQualifiedAccess>]
module Shard =

    /// The one part that is everything.
    let whole = { Index = 0; Count = 1 }

    /// Reads `I/N`: part I of N, counted from 1.
    let parse (text: string) : Result<Shard, string> =
        let number (part: string) =
            match System.Int32.TryParse part with
            | true, value when value > 0 -> Some value
            | _ -> None

        match text.Split '/' |> Array.map number with
        | [| Some index; Some count |] when index <= count -> Ok { Index = index - 1; Count = count }
        | _ -> Error $"'{text}' is not a shard: expected I/N with I from 1 to N, such as 2/4"

    /// The ids of the shard's runs. The parts differ by one run at most, and are the same on every machine: the runs go
    /// around in the order of their ids, which mixes quick and slow ones.
    let ids (shard: Shard) (runs: Run list) : Set<string> =
        runs
        |> List.map RunStore.id
        |> List.distinct
        |> List.sort
        |> List.indexed
        |> List.filter (fun (index, _) -> index % shard.Count = shard.Index)
        |> List.map snd
        |> Set.ofList
