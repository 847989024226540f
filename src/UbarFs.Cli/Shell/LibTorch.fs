/// Loading libtorch before a command that computes.
module UbarFs.Cli.LibTorch

open System
open UbarFs.Kernels.Vectors
open UbarFs.LibTorch

let private chooseVectors () : Result<unit, string> =
    match Environment.GetEnvironmentVariable VectorBits.Variable with
    | null
    | "" -> Ok()
    | text ->
        match Int32.TryParse text with
        | true, bits when VectorBits.TryChoose bits -> Ok()
        | _ ->
            let known = VectorBits.Available |> Seq.map string |> String.concat ", "
            Error $"{VectorBits.Variable} is '{text}': the vectors of this processor have {known} bits"

/// Loads the libtorch of a folder (none: that of UBARFS_LIBTORCH, or the program's own).
let load (folder: string option) : Result<LibTorchReport, string> =
    chooseVectors ()
    |> Result.bind (fun () ->
        try
            Ok(LibTorchLoader.Load(Option.toObj folder))
        with :? LibTorchException as error ->
            Error error.Message)
