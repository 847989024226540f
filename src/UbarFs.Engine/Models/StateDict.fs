namespace UbarFs.Engine

open UbarFs.Core

/// A model as PyTorch knows it: a `torch.nn.Sequential`, and where its parameters lie in a row `[d]`.
type StateDict =
    {
        /// The Python expression that makes the module.
        Module: string
        /// Names of the module's `state_dict`, in the order of the row.
        Parameters: (string * ParameterBlock) list
    }

[<RequireQualifiedAccess>]
module StateDict =

    // What precedes a layer that PyTorch, other than UbarFs, does not adapt its input for.
    let private adapting isFlat (channels: int64) layer =
        match layer, isFlat with
        | Layer.Dense _, false -> [ "Flatten()" ]
        | (Layer.Convolution _ | Layer.MaxPool _ | Layer.AveragePool _), true -> [ $"Unflatten(1, ({channels}, 1, 1))" ]
        | _ -> []

    let private written (weight: int64 list) layer =
        match layer, weight with
        | Layer.Convolution(_, _, padding), outputs :: inputs :: kernel :: _ ->
            $"Conv2d({inputs}, {outputs}, {kernel}, padding={padding})"
        | Layer.Dense _, outputs :: inputs :: _ -> $"Linear({inputs}, {outputs})"
        | Layer.Relu, _ -> "ReLU()"
        | Layer.Tanh, _ -> "Tanh()"
        | Layer.Sigmoid, _ -> "Sigmoid()"
        | Layer.MaxPool size, _ -> $"MaxPool2d({size})"
        | Layer.AveragePool size, _ -> $"AvgPool2d({size})"
        | Layer.Flatten, _ -> "Flatten()"
        | (Layer.Convolution _ | Layer.Dense _), _ -> invalidOp "an architecture has a weight for each such layer"

    let private isFlatAfter isFlat layer =
        match layer with
        | Layer.Dense _
        | Layer.Flatten -> true
        | Layer.Convolution _
        | Layer.MaxPool _
        | Layer.AveragePool _ -> false
        | Layer.Relu
        | Layer.Tanh
        | Layer.Sigmoid -> isFlat

    /// The modules so far, last first; the parameters; whether the flow is flat, and its channels; the blocks to come.
    type private Progress =
        { Modules: string list
          Named: (string * ParameterBlock) list
          IsFlat: bool
          Channels: int64
          Rest: ParameterBlock list }

    let private add progress layer =
        let before = List.rev (adapting progress.IsFlat progress.Channels layer) @ progress.Modules
        let isFlat = isFlatAfter progress.IsFlat layer

        match layer, progress.Rest with
        | (Layer.Convolution _ | Layer.Dense _), weight :: bias :: rest ->
            { Modules = written weight.Shape layer :: before
              Named = progress.Named @ [ $"{before.Length}.weight", weight; $"{before.Length}.bias", bias ]
              IsFlat = isFlat
              Channels = weight.Shape.Head
              Rest = rest }
        | _ -> { progress with Modules = written [] layer :: before; IsFlat = isFlat }

    let ofArchitecture (architecture: Architecture) : StateDict =
        let start =
            { Modules = []
              Named = []
              IsFlat = false
              Channels = int64 architecture.Input.Channels
              Rest = architecture.Blocks }

        let whole = List.fold add start architecture.Layers

        let modules =
            if whole.IsFlat then
                whole.Modules
            else
                "Flatten()" :: whole.Modules

        let written = modules |> List.rev |> List.map (fun name -> $"nn.{name}") |> String.concat ", "
        { Module = $"nn.Sequential({written})"; Parameters = whole.Named }
