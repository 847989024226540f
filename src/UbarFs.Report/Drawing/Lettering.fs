namespace UbarFs.Report

open System
open System.Globalization
open SkiaSharp

/// The letters of figures: a part of Liberation Sans, which is as wide as Arial and Helvetica. The program carries it with
/// it, since a machine may have no fonts; it is small, since every PDF has it in full.
[<RequireQualifiedAccess>]
module Lettering =

    let private typeface (name: string) =
        lazy
            (use stream = typeof<Markup>.Assembly.GetManifestResourceStream name
             use data = SKData.Create stream

             match SKTypeface.FromData data with
             | null -> invalidOp $"the program was built without {name}"
             | face -> face)

    let private regular = typeface "UbarFsSans-Regular.ttf"
    let private bold = typeface "UbarFsSans-Bold.ttf"

    let private number (text: string) = Single.Parse(text.Replace("px", ""), CultureInfo.InvariantCulture)

    /// The font of a text with these classes. The caller disposes of it.
    let font (classes: string) : SKFont =
        let style = Sheet.declarations "text" classes
        let size = style |> Map.tryFind "font-size" |> Option.map number |> Option.defaultValue 11.5f

        let face =
            if Map.tryFind "font-weight" style = Some "700" then
                bold
            else
                regular

        new SKFont(face.Value, size, Subpixel = true, Hinting = SKFontHinting.None)

    /// How wide a text is in a font.
    let measured (font: SKFont) (text: string) : float32 =
        let glyphs: uint16[] = font.Typeface.GetGlyphs text
        font.MeasureText(ReadOnlySpan<uint16> glyphs)

    let private measure (classes: string, text: string) =
        use font = font classes
        float (measured font text)

    let private known = Collections.Concurrent.ConcurrentDictionary<string * string, float>()

    /// How wide a text with these classes is, in units of the drawing.
    let width (classes: string) (text: string) : float = known.GetOrAdd((classes, text), measure)

    /// Whether there is a picture of every letter.
    let covers (text: string) : bool = regular.Value.ContainsGlyphs text

    let rec private cut classes room (text: string) =
        if text = "" || width classes (text + "…") <= room then
            text + "…"
        else
            cut classes room (text.Substring(0, text.Length - 1))

    /// A text as it fits into a width, with "…" for the rest.
    let fitted classes room (text: string) =
        if width classes text <= room then
            text
        else
            cut classes room text

    /// A text as at most so many lines that fit into a width; what does not fit in the last becomes "…".
    let wrapped classes room most (text: string) : string list =
        let add lines word =
            match lines with
            | last :: _ when List.length lines = most -> $"{last} {word}" :: List.tail lines
            | last :: others when width classes $"{last} {word}" <= room -> $"{last} {word}" :: others
            | lines -> word :: lines

        text.Split(' ', StringSplitOptions.RemoveEmptyEntries)
        |> Array.fold add []
        |> List.rev
        |> List.map (fitted classes room)
