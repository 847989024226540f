namespace UbarFs.Core

open TorchSharp
open UbarFs.Kernels

/// Arithmetic with numbers, as functions. TorchSharp's operators (`a + b`, `0.5 * a`) say the same and are as safe: the
/// TorchSharp.dll of UbarFs keeps the number of a call until the call is over. These are safe with any other as well.
[<RequireQualifiedAccess>]
module Native =

    /// Passes a number to a call of libtorch.
    let number (number: float) (call: Scalar -> 'result) : 'result =
        use scalar = number.ToScalar()
        call scalar

    /// The tensor times a number, in its own type.
    let scaled (factor: float) (tensor: torch.Tensor) : torch.Tensor = number factor (fun factor -> tensor.mul factor)

    /// one + other, of shapes that can be broadcast.
    let sum (one: torch.Tensor) (other: torch.Tensor) : torch.Tensor = Numbers.Sum(one, other)

    /// The tensor plus a number, in its own type.
    let shifted (by: float) (tensor: torch.Tensor) : torch.Tensor = Numbers.Sum(tensor, by)

    /// The square of each number.
    let square (tensor: torch.Tensor) : torch.Tensor = Numbers.Square tensor

    /// The number in a tensor of one, which may be on a device.
    let read (tensor: torch.Tensor) : float =
        use number = tensor.to_type torch.float64
        Transfers.Read<float>(number)[0]
