namespace UbarFs.Engine

open System.IO
open System.Text.Json
open System.Text.Json.Serialization
open UbarFs.Core

/// `network.json` of a run: who takes part, who of them lies, and who is connected to whom.
type NetworkRecord =
    {
        Benign: int[]
        /// The Byzantine nodes that take part: none where they are absent.
        Byzantine: int[]
        /// The server that aggregates for all others, if there is one.
        Server: int option
        /// Each undirected edge once, smaller node first.
        Edges: int[][]
    }

[<RequireQualifiedAccess>]
module NetworkFile =

    let private options =
        JsonSerializerOptions(
            PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
            DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
        )

    let name = "network.json"

    let private file folder = Path.Combine(folder, name)

    let private record (experiment: Experiment) =
        let byzantine, benign =
            experiment.Participants |> Array.partition (fun node -> experiment.Network.Byzantine[node])

        { Benign = benign
          Byzantine = byzantine
          Server = experiment.Network.Server
          Edges = [| for one, other in Network.edges experiment.Network -> [| one; other |] |] }

    /// Writes the network of an experiment into the run's folder.
    let write folder (experiment: Experiment) =
        Directory.CreateDirectory folder |> ignore
        Durable.writeText (file folder) (JsonSerializer.Serialize(record experiment, options) + "\n")

    let private longest = 1 <<< 28

    let private decode (value: StoredValue) : NetworkRecord =
        let nodes name = StoredValue.required name (StoredValue.array StoredValue.count) value
        let benign, byzantine = nodes "benign", nodes "byzantine"
        let server = StoredValue.optional "server" StoredValue.count value

        let known =
            System.Collections.Generic.HashSet(Array.concat [ benign; byzantine; Option.toArray server ])

        if known.Count < benign.Length + byzantine.Length + (Option.toArray server).Length then
            StoreReading.fail "it has a node twice"

        let edge (value: StoredValue) =
            match StoredValue.array StoredValue.count value with
            | [| one; other |] as edge when one <> other && known.Contains one && known.Contains other -> edge
            | _ -> StoreReading.fail $"{value.Place} is no edge between two of its nodes"

        { Benign = benign
          Byzantine = byzantine
          Server = server
          Edges = StoredValue.required "edges" (StoredValue.array edge) value }

    /// The network of a run; `Ok None` if it was never begun.
    let read (folder: string) : Result<NetworkRecord option, string> = StoreReading.json longest decode (file folder)
