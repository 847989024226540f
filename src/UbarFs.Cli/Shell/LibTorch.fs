/// Loading libtorch before a command that computes.
module UbarFs.Cli.LibTorch

open UbarFs.LibTorch

/// Loads the libtorch of a folder (none: that of UBARFS_LIBTORCH, or the program's own).
let load (folder: string option) : Result<LibTorchReport, string> =
    try
        Ok(LibTorchLoader.Load(Option.toObj folder))
    with :? LibTorchException as error ->
        Error error.Message
