/// Images out of bytes: pictures, folders' names, records, and the file that keeps decoded images.
module UbarFs.Tests.ImageTests

open System
open System.IO
open Expecto
open FsCheck
open FsCheck.FSharp
open SkiaSharp
open UbarFs.Core
open UbarFs.Engine.Data
open UbarFs.Pictures
open UbarFs.Tests.TinyDataset
open UbarFs.Tests.TinyImages

let private property name law =
    testPropertyWithConfig { FsCheckConfig.defaultConfig with maxTest = 100 } name law

let private replaced index value (bytes: byte[]) = bytes |> Array.mapi (fun at old -> if at = index then value else old)

let private shapes =
    gen {
        let! channels = Gen.elements [ 1; 3 ]
        let! height = Gen.choose (1, 9)
        let! width = Gen.choose (1, 9)
        return { Channels = channels; Height = height; Width = width }
    }

let private pictures =
    testList
        "pictures"
        [ property
              "a PNG gives back its pixels, grey or coloured"
              (Prop.forAll (Arb.fromGen shapes) (fun shape ->
                  let pixels = pixels shape 1
                  let content = png shape pixels
                  Picture.shape content = Ok shape && Picture.decode shape content = Ok pixels))

          testCase "a JPEG gives back what its pixels nearly were"
          <| fun () ->
              let shape = { Channels = 3; Height = 16; Width = 24 }
              let smooth = Array.init shape.Pixels (fun index -> byte (20 + 80 * (index / 384) + index % 24))

              match Picture.decode shape (encode SKEncodedImageFormat.Jpeg shape smooth) with
              | Ok decoded ->
                  let distance = Array.map2 (fun one other -> abs (int one - int other)) smooth decoded |> Array.max
                  Expect.isLessThan distance 10 "the largest difference"
              | Error reason -> failtest reason

          for name, content, expected in
              [ "an empty file", [||], "is not a PNG or JPEG image"
                "text", "<!doctype html>"B, "is not a PNG or JPEG image"
                "a WebP image", encode SKEncodedImageFormat.Webp shape (pixels shape 1), "is a Webp image"
                "another size",
                png { shape with Width = 6 } (pixels { shape with Width = 6 } 1),
                "is 3×4×6; expected 3×4×5"
                "a grey image",
                png { shape with Channels = 1 } (pixels { shape with Channels = 1 } 1),
                "is 1×4×5; expected 3×4×5" ] do
              testCase $"{name} is refused"
              <| fun () ->
                  match Picture.decode shape content with
                  | Ok _ -> failtest "accepted"
                  | Error reason -> Expect.stringContains reason expected "the reason"

          property
              "a grey picture becomes a coloured one with three equal channels, and grey again"
              (Prop.forAll (Arb.fromGen shapes) (fun shape ->
                  let grey, colour = { shape with Channels = 1 }, { shape with Channels = 3 }
                  let values = pixels grey 1

                  Picture.convert false colour (png grey values) =
                      Ok(Array.concat [ values; values; values ], [ Picture.Conversion.GreyToColour ])
                  && Picture.convert false grey (png colour (Array.concat [ values; values; values ])) =
                      Ok(values, [ Picture.Conversion.ColourToGrey ])))

          property
              "transparency is left out, and the colours stay"
              (Prop.forAll (Arb.fromGen shapes) (fun shape ->
                  let colour = { shape with Channels = 3 }
                  let values = pixels colour 2

                  // Skia keeps no colour of what is wholly transparent.
                  Picture.convert false colour (transparentPng colour values 128uy) |> Result.map snd =
                      Ok [ Picture.Conversion.WithoutTransparency ]))

          testCase "a JPEG that ends before its picture is refused, wherever it ends"
          <| fun () ->
              let shape = { Channels = 3; Height = 32; Width = 32 }
              let content = encode SKEncodedImageFormat.Jpeg shape (pixels shape 5)
              Expect.isOk (Picture.decode shape content) "whole"

              Expect.isOk
                  (Picture.decode shape (Array.append content (Array.zeroCreate 100)))
                  "with something behind it"

              for length in Seq.append [ content.Length - 1; content.Length - 2 ] [ 4..37 .. content.Length - 3 ] do
                  Expect.isError (Picture.decode shape (Array.truncate length content)) $"{length} bytes"

              Expect.equal
                  (Picture.decode shape (Array.truncate (content.Length * 2 / 3) content))
                  (Error "is cut short")
                  "the reason"

          testCase "a PNG of 16 bits is brought to 8, which is said; as a published image it is refused"
          <| fun () ->
              let shape = { Channels = 3; Height = 4; Width = 4 }
              let content = deepPng shape 77uy

              Expect.equal
                  (Picture.convert false shape content)
                  (Ok(Array.create shape.Pixels 77uy, [ Picture.Conversion.Narrowed ]))
                  "the conversion"

              Expect.isError (Picture.decode shape content) "published"

          testCase "pictures are scaled only where that is wanted"
          <| fun () ->
              let even = { shape with Channels = 1 }
              let values = Array.create even.Pixels 77uy
              let wanted = { Channels = 3; Height = 8; Width = 8 }
              Expect.isError (Picture.convert false wanted (png even values)) "not wanted"

              Expect.equal
                  (Picture.convert true wanted (png even values))
                  (Ok(Array.create wanted.Pixels 77uy, [ Picture.Conversion.GreyToColour; Picture.Conversion.Scaled ]))
                  "one brightness stays"

          property "damaged pictures never throw" (fun (NonNegativeInt place) (value: byte) (NonNegativeInt cut) ->
              let content = png shape (pixels shape 3)
              let damaged = replaced (place % content.Length) value content
              let short = Array.truncate (cut % content.Length) content

              [ damaged; short ]
              |> List.forall (fun content ->
                  match Picture.decode shape content with
                  | Ok decoded -> decoded.Length = shape.Pixels
                  | Error _ -> true)) ]

let private trees =
    let refused name expected paths =
        testCase $"{name} is refused"
        <| fun () ->
            match ImageTree.arrange paths with
            | Ok _ -> failtest "accepted"
            | Error reason -> Expect.stringContains reason expected "the reason"

    let tooManyClasses =
        [ 1..257 ] |> List.collect (fun number -> [ $"train/{number}/1.png"; $"test/{number}/1.png" ])

    let good = [ "train/a/1.png"; "train/b/1.jpg"; "test/a/1.JPEG"; "test/b/2.png" ]

    testList
        "trees"
        [ testProperty "the order of the files does not matter" (fun (seed: int) ->
              let shuffled = good |> List.sortBy (fun path -> hash $"{seed} {path}")
              ImageTree.arrange shuffled = ImageTree.arrange good)

          testCase "classes are labelled by name, and hidden files and files beside the parts are left out"
          <| fun () ->
              let others =
                  [ "README.md"
                    "train/a/.DS_Store"
                    "train/.x/1.png"
                    "train/labels.csv"
                    "test/a/Thumbs.db" ]

              Expect.equal
                  (ImageTree.arrange (others @ good))
                  (Ok
                      { Classes = [ "a"; "b" ]
                        Training = [ { File = "train/a/1.png"; Label = 0 }; { File = "train/b/1.jpg"; Label = 1 } ]
                        Test = [ { File = "test/a/1.JPEG"; Label = 0 }; { File = "test/b/2.png"; Label = 1 } ] })
                  "the tree"

          testCase "one folder around everything is nothing"
          <| fun () ->
              let labels paths =
                  ImageTree.arrange paths |> Result.map (fun tree -> tree.Training |> List.map _.Label)

              Expect.equal (labels (good |> List.map ((+) "photos/"))) (labels good) "labels"

          refused "nothing" "has no images train/<class>/<name>" []
          refused "no test images" "has no images test/<class>/<name>" (List.truncate 2 good)
          refused "one class" "has only the class 'a'" [ "train/a/1.png"; "test/a/1.png" ]
          refused "a class of test images alone" "'test/c/1.png' is of the class 'c'" ("test/c/1.png" :: good)
          refused "an image in no class" "'train/1.png' is in no class" ("train/1.png" :: good)
          refused "an image too deep" "'train/a/b/1.png' is too deep" ("train/a/b/1.png" :: good)
          refused "another file in a class" "'train/a/x.gif' is not a PNG" ("train/a/x.gif" :: good)
          refused "more classes than a byte has" "has 257 classes" tooManyClasses ]

let private recordTests =
    let content = Records.write training

    testList
        "records"
        [ property "reading what was written gives it back" (fun (PositiveInt count) seed ->
              let set = set (count % 20 + 3) (seed % 1000)
              Records.parse shape 1 3 set.Count (Records.write set) = Ok set)

          property "any other length is refused" (fun (NonNegativeInt cut) (extra: byte[]) ->
              let short = Array.truncate (cut % content.Length) content
              let long = Array.append content extra

              Result.isError (Records.parse shape 1 3 10 short)
              && (extra.Length = 0 || Result.isError (Records.parse shape 1 3 10 long)))

          testCase "a label that is no class is refused with its record"
          <| fun () ->
              Expect.equal
                  (Records.parse shape 1 3 10 (replaced (4 * 61) 3uy content))
                  (Error "has the label 3 in record 4; expected 0 to 2")
                  "the message" ]

let private images = { Shape = shape; Training = training; Test = test }
let private print = String('a', 64)

/// Writes the images to a file and tests it.
let private written test () =
    inFolder (fun root ->
        let file = Path.Combine(root, "deep", "tiny.images")
        Decoded.write file print images
        test file)

let private decoded =
    testList
        "decoded images"
        [ testCase "reading what was written gives it back, with its checksum and fingerprint"
          <| written (fun file ->
              Expect.equal (Decoded.read file) (Ok(images, Decoded.checksum images)) "images"
              Expect.equal (Decoded.fingerprint file) (Ok print) "fingerprint"
              Expect.hasLength (Directory.GetFiles(Path.GetDirectoryName file |> string)) 1 "no part is left")

          testCase "any changed byte is found, except in the fingerprint"
          <| written (fun file ->
              let content = File.ReadAllBytes file

              for index in Seq.append [ 0..95 ] [ 96..37 .. content.Length - 1 ] do
                  File.WriteAllBytes(file, replaced index (content[index] ^^^ 1uy) content)
                  let isFingerprint = 28 <= index && index < 60
                  Expect.equal (Result.isOk (Decoded.read file)) isFingerprint $"byte {index}")

          testCase "a file cut short anywhere, or with bytes after its end, is refused"
          <| written (fun file ->
              let content = File.ReadAllBytes file

              for length in Seq.append [ 0..100 ] [ 101..101 .. content.Length - 1 ] do
                  File.WriteAllBytes(file, Array.truncate length content)
                  Expect.isError (Decoded.read file) $"{length} bytes"

              File.WriteAllBytes(file, Array.append content [| 0uy |])
              Expect.isError (Decoded.read file) "one more")

          testCase "absurd sizes are refused before anything is allocated"
          <| written (fun file ->
              let content = File.ReadAllBytes file
              File.WriteAllBytes(file, Array.concat [ content[..7]; Array.replicate 20 0x7fuy; content[28..] ])
              let before = GC.GetAllocatedBytesForCurrentThread()
              Expect.isError (Decoded.read file) "sizes"
              Expect.isLessThan (GC.GetAllocatedBytesForCurrentThread() - before) 100_000L "allocated bytes") ]

[<Tests>]
let tests = testList "images" [ pictures; trees; recordTests; decoded ]
