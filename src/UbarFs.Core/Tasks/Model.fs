namespace UbarFs.Core

/// A layer of a network of neurons, as the scenario language lists it.
[<RequireQualifiedAccess>]
type Layer =
    /// Square kernel, stride 1.
    | Convolution of channels: int * kernel: int * padding: int
    /// A convolution with another stride, or without biases.
    | StridedConvolution of channels: int * kernel: int * padding: int * stride: int * biases: bool
    | Relu
    | Tanh
    | Sigmoid
    /// Non-overlapping square windows; a remainder at the border is dropped.
    | MaxPool of size: int
    /// Likewise, with the mean of each window.
    | AveragePool of size: int
    /// The mean of each channel, as one pixel.
    | GlobalAveragePool
    /// The values of an image as so many channels of one pixel.
    | Flatten
    /// Fully connected, on the flattened input.
    | Dense of units: int
    /// For each image, each group of channels is brought to mean 0 and variance 1; a scale and a shift for each channel.
    | GroupNorm of groups: int
    /// The same with all values of an image in one group; a scale and a shift for each value.
    | LayerNorm
    /// While a node trains, each value is 0 with this chance, and else divided by 1 − rate.
    | Dropout of rate: float
    /// x + f(x), where f is these layers.
    | Residual of layers: Layer list

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
        /// What all of its values start from; none: random numbers.
        Start: float option
    }

    member block.Length = block.Shape |> List.fold (fun length size -> length * int size) 1

/// A model fitted to a dataset's images: what lies where in the flat parameter row `[d]`.
type Architecture =
    {
        Input: ImageShape
        Classes: int
        Layers: Layer list
        /// What an image is before the first layer, between any two, those inside of others too, and after the last.
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

    // The shape that flows between layers, those before it and the blocks so far (last first), and the next free position.
    type private Flow =
        { Shape: ImageShape
          Before: ImageShape list
          Blocks: ParameterBlock list
          Offset: int64 }

    let private block name part (shape: int64 list) fanIn start (flow: Flow) =
        let length = List.fold (*) 1L shape

        if flow.Offset + length > longest then
            Error $"{name} brings the model to more than {longest} parameters"
        else
            let block =
                { Name = $"{name}.{part}"
                  Shape = shape
                  Offset = int flow.Offset
                  FanIn = fanIn
                  Start = start }

            Ok { flow with Blocks = block :: flow.Blocks; Offset = flow.Offset + length }

    let private withWeights name (weightShape: int64 list) fanIn hasBias shape (flow: Flow) =
        let bias =
            if hasBias then
                block name "bias" [ weightShape.Head ] fanIn None
            else
                Ok

        block name "weight" weightShape fanIn None flow
        |> Result.bind bias
        |> Result.map (fun flow -> { flow with Shape = shape })

    // Scales begin at 1 and shifts at 0. A group of one value would always be 0.
    let private normalised number what name groups (shape: int64 list) (flow: Flow) =
        if flow.Shape.Pixels = groups then
            Error $"layer {number} ({what}) does not fit: it would bring single values to mean 0, and nothing were left"
        else
            block name "weight" shape 1 (Some 1.0) flow |> Result.bind (block name "bias" shape 1 (Some 0.0))

    let private tooSmall number what (shape: ImageShape) =
        Error $"layer {number} ({what}) does not fit: its input is only {shape.Height}×{shape.Width} pixels"

    let private convolved number name (flow: Flow) (channels, kernel, padding, stride, hasBias) =
        let input = flow.Shape
        let side length = (length + 2 * padding - kernel) / stride + 1

        let output = { Channels = channels; Height = side input.Height; Width = side input.Width }

        if min input.Height input.Width + 2 * padding < kernel then
            tooSmall number $"convolution with a {kernel}×{kernel} kernel" input
        elif int64 channels * int64 output.Height * int64 output.Width > widest then
            Error $"layer {number} (convolution) gives {output} values for each image, more than {widest}"
        else
            let weightShape = [ int64 channels; int64 input.Channels; int64 kernel; int64 kernel ]
            withWeights name weightShape (input.Channels * kernel * kernel) hasBias output flow

    let private pooled number what size (flow: Flow) =
        let input = flow.Shape

        if min input.Height input.Width < size then
            tooSmall number $"{what} {size}" input
        else
            Ok
                { flow with
                    Shape = { input with Height = input.Height / size; Width = input.Width / size } }

    /// Of how many pixels each way an image that is added to what layers made of it keeps one, if it can be: its channels
    /// are among theirs, and its sides are theirs times a whole number, rounded up.
    let stride (input: ImageShape) (output: ImageShape) : int option =
        let each = (input.Height + output.Height - 1) / output.Height
        let left side = (side + each - 1) / each

        if
            input.Channels <= output.Channels
            && left input.Height = output.Height
            && left input.Width = output.Width
        then
            Some each
        else
            None

    // `path` begins the names of what is inside of a residual; its layers have numbers like 4.1.
    let rec private through path (flow: Flow) (number: string, layer: Layer) : Result<Flow, string> =
        let input = flow.Shape
        let name kind = $"{path}{kind}{number.Substring(number.LastIndexOf '.' + 1)}"
        let flow = { flow with Before = input :: flow.Before }

        match layer with
        | Layer.Relu
        | Layer.Tanh
        | Layer.Sigmoid
        | Layer.Dropout _ -> Ok flow
        | Layer.Flatten -> Ok { flow with Shape = { Channels = input.Pixels; Height = 1; Width = 1 } }
        | Layer.GlobalAveragePool -> Ok { flow with Shape = { input with Height = 1; Width = 1 } }
        | Layer.Convolution(channels, kernel, padding) ->
            convolved number (name "conv") flow (channels, kernel, padding, 1, true)
        | Layer.StridedConvolution(channels, kernel, padding, stride, hasBias) ->
            convolved number (name "conv") flow (channels, kernel, padding, stride, hasBias)
        | Layer.MaxPool size -> pooled number "max-pool" size flow
        | Layer.AveragePool size -> pooled number "avg-pool" size flow
        | Layer.Dense units ->
            let output = { Channels = units; Height = 1; Width = 1 }
            withWeights (name "dense") [ int64 units; int64 input.Pixels ] input.Pixels true output flow
        | Layer.GroupNorm groups when input.Channels % groups <> 0 ->
            $"layer {number} (group-norm) does not fit: {input.Channels} channels make no {groups} equal groups"
            |> Error
        | Layer.GroupNorm groups -> normalised number "group-norm" (name "norm") groups [ int64 input.Channels ] flow
        | Layer.LayerNorm ->
            let sides =
                if input.Height * input.Width = 1 then
                    []
                else
                    [ int64 input.Height; int64 input.Width ]

            normalised number "layer-norm" (name "norm") 1 (int64 input.Channels :: sides) flow
        | Layer.Residual layers ->
            let inner = name "residual" + "."

            layers
            |> List.indexed
            |> List.fold
                (fun flow (index, layer) ->
                    flow |> Result.bind (fun flow -> through inner flow ($"{number}.{index + 1}", layer)))
                (Ok flow)
            |> Result.bind (fun after ->
                if (stride input after.Shape).IsSome then
                    Ok after
                else
                    Error
                        $"layer {number} (residual) does not fit: its layers make {after.Shape} of {input}, and the \
                          input cannot be added to that")

    /// Lays the model's parameters out for images of a shape, or says which layer does not fit.
    let fit (input: ImageShape) classes (model: Model) : Result<Architecture, Misfit> =
        let layers = model.Layers classes
        let asAWhole reason = Error { Layer = None; Reason = reason }

        let next reached (index, layer) =
            reached
            |> Result.bind (fun flow ->
                through "" flow (string (index + 1), layer)
                |> Result.mapError (fun reason -> { Layer = Some(index + 1); Reason = reason }))

        let start = { Shape = input; Before = []; Blocks = []; Offset = 0L }

        match List.fold next (Ok start) (List.indexed layers) with
        | Error misfit -> Error misfit
        | Ok flow when flow.Blocks |> List.forall _.Start.IsSome ->
            asAWhole "no layer has weights, so there is nothing to learn"
        | Ok flow when flow.Shape.Pixels <> classes ->
            asAWhole $"the last layer gives {flow.Shape.Pixels} values, but there are {classes} classes"
        | Ok flow ->
            Ok
                { Input = input
                  Classes = classes
                  Layers = layers
                  Shapes = List.rev (flow.Shape :: flow.Before)
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
