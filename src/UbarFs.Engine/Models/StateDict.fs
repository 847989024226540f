namespace UbarFs.Engine

open UbarFs.Core

/// A model as PyTorch knows it: a `torch.nn.Sequential`, and where its parameters lie in a row `[d]`.
type StateDict =
    {
        /// The Python expression that makes the module. It may use `StateDict.residual`.
        Module: string
        /// Names of the module's `state_dict`, in the order of the row.
        Parameters: (string * ParameterBlock) list
    }

[<RequireQualifiedAccess>]
module StateDict =

    /// What a module is called that PyTorch has none for: layers with a shortcut.
    let residualName = "Residual"

    /// Its definition in Python, for modules that use it.
    let residual: string list =
        [ $"class {residualName}(nn.Sequential):"
          "    def forward(self, x):"
          "        y = super().forward(x)"
          "        x = x[:, :, None, None] if x.dim() == 2 else x"
          "        height, channels = (y.shape[2] if y.dim() == 4 else 1), y.shape[1]"
          "        stride, lacking = -(-x.shape[2] // height), channels - x.shape[1]"
          "        x = x[:, :, ::stride, ::stride]"
          "        x = nn.functional.pad(x, (0, 0, 0, 0, lacking // 2, lacking - lacking // 2))"
          "        return y + x.reshape(y.shape)" ]

    /// Whether a module uses it.
    let hasResiduals (expression: string) = expression.Contains $"{residualName}("

    // What precedes a layer that PyTorch, other than UbarFs, does not adapt its input for.
    let private adapting isFlat (weight: int64 list) layer =
        match layer, isFlat with
        | Layer.Dense _, false -> [ "nn.Flatten()" ]
        // A pixel by itself is normalised as a row.
        | Layer.LayerNorm, false when weight.Length = 1 -> [ "nn.Flatten()" ]
        | (Layer.Convolution _ | Layer.StridedConvolution _), true
        | (Layer.MaxPool _ | Layer.AveragePool _ | Layer.GlobalAveragePool), true ->
            let channels = if weight.Length = 4 then weight[1] else -1L
            [ $"nn.Unflatten(1, ({channels}, 1, 1))" ]
        | _ -> []

    let private sides (shape: int64 list) = shape |> List.map string |> String.concat ", "

    let private convolution (weight: int64 list) padding more =
        $"nn.Conv2d({weight[1]}, {weight[0]}, {weight[2]}, padding={padding}{more})"

    /// A layer that has no layers in it.
    let private written (weight: int64 list) layer =
        match layer with
        | Layer.Convolution(_, _, padding) -> convolution weight padding ""
        | Layer.StridedConvolution(_, _, padding, stride, biases) ->
            let without = if biases then "" else ", bias=False"
            convolution weight padding $", stride={stride}{without}"
        | Layer.Dense _ -> $"nn.Linear({weight[1]}, {weight[0]})"
        | Layer.GroupNorm groups -> $"nn.GroupNorm({groups}, {weight[0]})"
        | Layer.LayerNorm -> $"nn.LayerNorm([{sides weight}])"
        | Layer.Relu -> "nn.ReLU()"
        | Layer.Tanh -> "nn.Tanh()"
        | Layer.Sigmoid -> "nn.Sigmoid()"
        | Layer.MaxPool size -> $"nn.MaxPool2d({size})"
        | Layer.AveragePool size -> $"nn.AvgPool2d({size})"
        | Layer.GlobalAveragePool -> "nn.AdaptiveAvgPool2d(1)"
        | Layer.Dropout rate -> $"nn.Dropout({Value.Real rate})"
        | Layer.Flatten -> "nn.Flatten()"
        | Layer.Residual _ -> invalidOp "its layers are written one by one"

    let rec private isFlatAfter isFlat layer =
        match layer with
        | Layer.Dense _
        | Layer.Flatten -> true
        | Layer.Convolution _
        | Layer.StridedConvolution _
        | Layer.MaxPool _
        | Layer.AveragePool _
        | Layer.GlobalAveragePool -> false
        | Layer.Residual layers -> List.fold isFlatAfter isFlat layers
        | Layer.Relu
        | Layer.Tanh
        | Layer.Sigmoid
        | Layer.GroupNorm _
        | Layer.LayerNorm
        | Layer.Dropout _ -> isFlat

    // How many blocks a layer has of its own.
    let private blocksOf layer =
        match layer with
        | Layer.StridedConvolution(_, _, _, _, false) -> [ "weight" ]
        | Layer.Convolution _
        | Layer.StridedConvolution _
        | Layer.Dense _
        | Layer.GroupNorm _
        | Layer.LayerNorm -> [ "weight"; "bias" ]
        | _ -> []

    /// The modules so far, last first; the parameters; whether the flow is flat; the blocks to come.
    type private Progress =
        { Modules: string list
          Named: (string * ParameterBlock) list
          IsFlat: bool
          Rest: ParameterBlock list }

    // `path` begins the names of what is inside of another module.
    let rec private add path progress layer =
        match layer with
        | Layer.Residual layers ->
            let inner = List.fold (add $"{path}{progress.Modules.Length}.") { progress with Modules = [] } layers

            let modules = inner.Modules |> List.rev |> String.concat ", "
            { inner with Modules = $"{residualName}({modules})" :: progress.Modules }
        | layer ->
            let names = blocksOf layer
            let own, rest = List.splitAt names.Length progress.Rest
            let weight = own |> List.tryHead |> Option.map _.Shape |> Option.defaultValue []
            let before = List.rev (adapting progress.IsFlat weight layer) @ progress.Modules
            let named = List.map2 (fun name block -> $"{path}{before.Length}.{name}", block) names own

            { Modules = written weight layer :: before
              Named = progress.Named @ named
              IsFlat =
                isFlatAfter
                    (progress.IsFlat || before.Length > progress.Modules.Length && layer = Layer.LayerNorm)
                    layer
              Rest = rest }

    let ofArchitecture (architecture: Architecture) : StateDict =
        let start = { Modules = []; Named = []; IsFlat = false; Rest = architecture.Blocks }

        let whole = List.fold (add "") start architecture.Layers

        let modules =
            if whole.IsFlat then
                whole.Modules
            else
                "nn.Flatten()" :: whole.Modules

        let written = modules |> List.rev |> String.concat ", "
        { Module = $"nn.Sequential({written})"; Parameters = whole.Named }
