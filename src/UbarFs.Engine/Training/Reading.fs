namespace UbarFs.Engine

open TorchSharp
open UbarFs.Kernels
open UbarFs.Kernels.Estimates

/// A value that follows from numbers on a device, which it may still have to compute.
type Reading<'value> =
    private
        {
            /// Each `[k]` in float64.
            Numbers: torch.Tensor list
            /// What all of them say, one after the other.
            Understood: float[] -> 'value
        }

[<RequireQualifiedAccess>]
module Reading =

    /// A value that does not have to be read.
    let known value = { Numbers = []; Understood = fun _ -> value }

    /// What numbers `[k]` say.
    let ofNumbers (understood: float[] -> 'value) (numbers: torch.Tensor) =
        { Numbers = [ numbers.to_type (torch.float64, copy = true) ]
          Understood = understood }

    /// What follows from two values, which are understood in this order.
    let map2 combine (one: Reading<'one>) (other: Reading<'other>) =
        let first = one.Numbers |> List.sumBy (fun numbers -> int (numbers.numel ()))

        { Numbers = one.Numbers @ other.Numbers
          Understood =
            fun numbers ->
                let one = one.Understood(Array.truncate first numbers)
                combine one (other.Understood(Array.skip first numbers)) }

    /// Hands the numbers to the surrounding scope.
    let keep (reading: Reading<'value>) =
        for numbers in reading.Numbers do
            numbers.MoveToOuterDisposeScope() |> ignore

        reading

    /// What the numbers say, from one read of the device if there is anything to read. Frees them.
    let value (reading: Reading<'value>) : 'value =
        match reading.Numbers with
        | [] -> reading.Understood [||]
        | tensors ->
            use all = torch.cat (Array.ofList tensors)
            let numbers = Transfers.Read<float> all

            for tensor in tensors do
                tensor.Dispose()

            reading.Understood numbers

    /// Several values as one, understood in order.
    let all (readings: Reading<'value> list) : Reading<'value list> =
        List.foldBack (map2 (fun value values -> value :: values)) readings (known [])
