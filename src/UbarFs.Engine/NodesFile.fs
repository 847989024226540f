namespace UbarFs.Engine

open System
open System.Globalization
open System.IO
open Parquet
open Parquet.Schema
open UbarFs.Core

/// One benign node at one evaluation.
type NodeMeasurement =
    {
        Epoch: float
        Iteration: int
        Node: int
        /// Test accuracy, as a fraction.
        Accuracy: float
        /// Training loss in the last iteration; none before the first.
        Loss: float option
    }

/// What each benign node achieves. A Parquet file ends with the index without which nobody can read it, so a process
/// that dies while it grows one leaves nothing: during a run the measurements go to `nodes.csv`, line by line, and
/// become `nodes.parquet` when it is complete.
[<RequireQualifiedAccess>]
module NodesFile =

    /// The name of the file that grows during a run.
    let name = "nodes.csv"

    let private csv folder = Path.Combine(folder, name)
    let private parquet folder = Path.Combine(folder, "nodes.parquet")
    let private header = "epoch,iteration,node,accuracy,loss"

    let private write (writer: TextWriter) (nodes: int[]) (evaluation: Evaluation) =
        nodes
        |> Array.iteri (fun index node ->
            let loss = evaluation.Losses |> Array.tryItem index |> Option.map Csv.number |> Option.defaultValue ""

            writer.WriteLine(
                $"{Csv.number evaluation.Epochs},{evaluation.Iterations},{node},"
                + $"{Csv.number evaluation.Accuracies[index]},{loss}"
            ))

        writer.Flush()

    /// Opens `nodes.csv` of a run with this network, to go on with it or anew; gives what writes to it.
    let openFor folder (network: Network) (goOn: bool) : StreamWriter * (Evaluation -> unit) =
        Directory.CreateDirectory folder |> ignore
        File.Delete(parquet folder)
        let writer = new StreamWriter(csv folder, goOn, NewLine = "\n")

        if not goOn then
            writer.WriteLine header

        writer, write writer (Network.benign network)

    let private number (text: string) = Double.Parse(text, CultureInfo.InvariantCulture)

    let private measurement (line: string) =
        match line.Split ',' with
        | [| epoch; iteration; node; accuracy; loss |] ->
            { Epoch = number epoch
              Iteration = int iteration
              Node = int node
              Accuracy = number accuracy
              Loss = if loss = "" then None else Some(number loss) }
        | _ -> raise (InvalidDataException $"'{line}' is no line of nodes.csv")

    // A line without its end is of an evaluation that was being written.
    let private readCsv (file: string) =
        use stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite)
        use reader = new StreamReader(stream)
        let text = reader.ReadToEnd()
        let whole = text.Substring(0, text.LastIndexOf '\n' + 1)
        let lines = whole.Split('\n', StringSplitOptions.RemoveEmptyEntries)
        // Not even the head may have been written yet.
        lines |> Array.skip (min 1 lines.Length) |> Array.map measurement

    let private epochs = DataField("epoch", typeof<float>)
    let private iterations = DataField("iteration", typeof<int>)
    let private nodes = DataField("node", typeof<int>)
    let private accuracies = DataField("accuracy", typeof<float>)
    let private losses = DataField("loss", typeof<Nullable<float>>)

    // A field can be written and read once a schema has it.
    let private schema = ParquetSchema(epochs, iterations, nodes, accuracies, losses)

    let private writeParquet (stream: Stream) (rows: NodeMeasurement[]) =
        task {
            use! writer = ParquetWriter.CreateAsync(schema, stream)

            use group = writer.CreateRowGroup()
            do! group.WriteAsync<float>(epochs, ReadOnlyMemory(rows |> Array.map _.Epoch))
            do! group.WriteAsync<int>(iterations, ReadOnlyMemory(rows |> Array.map _.Iteration))
            do! group.WriteAsync<int>(nodes, ReadOnlyMemory(rows |> Array.map _.Node))
            do! group.WriteAsync<float>(accuracies, ReadOnlyMemory(rows |> Array.map _.Accuracy))
            do! group.WriteAsync<float>(losses, ReadOnlyMemory(rows |> Array.map (_.Loss >> Option.toNullable)))
        }

    /// Turns the `nodes.csv` of a complete run into `nodes.parquet`.
    let finish folder =
        use content = new MemoryStream()
        (writeParquet content (readCsv (csv folder))).GetAwaiter().GetResult()
        Durable.writeBytes (parquet folder) (content.ToArray())
        File.Delete(csv folder)

    let private readParquet (file: string) =
        task {
            use! reader = ParquetReader.CreateAsync file
            use group = reader.OpenRowGroupReader 0
            let count = int group.RowCount
            let epoch, accuracy = Array.zeroCreate<float> count, Array.zeroCreate<float> count
            let iteration, node = Array.zeroCreate<int> count, Array.zeroCreate<int> count
            let loss = Array.zeroCreate<Nullable<float>> count
            do! group.ReadAsync<float>(epochs, System.Memory epoch)
            do! group.ReadAsync<int>(iterations, System.Memory iteration)
            do! group.ReadAsync<int>(nodes, System.Memory node)
            do! group.ReadAsync<float>(accuracies, System.Memory accuracy)
            do! group.ReadAsync<float>(losses, System.Memory loss)

            return
                Array.init count (fun row ->
                    { Epoch = epoch[row]
                      Iteration = iteration[row]
                      Node = node[row]
                      Accuracy = accuracy[row]
                      Loss = Option.ofNullable loss[row] })
        }

    /// What is known of a run's nodes, in the order of the evaluations; nothing if it was never begun.
    let read folder : NodeMeasurement[] =
        if File.Exists(parquet folder) then
            (readParquet (parquet folder)).GetAwaiter().GetResult()
        elif File.Exists(csv folder) then
            readCsv (csv folder)
        else
            [||]
