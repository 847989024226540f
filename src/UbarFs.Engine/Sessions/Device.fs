namespace UbarFs.Engine

open System
open TorchSharp

/// Where tensors live and are computed.
[<RequireQualifiedAccess>]
module Device =

    let private cuda (index: int) =
        if not (torch.cuda.is_available ()) then
            Error "no CUDA device can be used: 'ubarfs doctor' says what was found"
        elif index >= torch.cuda.device_count () then
            Error $"there is no CUDA device {index}: this machine has {torch.cuda.device_count ()}, counted from 0"
        else
            Ok(torch.device ("cuda", index))

    /// Reads `auto`, `cpu`, `cuda` or `cuda:N`. `auto` is the first CUDA device, or the CPU if there is none.
    let parse (text: string) : Result<torch.Device, string> =
        match text.Split ':' with
        | [| "auto" |] when torch.cuda.is_available () -> cuda 0
        | [| "auto" |]
        | [| "cpu" |] -> Ok torch.CPU
        | [| "cuda" |] -> cuda 0
        | [| "cuda"; index |] when index <> "" && Seq.forall Char.IsAsciiDigit index && index.Length < 4 ->
            cuda (int index)
        | _ -> Error $"'{text}' is not a device: expected 'auto', 'cpu', 'cuda' or 'cuda:N'"

    /// The name as the command line takes it.
    let name (device: torch.Device) = device.ToString()
