namespace UbarFs.Engine

open System.IO
open System.Text.Json
open UbarFs.Core

/// `network.json` of a run: who takes part, who of them lies, and who is connected to whom.
type NetworkRecord =
    {
        Benign: int[]
        /// The Byzantine nodes that take part: none where they are absent.
        Byzantine: int[]
        /// Each undirected edge once, smaller node first.
        Edges: int[][]
    }

[<RequireQualifiedAccess>]
module NetworkFile =

    let private options = JsonSerializerOptions(PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower)

    let private file folder = Path.Combine(folder, "network.json")

    let private record (experiment: Experiment) =
        let byzantine, benign =
            experiment.Participants |> Array.partition (fun node -> experiment.Network.Byzantine[node])

        { Benign = benign
          Byzantine = byzantine
          Edges = [| for one, other in Network.edges experiment.Network -> [| one; other |] |] }

    /// Writes the network of an experiment into the run's folder.
    let write folder (experiment: Experiment) =
        Directory.CreateDirectory folder |> ignore
        Durable.writeText (file folder) (JsonSerializer.Serialize(record experiment, options) + "\n")

    /// The network of a run; nothing if it was never begun or the file is not whole.
    let tryRead folder : NetworkRecord option =
        try
            JsonSerializer.Deserialize<NetworkRecord>(File.ReadAllText(file folder), options) |> Option.ofObj
        with
        | :? FileNotFoundException
        | :? DirectoryNotFoundException
        | :? JsonException -> None
