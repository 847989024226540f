/// The C library's allocator and libtorch's threads as UbarFs sets them, and as they are for programs that leave them alone.
module UbarFs.Benchmarks.Surroundings

open System
open System.Runtime.InteropServices
open TorchSharp
open UbarFs.Kernels
open UbarFs.LibTorch

[<DllImport("libc.so.6", EntryPoint = "mallopt")>]
extern int private setOption(int option, int value)

let private trimThreshold, private mmapThreshold = -1, -3

/// As UbarFs does: freed blocks stay in the process, and libtorch computes on the thread that calls it.
let ours () =
    GlibcAllocator.KeepFreedBlocks() |> ignore
    torch.set_num_threads 1

/// The limits to which glibc adapts by itself in a process that frees large blocks, and all threads in each operation.
let others () =
    torch.set_num_threads Workers.Count

    if OperatingSystem.IsLinux() then
        try
            setOption (mmapThreshold, 32 <<< 20) |> ignore
            setOption (trimThreshold, 64 <<< 20) |> ignore
        with :? DllNotFoundException ->
            ()
