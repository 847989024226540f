/// `ubarfs doctor`: what was found on this machine, and what to do about anything missing.
module UbarFs.Cli.DoctorCommand

open System
open System.Runtime.InteropServices
open Argu
open TorchSharp
open UbarFs.Engine.Data
open UbarFs.Kernels
open UbarFs.Kernels.Vectors
open UbarFs.LibTorch
open UbarFs.Cli.Arguments

let private line (name: string) (text: string) =
    let label = if name = "" then "" else name + ":"
    Say.linef "%s %s" (label.PadRight 13) text

let private printLibtorch (report: LibTorchReport) =
    let version = Option.ofObj report.Version |> Option.defaultValue "of unknown version"
    let folder = Option.ofObj report.Folder |> Option.defaultValue "(found by TorchSharp)"
    line "libtorch" $"{version}, {folder}"

    match Option.ofObj report.NativeLibrary with
    | Some library ->
        line "TorchSharp" $"""{library}{if report.IsPatched then ", a private copy" else ""}: {report.Reason}"""
    | None -> line "TorchSharp" report.Reason

    match Option.ofObj report.Warning with
    | Some warning -> line "warning" warning
    | None -> ()

let private printDevices (report: LibTorchReport) =
    line "CPU" $"{Environment.ProcessorCount} cores, {Workers.Count} threads, vectors of {VectorBits.Current} bits"

    if torch.cuda.is_available () then
        line "CUDA" $"{torch.cuda.device_count ()} devices: --device cuda uses the first"
    elif report.HasCuda then
        line "CUDA" "libtorch has CUDA, but no device answers: check the driver with nvidia-smi"
    else
        line
            "CUDA"
            "this libtorch is for the CPU: for a GPU, set UBARFS_LIBTORCH to the torch/lib folder of a PyTorch with CUDA, \
             or install with 'dotnet fsi build.fsx install --cuda'"

let private printData (places: Place list) =
    for place in places do
        line "data" $"""{place.Root} ({place.Origin}{if IO.Directory.Exists place.Root then "" else ", not there"})"""

    for entry in Inventory.list places do
        match entry.Availability with
        | Availability.Embedded -> line "" $"{entry.Name}: in the program"
        | Availability.Found folder -> line "" $"{entry.Name}: {folder}"
        | Availability.Missing -> line "" $"{entry.Name}: missing; 'ubarfs data get {entry.Name}' gets it"
        | Availability.Damaged(path, reason) -> line "" $"{entry.Name}: {path} is damaged: {reason}"

let private examine (libtorch: string option) (places: Place list) : int =
    line "ubarfs" Provenance.ubarfs
    line ".NET" $"{RuntimeInformation.FrameworkDescription} on {RuntimeInformation.OSDescription}"
    let memory = float (GC.GetGCMemoryInfo().TotalAvailableMemoryBytes) / 1024.0 ** 3.0
    line "memory" $"%.1f{memory} GiB"

    let code =
        match LibTorch.load libtorch with
        | Ok report ->
            printLibtorch report
            printDevices report
            Exit.done'
        | Error reason ->
            line "libtorch" "cannot be used"
            Exit.refuse reason

    printData places
    code

let run (arguments: ParseResults<DoctorArguments>) : int =
    match Places.named (arguments.TryGetResult DoctorArguments.Data) with
    | Ok places -> examine (arguments.TryGetResult DoctorArguments.Libtorch) places
    | Error reason -> Exit.refuse reason
