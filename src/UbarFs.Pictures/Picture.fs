/// PNG and JPEG files as pixels.
[<RequireQualifiedAccess>]
module UbarFs.Pictures.Picture

open System
open System.IO
open System.Runtime.InteropServices
open SkiaSharp
open UbarFs.Core

let private opened (content: byte[]) (action: SKCodec -> Result<'value, string>) =
    use stream = new MemoryStream(content, false)
    use codec = SKCodec.Create stream

    if isNull codec then
        Error "is not a PNG or JPEG image"
    elif codec.EncodedFormat <> SKEncodedImageFormat.Png && codec.EncodedFormat <> SKEncodedImageFormat.Jpeg then
        Error $"is a {codec.EncodedFormat} image; expected PNG or JPEG"
    elif max codec.Info.Width codec.Info.Height > ImageTree.widest then
        Error $"has {codec.Info.Height}×{codec.Info.Width} pixels; {ImageTree.widest}×{ImageTree.widest} are the most"
    elif codec.EncodedFormat = SKEncodedImageFormat.Jpeg && PictureFile.isCutShort content then
        Error "is cut short"
    else
        action codec

let private shapeOf (codec: SKCodec) =
    { Channels = if codec.Info.ColorType = SKColorType.Gray8 then 1 else 3
      Height = codec.Info.Height
      Width = codec.Info.Width }

/// The shape of a picture: one channel if it is grey, otherwise red, green and blue. The error completes a sentence
/// about the file.
let shape (content: byte[]) : Result<ImageShape, string> = opened content (shapeOf >> Ok)

/// What was done to a picture to bring it to a form.
[<RequireQualifiedAccess>]
type Conversion =
    | GreyToColour
    | ColourToGrey
    /// Some of its pixels were not opaque.
    | WithoutTransparency
    | Scaled
    /// It had 16 bits for each channel of a pixel.
    | Narrowed

/// Interleaved values (`stride` for each pixel) as one plane after another.
let private planes channels stride (values: byte[]) =
    let plane = values.Length / stride
    let result = Array.zeroCreate<byte>(channels * plane)

    for channel in 0 .. channels - 1 do
        for pixel in 0 .. plane - 1 do
            result[channel * plane + pixel] <- values[pixel * stride + channel]

    result

let private isOpaque (codec: SKCodec) (rgba: byte[]) =
    codec.Info.AlphaType = SKAlphaType.Opaque
    || seq { 3..4 .. rgba.Length - 1 } |> Seq.forall (fun index -> rgba[index] = 255uy)

/// Rows of interleaved values, one byte for each pixel of a grey picture and four of a coloured one.
let private interleaved isGrey (codec: SKCodec) =
    let colour, alpha, stride =
        if isGrey then
            SKColorType.Gray8, SKAlphaType.Opaque, 1
        else
            SKColorType.Rgba8888, SKAlphaType.Unpremul, 4

    let info = SKImageInfo(codec.Info.Width, codec.Info.Height, colour, alpha)
    let values = Array.zeroCreate<byte>(info.Width * info.Height * stride)
    let pinned = GCHandle.Alloc(values, GCHandleType.Pinned)

    let outcome =
        try
            codec.GetPixels(info, pinned.AddrOfPinnedObject())
        finally
            pinned.Free()

    match outcome with
    | SKCodecResult.Success -> Ok values
    | SKCodecResult.IncompleteInput -> Error "is cut short"
    | other -> Error $"cannot be decoded ({other})"

/// One plane scaled to another size: the mean of the pixels under each new one when it shrinks, else between the
/// nearest ones.
let private scaledPlane height width newHeight newWidth (plane: ReadOnlyMemory<byte>) =
    let info = SKImageInfo(width, height, SKColorType.Gray8, SKAlphaType.Opaque)
    let target = SKImageInfo(newWidth, newHeight, SKColorType.Gray8, SKAlphaType.Opaque)
    let source = plane.ToArray()
    let result = Array.zeroCreate<byte>(newHeight * newWidth)

    let from, into =
        GCHandle.Alloc(source, GCHandleType.Pinned), GCHandle.Alloc(result, GCHandleType.Pinned)

    try
        use from = new SKPixmap(info, from.AddrOfPinnedObject(), width)
        use into = new SKPixmap(target, into.AddrOfPinnedObject(), newWidth)
        from.ScalePixels(into, SKFilterQuality.Medium) |> ignore
    finally
        from.Free()
        into.Free()

    result

let private scaled (found: ImageShape) (wanted: ImageShape) (planes: byte[]) =
    let plane = found.Height * found.Width

    [| for channel in 0 .. wanted.Channels - 1 -> ReadOnlyMemory(planes, channel * plane, plane) |]
    |> Array.collect (scaledPlane found.Height found.Width wanted.Height wanted.Width)

// Rec. 601, with the rounding of Pillow and so of torchvision.
let private luminance (rgba: byte[]) =
    Array.init (rgba.Length / 4) (fun pixel ->
        let at channel = int rgba[4 * pixel + channel]
        byte ((at 0 * 19595 + at 1 * 38470 + at 2 * 7471 + 0x8000) >>> 16))

/// The planes of a picture in a number of channels, with what was done to it.
let private channelled wanted (found: ImageShape) codec : Result<byte[] * Conversion list, string> =
    interleaved (found.Channels = 1) codec
    |> Result.map (fun values ->
        match found.Channels, wanted with
        | 1, 1 -> values, []
        | 1, _ -> Array.concat [ values; values; values ], [ Conversion.GreyToColour ]
        | _, wanted ->
            let converted, first =
                if wanted = 1 then
                    luminance values, [ Conversion.ColourToGrey ]
                else
                    planes 3 4 values, []

            converted,
            first
            @ (if isOpaque codec values then
                   []
               else
                   [ Conversion.WithoutTransparency ]))

/// The pixels of a picture, brought to a shape: channels × height × width, the last changing fastest, as they are
/// stored (no colour management); and what was done to it. Another size is refused unless pictures are to be scaled.
/// The error completes a sentence about the file.
let convert isSized (wanted: ImageShape) (content: byte[]) : Result<byte[] * Conversion list, string> =
    opened content (fun codec ->
        let found = shapeOf codec
        let isSame = found.Height = wanted.Height && found.Width = wanted.Width

        let narrowed =
            if PictureFile.isDeep content then
                [ Conversion.Narrowed ]
            else
                []

        if isSame || isSized then
            channelled wanted.Channels found codec
            |> Result.map (fun (planes, conversions) ->
                if isSame then
                    planes, conversions @ narrowed
                else
                    scaled found wanted planes, conversions @ [ Conversion.Scaled ] @ narrowed)
        else
            Error
                $"is {found.Height}×{found.Width} pixels; expected {wanted.Height}×{wanted.Width}, as the first image \
                  is, or the key 'size' of the dataset")

/// The pixels of a picture that must have the expected shape, 8 bits for each channel, and no transparency.
let decode (expected: ImageShape) (content: byte[]) : Result<byte[], string> =
    opened content (fun codec ->
        let found = shapeOf codec

        if PictureFile.isDeep content then
            Error "has 16 bits for each channel of a pixel; expected 8"
        elif found = expected then
            channelled found.Channels found codec
        else
            Error $"is {found}; expected {expected} (channels×height×width), as the other images are")
    |> Result.bind (function
        | pixels, [] -> Ok pixels
        | _ -> Error "is transparent in places")
