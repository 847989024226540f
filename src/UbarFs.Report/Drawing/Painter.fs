namespace UbarFs.Report

open System
open System.Globalization
open System.IO
open SkiaSharp

/// A drawing of some size.
type Drawing = { Width: float; Height: float; Content: Markup list }

/// Paints drawings as PNG and PDF: so much of SVG as the drawings consist of, in the style sheet's light colours. What it
/// does not know is an error of the program, not a gap in the picture.
[<RequireQualifiedAccess>]
module Painter =

    let private real (text: string) = Single.Parse(text.Trim().Replace("px", ""), CultureInfo.InvariantCulture)

    let private reals (text: string) =
        text.Split([| ' '; ',' |], StringSplitOptions.RemoveEmptyEntries) |> Array.map real

    /// An element's attributes, with what the style sheet says above them.
    type private Look(name, attributes: (string * string) list) =
        let attributes = Map.ofList attributes
        let classes = attributes |> Map.tryFind "class" |> Option.defaultValue ""
        let declared = Sheet.declarations name classes

        member _.Classes = classes
        member _.Attribute key = Map.tryFind key attributes

        member look.Real key = look.Attribute key |> Option.map real |> Option.defaultValue 0f

        member look.Style key = Map.tryFind key declared |> Option.orElse (look.Attribute key)

    let private paint (look: Look) (style: SKPaintStyle) (colour: string) =
        let paint = new SKPaint(Style = style, IsAntialias = true)
        let opacity = look.Style "opacity" |> Option.map real |> Option.defaultValue 1f
        paint.Color <- SKColor.Parse(colour).WithAlpha(byte (round (255f * opacity)))

        if style = SKPaintStyle.Stroke then
            paint.StrokeWidth <- look.Style "stroke-width" |> Option.map real |> Option.defaultValue 1f

            if look.Style "stroke-linecap" = Some "round" then
                paint.StrokeCap <- SKStrokeCap.Round

            if look.Style "stroke-linejoin" = Some "round" then
                paint.StrokeJoin <- SKStrokeJoin.Round

            look.Style "stroke-dasharray"
            |> Option.iter (fun dashes -> paint.PathEffect <- SKPathEffect.CreateDash(reals dashes, 0f))

        paint

    let private stroked (look: Look) (draw: SKPaint -> unit) =
        match look.Style "stroke" with
        | None
        | Some "none" -> ()
        | Some colour ->
            use paint = paint look SKPaintStyle.Stroke colour
            draw paint

    let private filledAndStroked (look: Look) (draw: SKPaint -> unit) =
        match look.Style "fill" |> Option.defaultValue "#000000" with
        | "none" -> ()
        | colour ->
            use paint = paint look SKPaintStyle.Fill colour
            draw paint

        stroked look draw

    let private transform (canvas: SKCanvas) (text: string) =
        for part in text.Split(')', StringSplitOptions.TrimEntries ||| StringSplitOptions.RemoveEmptyEntries) do
            let at = part.IndexOf '('

            match part.Substring(0, at).Trim(), reals (part.Substring(at + 1)) with
            | "translate", [| x; y |] -> canvas.Translate(x, y)
            | "rotate", [| degrees |] -> canvas.RotateDegrees degrees
            | "scale", [| factor |] -> canvas.Scale factor
            | other -> invalidOp $"the painter knows no transform {other}"

    let rec private textOf markup =
        match markup with
        | Markup.Text text -> text
        | Markup.Element(_, _, children) -> children |> List.map textOf |> String.concat ""
        | Markup.Own _ -> ""

    let private drawText (canvas: SKCanvas) (look: Look) (text: string) =
        use font = Lettering.font look.Classes
        use paint = paint look SKPaintStyle.Fill (look.Style "fill" |> Option.defaultValue "#000000")
        let width = Lettering.measured font text

        let back =
            match look.Attribute "text-anchor" with
            | Some "middle" -> width / 2f
            | Some "end" -> width
            | _ -> 0f

        canvas.DrawText(text, look.Real "x" - back, look.Real "y", font, paint)

    let private shape (canvas: SKCanvas) name (look: Look) children =
        match name with
        | "rect" ->
            let place = SKRect.Create(look.Real "x", look.Real "y", look.Real "width", look.Real "height")
            filledAndStroked look (fun paint -> canvas.DrawRect(place, paint))
        | "circle" ->
            filledAndStroked look (fun paint -> canvas.DrawCircle(look.Real "cx", look.Real "cy", look.Real "r", paint))
        | "line" ->
            stroked look (fun paint ->
                canvas.DrawLine(look.Real "x1", look.Real "y1", look.Real "x2", look.Real "y2", paint))
        | "path" ->
            use path = SKPath.ParseSvgPathData(look.Attribute "d" |> Option.defaultValue "")
            filledAndStroked look (fun paint -> canvas.DrawPath(path, paint))
        | "text" -> children |> List.map textOf |> String.concat "" |> drawText canvas look
        | name -> invalidOp $"the painter knows no element {name}"

    let rec private draw (canvas: SKCanvas) markup =
        match markup with
        | Markup.Element("title", _, _) -> ()
        | Markup.Element(name, attributes, children) ->
            let look = Look(name, attributes)
            canvas.Save() |> ignore
            look.Attribute "transform" |> Option.iter (transform canvas)

            if name = "g" then
                List.iter (draw canvas) children
            else
                shape canvas name look children

            canvas.Restore()
        | Markup.Text _
        | Markup.Own _ -> ()

    /// Draws onto a canvas whose units are the drawing's.
    let onto (canvas: SKCanvas) (drawing: Drawing) : unit =
        canvas.Clear(SKColor.Parse(Style.lightColour "paper"))
        List.iter (draw canvas) drawing.Content

    // A unit is a 96th of an inch.
    let private dots = 300.0

    /// PNG with 300 dots per inch.
    let png (drawing: Drawing) : byte[] =
        let scale = dots / 96.0
        let whole size = int (ceil (scale * size))
        use surface = SKSurface.Create(SKImageInfo(whole drawing.Width, whole drawing.Height))
        surface.Canvas.Scale(float32 scale)
        onto surface.Canvas drawing
        use image = surface.Snapshot()
        use data = image.Encode(SKEncodedImageFormat.Png, 100)
        data.ToArray() |> Png.withDensity dots

    /// PDF of one page of the drawing's size, with lines as lines and text as text.
    let pdf (title: string) (drawing: Drawing) : byte[] =
        use stream = new MemoryStream()
        let points size = float32 (size * 72.0 / 96.0)

        do
            use document =
                SKDocument.CreatePdf(stream, SKDocumentPdfMetadata(Title = title, Creator = "UbarFs", RasterDpi = 300f))

            let canvas = document.BeginPage(points drawing.Width, points drawing.Height)
            canvas.Scale(0.75f)
            onto canvas drawing
            document.EndPage()
            document.Close()

        stream.ToArray()

    let rec private texts markup =
        match markup with
        | Markup.Element("title", _, _) -> []
        | Markup.Element("text", _, children) -> List.map textOf children
        | Markup.Element(_, _, children) -> List.collect texts children
        | Markup.Text _
        | Markup.Own _ -> []

    /// The texts of a drawing that have letters of which the program has no picture: other scripts than Latin, Greek
    /// and Cyrillic. They are boxes in PNG and PDF.
    let unreadable (drawing: Drawing) : string list =
        drawing.Content |> List.collect texts |> List.distinct |> List.filter (Lettering.covers >> not)
