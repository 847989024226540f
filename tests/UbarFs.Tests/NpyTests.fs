/// NumPy's files: bytes as NumPy writes them, and what is written read again.
module UbarFs.Tests.NpyTests

open System
open System.Text
open Expecto
open FsCheck.FSharp
open UbarFs.Engine
open UbarFs.Testing.Generators

/// A file as NumPy writes it: a version, a header, and numbers.
let private file (version: byte) (header: string) (numbers: byte[]) =
    let text = Encoding.Latin1.GetBytes(header.PadRight 117 + "\n")

    let length =
        if version = 1uy then
            BitConverter.GetBytes(uint16 text.Length)
        else
            BitConverter.GetBytes(uint32 text.Length)

    Array.concat [ [| 0x93uy |]; "NUMPY"B; [| version; 0uy |]; length; text; numbers ]

let private header descr order shape = $"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}"

let private doubles (numbers: float list) = numbers |> List.map BitConverter.GetBytes |> Array.concat

let private singles (numbers: float list) = numbers |> List.map (float32 >> BitConverter.GetBytes) |> Array.concat

let private six = [ 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 ]

let private read bytes =
    match Npy.read bytes with
    | Ok array -> array
    | Error reason -> failtest reason

let private arrays =
    gen {
        let! shape = Gen.choose (0, 4) |> Gen.listOf |> Gen.resize 3
        let count = List.fold (*) 1 shape

        let! values =
            Gen.choose (-1000, 1000) |> Gen.map (fun eighths -> float eighths / 8.0) |> Gen.arrayOfLength count

        let! isSingle = Gen.elements [ true; false ]
        return { Shape = shape; Values = values; IsSingle = isSingle }
    }

[<Tests>]
let tests =
    testList
        "NumPy's files"
        [ for version in [ 1uy; 2uy; 3uy ] do
              testCase $"version {version} is read, in both orders and both types"
              <| fun () ->
                  let c = read (file version (header "<f8" "False" "(2, 3)") (doubles six))
                  Expect.equal c { Shape = [ 2; 3 ]; Values = Array.ofList six; IsSingle = false } "C order"
                  let fortran = read (file version (header "<f4" "True" "(2, 3)") (singles six))
                  let values = [| 1.0; 3.0; 5.0; 2.0; 4.0; 6.0 |]
                  Expect.equal fortran { Shape = [ 2; 3 ]; Values = values; IsSingle = true } "Fortran order"

          testCase "vectors, single numbers and empty arrays have shapes of their own"
          <| fun () ->
              Expect.equal (read (file 1uy (header "<f8" "False" "(1,)") (doubles [ 7.0 ]))).Shape [ 1 ] "a vector"
              Expect.equal (read (file 1uy (header "<f8" "False" "()") (doubles [ 7.0 ]))).Shape [] "a number"
              Expect.equal (read (file 1uy (header "<f8" "True" "(0, 3)") [||])).Values [||] "nothing"

          testProperty "what is written is read again"
          <| forAll arrays (fun array -> Npy.read (Npy.write array) = Ok array)

          testCase "numbers begin where NumPy aligns them"
          <| fun () ->
              let bytes = Npy.write { Shape = [ 2; 3 ]; Values = Array.ofList six; IsSingle = false }
              Expect.equal ((bytes.Length - 48) % 64) 0 "64 bytes"
              Expect.equal bytes[bytes.Length - 49] (byte '\n') "the end of the header"

          for name, bytes, expected in
              [ "another format", "{\"own\": [1]}"B, "not an .npy file"
                "a header that is cut off",
                (file 1uy (header "<f8" "False" "(6,)") [||])[..40],
                "ends within its header"
                "numbers that are cut off",
                file 1uy (header "<f8" "False" "(6,)") (doubles [ 1.0 ]),
                "asks for 48 bytes"
                "a shape beyond all memory", file 1uy (header "<f8" "False" "(99999999, 99999999)") [||], "asks for"
                "big-endian numbers", file 1uy (header ">f8" "False" "(1,)") (doubles [ 1.0 ]), "astype('<f8')"
                "whole numbers", file 1uy (header "<i8" "False" "(1,)") (doubles [ 1.0 ]), "type '<i8'"
                "more dimensions than NumPy has",
                file 1uy (header "<f8" "False" ("(" + String.replicate 30 "1,1,1," + ")")) (doubles [ 1.0 ]),
                "it has 90 dimensions; 64 are the most"
                "a header without an end",
                file 2uy (String('x', 20_000)) [||],
                "its header has 20001 bytes; 10000 are the most"
                "a version to come", file 4uy (header "<f8" "False" "(1,)") (doubles [ 1.0 ]), "version 4" ] do
              testCase $"{name}: the reason is told"
              <| fun () ->
                  match Npy.read bytes with
                  | Ok _ -> failtest "accepted"
                  | Error reason -> Expect.stringContains reason expected "reason" ]
