namespace UbarFs.Report

open System
open System.IO
open System.Text
open UbarFs.Engine

/// TensorBoard's event files: records of the TFRecord format, each an `Event` in the wire format of Protocol Buffers
/// (tensorflow/core/util/event.proto). TorchSharp's own `SummaryWriter` is no substitute: it gives each scalar an event of
/// its own with the time at which it is written, or whole seconds, and a report is made without loading libtorch.
[<RequireQualifiedAccess>]
module TensorBoard =

    // CRC-32C (Castagnoli), reflected.
    let private crcTable =
        Array.init 256 (fun index ->
            let mutable value = uint32 index

            for _ in 1..8 do
                value <-
                    if value &&& 1u = 1u then
                        (value >>> 1) ^^^ 0x82F63B78u
                    else
                        value >>> 1

            value)

    let private crc (bytes: byte[]) =
        let folded =
            bytes
            |> Array.fold (fun crc byte -> crcTable[int ((crc ^^^ uint32 byte) &&& 0xFFu)] ^^^ (crc >>> 8)) 0xFFFFFFFFu

        ~~~folded

    /// The checksum of the TFRecord format, masked so that a checksum of checksums is none.
    let maskedCrc (bytes: byte[]) : uint32 =
        let crc = crc bytes
        ((crc >>> 15) ||| (crc <<< 17)) + 0xA282EAD8u

    let rec private varint (value: uint64) : byte list =
        if value < 128UL then
            [ byte value ]
        else
            byte (value &&& 127UL ||| 128UL) :: varint (value >>> 7)

    let private key field wire = varint (uint64 (field <<< 3 ||| wire))
    let private double field (value: float) = key field 1 @ List.ofArray (BitConverter.GetBytes value)
    let private single field (value: float) = key field 5 @ List.ofArray (BitConverter.GetBytes(float32 value))
    let private integer field (value: int) = key field 0 @ varint (uint64 value)
    let private block field (bytes: byte list) = key field 2 @ varint (uint64 bytes.Length) @ bytes
    let private text field (value: string) = block field (List.ofArray (Encoding.UTF8.GetBytes value))

    /// One record: length, its checksum, the event, its checksum.
    let record (event: byte[]) : byte[] =
        let length = BitConverter.GetBytes(uint64 event.Length)

        Array.concat
            [ length
              BitConverter.GetBytes(maskedCrc length)
              event
              BitConverter.GetBytes(maskedCrc event) ]

    /// The event that every file begins with.
    let version (time: float) : byte[] = double 1 time @ text 3 "brain.Event:2" |> Array.ofList

    /// An event with scalars of one step.
    let scalars (time: float) (step: int) (values: (string * float) list) : byte[] =
        let value (tag, number) = block 1 (text 1 tag @ single 2 number)
        double 1 time @ integer 2 step @ block 5 (List.collect value values) |> Array.ofList

    let private ofPoint (stages: string[]) (point: Point) =
        [ "accuracy/worst", Some point.Worst
          "accuracy/mean", Some point.Mean
          "accuracy/best", Some point.Best
          "loss/training", point.Loss
          "loss/test", point.TestLoss
          "consensus error", point.ConsensusError
          "accuracy/worst on validation images", point.Validation
          "accuracy/of the mean estimate", point.Averaged
          "success rate", point.Success
          for stage, (size, share) in Array.zip stages point.Stages do
              $"{stage}/size", size
              $"{stage}/byzantine share", share ]
        |> List.choose (fun (tag, value) -> value |> Option.map (fun value -> tag, value))

    let private seconds (time: DateTimeOffset) = float (time.ToUnixTimeMilliseconds()) / 1000.0

    /// When each evaluation of a run was made, in seconds since 1970: the beginning of its sitting, and what the run's clock
    /// said from there on. Times never go back, whatever the clocks of several machines say.
    let times (run: StudyRun) : float list =
        let clockAt iteration =
            run.Points
            |> List.filter (fun point -> point.Iteration <= iteration)
            |> List.tryLast
            |> Option.map _.Elapsed
            |> Option.defaultValue 0.0

        let sittings =
            run.Outcome.Sittings
            |> List.map (fun (started, iteration, clock) ->
                iteration, seconds started - (clock |> Option.defaultWith (fun () -> clockAt iteration)))

        let beginning (point: Point) =
            sittings
            |> List.filter (fun (iteration, _) -> iteration = 0 || iteration < point.Iteration)
            |> List.tryLast
            |> Option.map snd
            |> Option.defaultValue 0.0

        run.Points
        |> List.map (fun point -> beginning point + point.Elapsed)
        |> List.scan max 0.0
        |> List.tail

    // Old events are removed there.
    let private refuseLink (folder: string) =
        if StoreReading.isLink folder then
            raise (IOException $"'{folder}' is a link, and links are not followed: remove it")

    /// Writes the events of a run into a folder, as TensorBoard looks for them: the same bytes for the same run.
    let write (folder: string) (run: StudyRun) =
        refuseLink folder

        Directory.CreateDirectory folder |> ignore

        for old in Directory.GetFiles(folder, "events.out.tfevents.*") do
            File.Delete old

        let times = times run
        let first = times |> List.tryHead |> Option.defaultValue 0.0

        let events =
            version first
            :: [ for time, point in List.zip times run.Points ->
                     scalars time point.Iteration (ofPoint run.Identity.Stages point) ]

        let name = FormattableString.Invariant $"events.out.tfevents.{int64 first}.ubarfs"
        File.WriteAllBytes(Path.Combine(folder, name), events |> List.map record |> Array.concat)

    // A folder's name is what TensorBoard shows.
    let private folderName (run: StudyRun) =
        let labels = run.Settings |> List.map (fun (path, value) -> $"{path}={value}")

        let plain =
            String.Join(",", labels @ [ $"seed={run.Identity.Seed}" ])
            |> String.map (fun letter ->
                if Char.IsAsciiLetterOrDigit letter || "=.,-_%".Contains letter then
                    letter
                else
                    '_')

        plain.Substring(0, min 120 plain.Length) + "," + run.Identity.Id

    /// Writes the events of all runs that have any, a folder for each.
    let ofStudy (folder: string) (study: Study) =
        refuseLink folder

        for run in study.Runs do
            if not run.Points.IsEmpty then
                write (Path.Combine(folder, folderName run)) run
