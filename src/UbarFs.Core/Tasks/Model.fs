namespace UbarFs.Core

/// A layer of a network of neurons, as the scenario language lists it.
[<RequireQualifiedAccess>]
type Layer =
    /// Square kernel, stride 1.
    | Convolution of channels: int * kernel: int * padding: int
    | Relu
    | Tanh
    | Sigmoid
    /// Non-overlapping square windows; a remainder at the border is dropped.
    | MaxPool of size: int
    /// Likewise, with the mean of each window.
    | AveragePool of size: int
    /// The values of an image as so many channels of one pixel.
    | Flatten
    /// Fully connected, on the flattened input.
    | Dense of units: int

/// A model gives its layers for a number of classes; the last layer yields one logit per class.
type Model = { Layers: int -> Layer list }

/// Why a model does not fit the images.
type Misfit =
    {
        /// The layer that does not fit, counted from 1; none if it is the model as a whole.
        Layer: int option
        Reason: string
    }

/// One weight or bias: a contiguous part of the flat parameter row.
type ParameterBlock =
    {
        Name: string
        Shape: int64 list
        /// Position of its first element in the row.
        Offset: int
        /// Number of inputs of one output unit: the scale of its initial values.
        FanIn: int
    }

    member block.Length = block.Shape |> List.fold (fun length size -> length * int size) 1

/// A model fitted to a dataset's images: what lies where in the flat parameter row `[d]`.
type Architecture =
    {
        Input: ImageShape
        Classes: int
        Layers: Layer list
        /// What an image is before the first layer, between any two, and after the last.
        Shapes: ImageShape list
        Blocks: ParameterBlock list
        /// d, the length of the flat parameter row.
        Dimension: int
    }

[<RequireQualifiedAccess>]
module Architecture =

    /// A row longer than this is refused: offsets are 32-bit, and no image model of this tool comes near.
    let private longest = 1L <<< 30

    /// More values than these between two layers are refused for the same reason.
    let private widest = 1L <<< 28

    // The shape that flows between layers, the blocks so far (last first), and the next free position.
    type private Flow = { Shape: ImageShape; Blocks: ParameterBlock list; Offset: int64 }

    let private withWeights name (weightShape: int64 list) fanIn (flow: Flow) shape =
        let weight =
            { Name = $"{name}.weight"
              Shape = weightShape
              Offset = int flow.Offset
              FanIn = fanIn }

        let units = List.head weightShape
        let weights = List.fold (*) 1L weightShape

        let bias =
            { Name = $"{name}.bias"
              Shape = [ units ]
              Offset = int (flow.Offset + weights)
              FanIn = fanIn }

        if flow.Offset + weights + units > longest then
            Error $"{name} brings the model to more than {longest} parameters"
        else
            Ok
                { Shape = shape
                  Blocks = bias :: weight :: flow.Blocks
                  Offset = flow.Offset + weights + units }

    let private through (flow: Flow) (number: int, layer: Layer) =
        let tooSmall what (shape: ImageShape) =
            Error $"layer {number} ({what}) does not fit: its input is only {shape.Height}×{shape.Width} pixels"

        let input = flow.Shape

        let pooled what size =
            if min input.Height input.Width < size then
                tooSmall $"{what} {size}" input
            else
                let pooled = { input with Height = input.Height / size; Width = input.Width / size }
                Ok { flow with Shape = pooled }

        match layer with
        | Layer.Relu
        | Layer.Tanh
        | Layer.Sigmoid -> Ok flow
        | Layer.Flatten -> Ok { flow with Shape = { Channels = input.Pixels; Height = 1; Width = 1 } }
        | Layer.Convolution(channels, kernel, padding) ->
            let output =
                { Channels = channels
                  Height = input.Height + 2 * padding - kernel + 1
                  Width = input.Width + 2 * padding - kernel + 1 }

            if min output.Height output.Width < 1 then
                tooSmall $"convolution with a {kernel}×{kernel} kernel" input
            elif int64 channels * int64 output.Height * int64 output.Width > widest then
                Error $"layer {number} (convolution) gives {output} values for each image, more than {widest}"
            else
                let weightShape = [ int64 channels; int64 input.Channels; int64 kernel; int64 kernel ]
                withWeights $"conv{number}" weightShape (input.Channels * kernel * kernel) flow output
        | Layer.MaxPool size -> pooled "max-pool" size
        | Layer.AveragePool size -> pooled "avg-pool" size
        | Layer.Dense units ->
            let output = { Channels = units; Height = 1; Width = 1 }
            withWeights $"dense{number}" [ int64 units; int64 input.Pixels ] input.Pixels flow output

    /// Lays the model's parameters out for images of a shape, or says which layer does not fit.
    let fit (input: ImageShape) classes (model: Model) : Result<Architecture, Misfit> =
        let layers = model.Layers classes
        let asAWhole reason = Error { Layer = None; Reason = reason }

        // The flow, and the shapes before it (last first).
        let next reached (index, layer) =
            reached
            |> Result.bind (fun (flow, shapes) ->
                through flow (index + 1, layer)
                |> Result.map (fun after -> after, flow.Shape :: shapes)
                |> Result.mapError (fun reason -> { Layer = Some(index + 1); Reason = reason }))

        match List.fold next (Ok({ Shape = input; Blocks = []; Offset = 0L }, [])) (List.indexed layers) with
        | Error misfit -> Error misfit
        | Ok(flow, _) when flow.Blocks.IsEmpty -> asAWhole "no layer has weights, so there is nothing to learn"
        | Ok(flow, _) when flow.Shape.Pixels <> classes ->
            asAWhole $"the last layer gives {flow.Shape.Pixels} values, but there are {classes} classes"
        | Ok(flow, shapes) ->
            Ok
                { Input = input
                  Classes = classes
                  Layers = layers
                  Shapes = List.rev (flow.Shape :: shapes)
                  Blocks = List.rev flow.Blocks
                  Dimension = int flow.Offset }

    /// `fit` with only the reason of a misfit.
    let create input classes model = fit input classes model |> Result.mapError _.Reason

[<RequireQualifiedAccess>]
module Model =

    /// The model that is a list of layers. Its name is the list as the language writes it.
    let ofLayers (layers: Chosen<int -> Layer> list) : Chosen<Model> =
        let written = layers |> List.map Chosen.canonical |> String.concat ", "

        { Name = $"[{written}]"
          Label = None
          Code = None
          Parts = []
          Arguments = []
          Files = layers |> List.collect _.Files |> List.distinct
          Value = { Layers = fun classes -> layers |> List.map (fun layer -> layer.Value classes) } }
