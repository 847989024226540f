module UbarFs.Tests.Main

open Expecto
open UbarFs.Kernels.LibTorch

[<EntryPoint>]
let main arguments =
    LibTorchLoader.Load() |> ignore
    runTestsInAssemblyWithCLIArgs [] arguments
