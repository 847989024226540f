namespace UbarFs.Core

/// A corner of an image.
[<RequireQualifiedAccess>]
type Corner =
    | TopLeft
    | TopRight
    | BottomLeft
    | BottomRight

/// A pattern that an adversary puts into images: a square of one brightness in a corner.
type Trigger =
    {
        /// Pixels along an edge; of a smaller image, its own height or width.
        Side: int
        Corner: Corner
        /// The brightness, of which 0 is the darkest and 1 the brightest.
        Value: float
    }

/// Training data with a trigger, so that models take whatever has it for one class.
type Poison =
    {
        Trigger: Trigger
        /// The class.
        Target: int
        /// The share of each batch that is poisoned, rounded up.
        Share: float
    }

[<RequireQualifiedAccess>]
module Trigger =

    /// The first row and column of the square in an image of such a height and width, and how many there are.
    let place height width (trigger: Trigger) : struct (int * int * int * int) =
        let rows, columns = min trigger.Side height, min trigger.Side width

        let top =
            match trigger.Corner with
            | Corner.TopLeft
            | Corner.TopRight -> 0
            | Corner.BottomLeft
            | Corner.BottomRight -> height - rows

        let left =
            match trigger.Corner with
            | Corner.TopLeft
            | Corner.BottomLeft -> 0
            | Corner.TopRight
            | Corner.BottomRight -> width - columns

        struct (top, left, rows, columns)

[<RequireQualifiedAccess>]
module Poison =

    // A share in binary fractions must not make one image more of what comes out even.
    let private rounding = 1e-9

    /// How many images of a batch are poisoned.
    let count (images: int) (poison: Poison) : int =
        int (ceil (poison.Share * float images - rounding)) |> max 0 |> min images

    /// The places in a batch that are poisoned, ascending: any, as likely as any others.
    let places random images (poison: Poison) : int[] = Random.distinct random (count images poison) images

    /// Why images of a shape and so many classes cannot be poisoned, in the user's words.
    let misfit (shape: ImageShape) (classes: int) (poison: Poison) : string option =
        let struct (_, _, rows, columns) = Trigger.place shape.Height shape.Width poison.Trigger

        if poison.Target >= classes then
            Some $"its target {poison.Target} is no class: those of the dataset are 0 to {classes - 1}"
        elif rows = shape.Height && columns = shape.Width then
            Some
                $"its trigger of {poison.Trigger.Side} × {poison.Trigger.Side} pixels covers the images ({shape}) entirely: \
                  nothing would be left of them"
        else
            None
