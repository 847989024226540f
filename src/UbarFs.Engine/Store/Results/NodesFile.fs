namespace UbarFs.Engine

open System
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
        /// Mean loss on the test images; none in files of older versions.
        TestLoss: float option
        /// Training loss in the last iteration; none before the first.
        Loss: float option
        /// Of a backdoor, where there is one.
        SuccessRate: float option
        /// Accuracy on the images that are held out, if there are any.
        Validation: float option
    }

/// What each benign node achieves. A Parquet file ends with the index without which nobody can read it, so a process
/// that dies while it grows one leaves nothing: during a run the measurements go to `nodes.csv`, line by line, and
/// become `nodes.parquet` when it is complete.
[<RequireQualifiedAccess>]
module NodesFile =

    /// The name of the file that grows during a run.
    let name = "nodes.csv"

    /// The name of the file of a complete run.
    let complete = "nodes.parquet"

    let private csv folder = Path.Combine(folder, name)
    let private parquet folder = Path.Combine(folder, complete)
    let private header = [ "epoch"; "iteration"; "node"; "accuracy"; "test_loss"; "loss" ]

    // What only some runs measure: the columns behind all others, and what is in them.
    let private further (run: Run) : (string * (Tested -> float option)) list =
        [ if (Run.poison run).IsSome then
              "success_rate", _.Success
          if run.Validation.IsSome then
              "validation_accuracy", _.Validation ]

    let private write (writer: TextWriter) further (nodes: int[]) (evaluation: Evaluation) =
        for node, tested, index in Array.zip3 nodes evaluation.Tested [| 0 .. nodes.Length - 1 |] do
            [ Csv.number evaluation.Epochs
              string evaluation.Iterations
              string node
              Csv.number tested.Accuracy
              Csv.number tested.Loss
              evaluation.Losses |> Array.tryItem index |> Csv.optional Csv.number
              for _, measured in further do
                  Csv.optional Csv.number (measured tested) ]
            |> Csv.line
            |> writer.WriteLine

        writer.Flush()

    /// Opens `nodes.csv` of a run and its network, to go on with it or anew; gives what writes to it.
    let openFor folder (run: Run) (network: Network) (goOn: bool) : StreamWriter * (Evaluation -> unit) =
        Directory.CreateDirectory folder |> ignore
        File.Delete(parquet folder)

        // A link that somebody put there is not followed.
        if not goOn then
            File.Delete(csv folder)

        let further = further run
        let writer = new StreamWriter(csv folder, goOn, NewLine = "\n")

        if not goOn then
            writer.WriteLine(Csv.line (header @ List.map fst further))

        writer, write writer further (Network.benign network)

    let private isMeasured (measured: NodeMeasurement) =
        Double.IsFinite measured.Epoch
        && measured.Iteration >= 0
        && measured.Node >= 0
        && measured.Accuracy >= 0.0
        && measured.Accuracy <= StoreReading.mostShare

    let private measurement (row: CsvRow) =
        { Epoch = row.Number "epoch"
          Iteration = row.Whole "iteration"
          Node = row.Whole "node"
          Accuracy = row.Number "accuracy"
          TestLoss = row.TryNumber "test_loss"
          Loss = row.TryNumber "loss"
          SuccessRate = row.TryNumber "success_rate"
          Validation = row.TryNumber "validation_accuracy" }

    // A pipe or an endless file keeps nobody busy.
    let private longest = 1 <<< 30

    let private readCsv (folder: string) : Result<NodeMeasurement[] option, string> =
        StoreReading.table longest measurement (csv folder) |> Result.map (Option.map Array.ofList)

    let private epochs = DataField("epoch", typeof<float>)
    let private iterations = DataField("iteration", typeof<int>)
    let private nodes = DataField("node", typeof<int>)
    let private accuracies = DataField("accuracy", typeof<float>)
    let private testLosses = DataField("test_loss", typeof<Nullable<float>>)
    let private losses = DataField("loss", typeof<Nullable<float>>)

    let private successRates = DataField("success_rate", typeof<Nullable<float>>)
    let private validations = DataField("validation_accuracy", typeof<Nullable<float>>)

    // The fields that only some runs have, with what is in them.
    let private optional: (DataField * (NodeMeasurement -> float option)) list =
        [ successRates, _.SuccessRate; validations, _.Validation ]

    // A field can be written and read once a schema has it.
    let private schema =
        ParquetSchema(epochs, iterations, nodes, accuracies, testLosses, losses, successRates, validations)

    let private writeParquet (stream: Stream) (rows: NodeMeasurement[]) =
        let further =
            optional |> List.filter (fun (_, measured) -> rows |> Array.exists (measured >> Option.isSome))

        let unmeasured = List.map fst optional |> List.except (List.map fst further)

        let schema =
            schema.DataFields
            |> Seq.filter (fun field -> not (List.contains field unmeasured))
            |> Seq.cast<Field>
            |> Array.ofSeq
            |> ParquetSchema

        task {
            use! writer = ParquetWriter.CreateAsync(schema, stream)

            use group = writer.CreateRowGroup()
            do! group.WriteAsync<float>(epochs, ReadOnlyMemory(rows |> Array.map _.Epoch))
            do! group.WriteAsync<int>(iterations, ReadOnlyMemory(rows |> Array.map _.Iteration))
            do! group.WriteAsync<int>(nodes, ReadOnlyMemory(rows |> Array.map _.Node))
            do! group.WriteAsync<float>(accuracies, ReadOnlyMemory(rows |> Array.map _.Accuracy))
            do! group.WriteAsync<float>(testLosses, ReadOnlyMemory(rows |> Array.map (_.TestLoss >> Option.toNullable)))
            do! group.WriteAsync<float>(losses, ReadOnlyMemory(rows |> Array.map (_.Loss >> Option.toNullable)))

            for field, measured in further do
                do! group.WriteAsync<float>(field, ReadOnlyMemory(rows |> Array.map (measured >> Option.toNullable)))
        }

    /// Turns the `nodes.csv` of a complete run into `nodes.parquet`. Fails with an InvalidDataException if somebody has
    /// taken it away.
    let finish folder =
        let rows =
            match readCsv folder with
            | Ok(Some rows) -> rows
            | Ok None -> StoreReading.fail $"{name} was removed while the run was under way"
            | Error reason -> StoreReading.fail $"{name} was changed while the run was under way: {reason}"

        use content = new MemoryStream()
        (writeParquet content rows).GetAwaiter().GetResult()
        Durable.writeBytes (parquet folder) (content.ToArray())
        File.Delete(csv folder)

    // What a damaged file says of its rows is no reason to fill the memory: no file has as many as this for a byte.
    let private mostRows = 64L

    let private readParquet (content: Stream) =
        task {
            use! reader = ParquetReader.CreateAsync content
            use group = reader.OpenRowGroupReader 0
            let count = int (min (mostRows * content.Length) group.RowCount)
            let epoch, accuracy = Array.zeroCreate<float> count, Array.zeroCreate<float> count
            let iteration, node = Array.zeroCreate<int> count, Array.zeroCreate<int> count
            let testLoss, loss = Array.zeroCreate<Nullable<float>> count, Array.zeroCreate<Nullable<float>> count
            do! group.ReadAsync<float>(epochs, System.Memory epoch)
            do! group.ReadAsync<int>(iterations, System.Memory iteration)
            do! group.ReadAsync<int>(nodes, System.Memory node)
            do! group.ReadAsync<float>(accuracies, System.Memory accuracy)
            do! group.ReadAsync<float>(losses, System.Memory loss)

            let success, validation =
                Array.zeroCreate<Nullable<float>> count, Array.zeroCreate<Nullable<float>> count

            for field, values in [ testLosses, testLoss; successRates, success; validations, validation ] do
                if reader.Schema.DataFields |> Array.exists (fun known -> known.Name = field.Name) then
                    do! group.ReadAsync<float>(field, System.Memory values)

            return
                Array.init count (fun row ->
                    { Epoch = epoch[row]
                      Iteration = iteration[row]
                      Node = node[row]
                      Accuracy = accuracy[row]
                      TestLoss = Option.ofNullable testLoss[row]
                      Loss = Option.ofNullable loss[row]
                      SuccessRate = Option.ofNullable success[row]
                      Validation = Option.ofNullable validation[row] })
        }

    // The library says with any exception that a file is none of its kind.
    let private parsed (content: byte[]) =
        try
            use stream = new MemoryStream(content)
            Ok((readParquet stream).GetAwaiter().GetResult())
        with error ->
            Error $"it is no Parquet file as it should be: {Visible.line error.Message}"

    let private whole (rows: NodeMeasurement[] option) =
        match rows with
        | Some rows when not (Array.forall isMeasured rows) -> Error "it has nodes whose measurements are none"
        | rows -> Ok(Option.defaultValue [||] rows)

    /// What is known of a run's nodes, in the order of the evaluations; none if it was never begun.
    let read (folder: string) : Result<NodeMeasurement[], string> =
        match StoreReading.bytes longest (parquet folder) with
        | Error reason -> Error reason
        | Ok(Some content) -> parsed content |> Result.bind (Some >> whole)
        | Ok None -> readCsv folder |> Result.bind whole
