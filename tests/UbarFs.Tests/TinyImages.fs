/// Small sets of images, made up for tests of decoding, caches and imports.
module UbarFs.Tests.TinyImages

open System
open System.Formats.Tar
open System.IO
open System.IO.Compression
open System.Runtime.InteropServices
open SkiaSharp
open UbarFs.Core
open UbarFs.Engine.Data
open UbarFs.Tests.TinyDataset

let shape = { Channels = 3; Height = 4; Width = 5 }

/// Random pixels of an image: channels × height × width.
let pixels (shape: ImageShape) seed : byte[] =
    let bytes = Array.zeroCreate<byte> shape.Pixels
    Random(seed: int).NextBytes bytes
    bytes

/// A picture with these pixels, coloured or grey, in a format.
let encode format (shape: ImageShape) (pixels: byte[]) : byte[] =
    let colour, alpha =
        if shape.Channels = 1 then
            SKColorType.Gray8, SKAlphaType.Opaque
        else
            SKColorType.Rgba8888, SKAlphaType.Opaque

    use bitmap = new SKBitmap(SKImageInfo(shape.Width, shape.Height, colour, alpha))
    let plane = shape.Height * shape.Width

    let interleaved =
        if shape.Channels = 1 then
            pixels
        else
            Array.init (4 * plane) (fun index ->
                if index % 4 = 3 then
                    255uy
                else
                    pixels[index % 4 * plane + index / 4])

    for row in 0 .. shape.Height - 1 do
        let width = interleaved.Length / shape.Height
        Marshal.Copy(interleaved, row * width, bitmap.GetPixels() + nativeint (row * bitmap.RowBytes), width)

    use data = bitmap.Encode(format, 100)
    data.ToArray()

let png shape pixels = encode SKEncodedImageFormat.Png shape pixels

/// A coloured picture whose pixels all have one opacity.
let transparentPng (shape: ImageShape) (pixels: byte[]) (alpha: byte) : byte[] =
    use bitmap =
        new SKBitmap(SKImageInfo(shape.Width, shape.Height, SKColorType.Rgba8888, SKAlphaType.Unpremul))

    let plane = shape.Height * shape.Width

    for row in 0 .. shape.Height - 1 do
        for column in 0 .. shape.Width - 1 do
            let at channel = pixels[channel * plane + row * shape.Width + column]
            bitmap.SetPixel(column, row, SKColor(at 0, at 1, at 2, alpha))

    use data = bitmap.Encode(SKEncodedImageFormat.Png, 100)
    data.ToArray()

// The checksum of PNG and zip.
let private crc (bytes: byte[]) =
    let step crc (letter: byte) =
        Seq.fold
            (fun crc _ ->
                if crc &&& 1u = 1u then
                    (crc >>> 1) ^^^ 0xedb88320u
                else
                    crc >>> 1)
            (crc ^^^ uint32 letter)
            (seq { 1..8 })

    ~~~(Array.fold step UInt32.MaxValue bytes)

/// A coloured PNG of 16 bits for each channel, all of one brightness.
let deepPng (shape: ImageShape) (brightness: byte) : byte[] =
    let number (value: uint32) = BitConverter.GetBytes value |> Array.rev

    let chunk (name: byte[]) (content: byte[]) =
        let named = Array.append name content
        Array.concat [ number (uint32 content.Length); named; number (crc named) ]

    let row = Array.append [| 0uy |] (Array.create (6 * shape.Width) brightness)
    let rows = Array.concat (Array.replicate shape.Height row)
    use packed = new MemoryStream()

    using (new ZLibStream(packed, CompressionLevel.Optimal, true)) (fun zlib -> zlib.Write(rows, 0, rows.Length))

    let size = Array.append (number (uint32 shape.Width)) (number (uint32 shape.Height))

    Array.concat
        [ [| 0x89uy; yield! "PNG\r\n"B; 0x1auy; 10uy |]
          chunk "IHDR"B (Array.append size [| 16uy; 2uy; 0uy; 0uy; 0uy |])
          chunk "IDAT"B (packed.ToArray())
          chunk "IEND"B [||] ]

let classes = [ "ant"; "bee"; "cat" ]

/// Ten training images and four for testing, in files of records or in folders.
let records: RecordFiles =
    { Training = [ "batch_1.bin"; "batch_2.bin" ]
      Test = "test.bin"
      Folder = "batches"
      Archive = { Name = "tiny-binary.tar.gz"; Length = 0L; Md5 = ""; Mirrors = [] }
      ClassNames = classes
      LabelBytes = 1
      Merged = [] }

let datasetOf (records: RecordFiles) : Chosen<Dataset> =
    { Shape = shape
      Classes = 3
      TrainingSize = 10
      TestSize = 4
      MaxPixel = 255
      Mean = [ 0.5; 0.5; 0.5 ]
      Deviation = [ 0.29; 0.29; 0.29 ]
      Storage = Storage.Records records
      Licence = "none" }
    |> Setting.none
    |> Define.Named "tiny"
    |> Component.choose Map.empty

let dataset = datasetOf records

/// The images with the labels ascending, as a tree of folders has them.
let set count seed : ImageSet =
    { Pixels = Array.concat [ for index in 0 .. count - 1 -> pixels shape (seed + index) ]
      Labels = [| for index in 0 .. count - 1 -> byte (index * 3 / count) |] }

let training, test = set 10 100, set 4 200

/// The path and the content of every file of the set, in the binary format.
let recordFiles: (string * byte[]) list =
    let half first : ImageSet =
        { Pixels = training.Pixels[first * shape.Pixels .. (first + 5) * shape.Pixels - 1]
          Labels = training.Labels[first .. first + 4] }

    [ "batch_1.bin", Records.write (half 0)
      "batch_2.bin", Records.write (half 5)
      "test.bin", Records.write test ]

/// Likewise, as PNG files in folders.
let treeFiles: (string * byte[]) list =
    [ for part, set in [ "train", training; "test", test ] do
          for index in 0 .. set.Count - 1 do
              $"{part}/{classes[int set.Labels[index]]}/{index:D4}.png",
              png shape set.Pixels[index * shape.Pixels .. (index + 1) * shape.Pixels - 1] ]

/// Writes files below a folder.
let saveAll folder (files: (string * byte[]) list) =
    for path, content in files do
        let path = Path.Combine(folder, path)
        Directory.CreateDirectory(Path.GetDirectoryName path |> string) |> ignore
        File.WriteAllBytes(path, content)

/// A tar archive with entries made by a function of the writer.
let tarWith (write: TarWriter -> unit) : byte[] =
    use stream = new MemoryStream()
    using (new TarWriter(stream, TarEntryFormat.Pax, true)) write
    stream.ToArray()

let tarEntry (name: string) (content: byte[]) (writer: TarWriter) =
    writer.WriteEntry(PaxTarEntry(TarEntryType.RegularFile, name, DataStream = new MemoryStream(content)))

let tar (files: (string * byte[]) list) =
    tarWith (fun writer ->
        for name, content in files do
            tarEntry name content writer)

/// A tar archive of one file, in GNU's format.
let gnuTar (name: string) (content: byte[]) : byte[] =
    use stream = new MemoryStream()

    using (new TarWriter(stream, TarEntryFormat.Gnu, true)) (fun writer ->
        writer.WriteEntry(GnuTarEntry(TarEntryType.RegularFile, name, DataStream = new MemoryStream(content))))

    stream.ToArray()

let zstd (content: byte[]) : byte[] =
    use compressor = new ZstdSharp.Compressor()
    compressor.Wrap(ReadOnlySpan content).ToArray()

let zipWith (write: ZipArchive -> unit) : byte[] =
    use stream = new MemoryStream()
    using (new ZipArchive(stream, ZipArchiveMode.Create, true)) write
    stream.ToArray()

let zip (files: (string * byte[]) list) =
    zipWith (fun archive ->
        for name, content in files do
            use entry = archive.CreateEntry(name).Open()
            entry.Write(content, 0, content.Length))

/// Every format of archive with its usual extension.
let formats: (string * ((string * byte[]) list -> byte[])) list =
    [ ".tar", tar; ".tar.gz", tar >> gzip; ".tar.zst", tar >> zstd; ".zip", zip ]
