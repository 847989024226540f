/// Whether there is memory for one more run beside others: on the machine, and on the GPU if they run on one.
[<RequireQualifiedAccess>]
module UbarFs.Engine.Admission

open System
open System.IO
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open TorchSharp
open UbarFs.Core

module private Native =
    [<DllImport("libcuda.so.1", EntryPoint = "cuMemGetInfo_v2")>]
    extern int MemoryInfo(unativeint& free, unativeint& total)

/// The share of what is free that runs may take.
let usable = 0.9

let private kibibytes (line: string) =
    line.Split(' ', StringSplitOptions.RemoveEmptyEntries) |> Array.tryItem 1 |> Option.map float

/// Bytes of main memory that nobody uses; a container's limit counts.
let freeMemory () =
    let limit = float (GC.GetGCMemoryInfo().TotalAvailableMemoryBytes) - float Environment.WorkingSet

    let free =
        try
            File.ReadLines "/proc/meminfo"
            |> Seq.tryFind (fun line -> line.StartsWith "MemAvailable:")
            |> Option.bind kibibytes
            |> Option.map ((*) 1024.0)
        with
        | :? IOException
        | :? UnauthorizedAccessException -> None

    free |> Option.map (min limit) |> Option.defaultValue limit

/// Bytes that are free on the GPU that this process uses; none where the driver does not tell.
let private freeOnGpu () =
    try
        let mutable free, total = 0un, 0un

        if Native.MemoryInfo(&free, &total) = 0 then
            Some(float free)
        else
            None
    with
    | :? DllNotFoundException
    | :? EntryPointNotFoundException -> None

/// Bytes that are free on a device.
let free (device: torch.Device) : float =
    if device.``type`` = DeviceType.CUDA then
        freeOnGpu () |> Option.defaultWith freeMemory
    else
        freeMemory ()

let private known = ConditionalWeakTable<Run, obj>()

/// What a run needs; nothing if its model does not fit its images, of which it dies before it needs any. Everybody who looks
/// for something that fits asks for all that wait, so it is worked out once.
let needed (run: Run) : float =
    let work (run: Run) =
        Architecture.create run.Dataset.Value.Shape run.Dataset.Value.Classes run.Model.Value
        |> Result.map (Memory.needed run)
        |> Result.defaultValue 0.0
        |> box

    known.GetValue(run, work) |> unbox<float>

/// Which runs fit beside others: all of them into what was free before they began, since they may not have taken all
/// that they need yet, and it into what is free now.
let fits device (before: float) (running: Run list) : Run -> bool =
    let taken, now = List.sumBy needed running, free device

    fun run ->
        let needs = needed run
        taken + needs <= usable * before && needs <= usable * now
