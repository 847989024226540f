namespace UbarFs.Engine

open System
open System.Buffers.Binary
open System.Text
open UbarFs.Pictures

/// An array of NumPy. The numbers are in C order, the last index fastest.
type NpyArray =
    {
        Shape: int list
        Values: float[]
        /// Whether the file holds float32; otherwise float64.
        IsSingle: bool
    }

/// NumPy's .npy files, versions 1 to 3, with floating-point numbers in little-endian order.
[<RequireQualifiedAccess>]
module Npy =

    /// The largest file that is read, in bytes.
    let largest = 256L * 1024L * 1024L

    /// How many bytes a number has.
    let private width (descr: string) =
        match descr with
        | "<f4" -> Ok 4
        | "<f8" -> Ok 8
        | ">f4"
        | ">f8" -> Error $"its numbers are big-endian ('{descr}'); save array.astype('<f8')"
        | other ->
            Error
                $"its numbers are of type '{NpyHeader.shortened other}': expected float32 or float64; save \
                  array.astype('<f8')"

    let private numbers (bytes: byte[]) (start: int) width count =
        let number index =
            let place = ReadOnlySpan(bytes, start + index * width, width)

            if width = 4 then
                float (BinaryPrimitives.ReadSingleLittleEndian place)
            else
                BinaryPrimitives.ReadDoubleLittleEndian place

        Array.init count number

    /// Reads the bytes of a file.
    let read (bytes: byte[]) : Result<NpyArray, string> =
        NpyHeader.read bytes
        |> Result.bind (fun header -> width header.Descr |> Result.map (fun width -> header, width))
        |> Result.bind (fun (header, width) ->
            NpyHeader.fits width header bytes
            |> Result.map (fun count ->
                let values = numbers bytes header.Start width count

                { Shape = header.Shape
                  Values =
                    if header.IsFortran then
                        NpyHeader.placesInFortran header.Shape count |> Array.map (fun place -> values[place])
                    else
                        values
                  IsSingle = (width = 4) }))

    let private padded (text: string) = text.PadRight((text.Length + 10) / 64 * 64 + 64 - 10 - 1) + "\n"

    /// The bytes of a file: version 1, C order.
    let write (array: NpyArray) : byte[] =
        let sizes =
            match array.Shape with
            | [ single ] -> $"{single},"
            | sizes -> sizes |> List.map string |> String.concat ", "

        let descr = if array.IsSingle then "<f4" else "<f8"
        let header = padded $"{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sizes}), }}"
        let width = if array.IsSingle then 4 else 8
        let start = 10 + header.Length
        let bytes = Array.zeroCreate<byte>(start + width * array.Values.Length)
        NpyHeader.magic.CopyTo(bytes, 0)
        bytes[6] <- 1uy
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan 8, uint16 header.Length)
        Encoding.Latin1.GetBytes(header, bytes.AsSpan 10) |> ignore

        array.Values
        |> Array.iteri (fun index value ->
            let place = bytes.AsSpan(start + index * width)

            if array.IsSingle then
                BinaryPrimitives.WriteSingleLittleEndian(place, float32 value)
            else
                BinaryPrimitives.WriteDoubleLittleEndian(place, value))

        bytes
