/// The layers that a model can be listed of. Each is a function of the number of classes.
[<RequireQualifiedAccess>]
module UbarFs.Core.Layers

let private plain name layer summary meaning source : Component<int -> Layer> =
    Setting.none (fun (_: int) -> layer)
    |> Define.Named name
    |> Component.describedBy summary meaning source

let private dense: Component<int -> Layer> =
    settings {
        let! units = Setting.wholeOrWord "units" 1 1_048_576 [ "classes" ] "classes" "outputs"

        return
            fun classes ->
                match units with
                | Ok units -> Layer.Dense units
                | Error _ -> Layer.Dense classes
    }
    |> Define.Named "dense"
    |> Component.describedBy
        "fully connected, on the flattened input"
        "y = Wx + b. With 'classes', as many outputs as the dataset has classes: the usual last layer."
        "F. Rosenblatt, The perceptron, 1958"

let private convolution: Component<int -> Layer> =
    settings {
        let! channels = Setting.whole "channels" 1 65536 16 "outputs for each pixel"
        and! kernel = Setting.whole "kernel" 1 1024 3 "height and width of the kernel"
        and! padding = Setting.whole "padding" 0 1024 0 "zeros added on each side"
        and! stride = Setting.whole "stride" 1 1024 1 "pixels from one place of the kernel to the next"
        and! biases = Setting.truth "biases" true "whether each channel has a number that is added"

        return
            fun _ ->
                if stride = 1 && biases then
                    Layer.Convolution(channels, kernel, padding)
                else
                    Layer.StridedConvolution(channels, kernel, padding, stride, biases)
    }
    |> Define.Named "conv"
    |> Component.describedBy
        "two-dimensional convolution with a square kernel"
        "y_c = b_c + Σ_i W_{c,i} ⋆ x_i. An image of h×w pixels becomes one of h + 2·padding − kernel + 1 by \
         w + 2·padding − kernel + 1; with a stride, of these, one pixel in so many each way. Before a normalisation, \
         which takes them away, biases are of no use."
        "Y. LeCun et al., Backpropagation applied to handwritten zip code recognition, 1989"

let private pool name layer summary meaning : Component<int -> Layer> =
    settings {
        let! size = Setting.whole "size" 1 1024 2 "height and width of a window"
        return fun (_: int) -> layer size
    }
    |> Define.Named name
    |> Component.describedBy
        summary
        meaning
        "Y. LeCun et al., Gradient-based learning applied to document recognition, 1998"

let private groupNorm: Component<int -> Layer> =
    settings {
        let! groups = Setting.whole "groups" 1 65536 8 "how many groups the channels make"
        return fun _ -> Layer.GroupNorm groups
    }
    |> Define.Named "group-norm"
    |> Component.describedBy
        "groups of channels brought to mean 0 and variance 1"
        "> y = w_c (x − mean)/√(variance + 1e-5) + b_c\n\n\
         Mean and variance are those of one image's values in a group of channels side by side: no image depends on the \
         others of its batch, and nothing is remembered for testing, as batch normalisation would. w begins at 1, b at 0."
        "Y. Wu and K. He, Group normalization, 2018"

let private dropout: Component<int -> Layer> =
    settings {
        let! rate = Setting.real "rate" (Interval.below 0.0 1.0) 0.5 "the chance of each value to be 0"
        return fun _ -> Layer.Dropout rate
    }
    |> Define.Named "dropout"
    |> Component.describedBy
        "values left out at random while nodes train"
        "> y = 0 with the chance rate, and else x/(1 − rate)\n\n\
         What is left out follows from the seed, the node and its step: it is part of the batch ξ. So the losses by which a \
         node judges what it received, and its own, leave out the same. In tests nothing is left out."
        "N. Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting, 2014"

let private others: Component<int -> Layer> list =
    [ convolution
      dense
      plain
          "relu"
          Layer.Relu
          "rectifier"
          "y = max(0, x), value by value"
          "V. Nair and G. E. Hinton, Rectified linear units improve restricted Boltzmann machines, 2010"
      plain
          "tanh"
          Layer.Tanh
          "hyperbolic tangent"
          "y = tanh x, value by value"
          "Y. LeCun et al., Efficient BackProp, 1998"
      plain
          "sigmoid"
          Layer.Sigmoid
          "logistic function"
          "y = 1/(1 + e^(−x)), value by value"
          "D. E. Rumelhart, G. E. Hinton and R. J. Williams, Learning representations by back-propagating errors, 1986"
      pool
          "max-pool"
          Layer.MaxPool
          "the largest value of each window"
          "Windows of size × size pixels side by side, each channel by itself; a remainder at the border is dropped."
      pool
          "avg-pool"
          Layer.AveragePool
          "the mean of each window"
          "Windows of size × size pixels side by side, each channel by itself; a remainder at the border is dropped."
      plain
          "flatten"
          Layer.Flatten
          "the values of an image as one row"
          "Channels × height × width values become so many channels of one pixel. A dense layer does so by itself."
          "a common name in other tools"
      plain
          "global-avg-pool"
          Layer.GlobalAveragePool
          "the mean of each channel"
          "An image becomes one of a single pixel."
          "M. Lin, Q. Chen and S. Yan, Network in network, 2014"
      groupNorm
      plain
          "layer-norm"
          Layer.LayerNorm
          "all values of an image brought to mean 0 and variance 1"
          "y = w (x − mean)/√(variance + 1e-5) + b, with mean and variance of one image's values, and a scale w and a shift \
           b for each of them. w begins at 1, b at 0."
          "J. L. Ba, J. R. Kiros and G. E. Hinton, Layer normalization, 2016"
      dropout ]

let rec private residual () : Component<int -> Layer> =
    settings {
        let! layers =
            Setting.layers "layers" "[layer-norm, relu]" "what is added to the input" (fun text ->
                LayerText.read (residual () :: others) text)

        return fun classes -> Layer.Residual(layers |> List.map (fun layer -> layer classes))
    }
    |> Define.Named "residual"
    |> Component.describedBy
        "a block of layers whose input is added to its output"
        "> y = f(x) + x\n\n\
         f is the list of layers, which can have residuals in it. Where it makes more channels of x, half of those that x \
         lacks are zeros before its own and half behind; where it makes fewer pixels, x keeps one of so many each way, the \
         first of them: the shortcut A of the source, which has no weights."
        "K. He et al., Deep residual learning for image recognition, 2016"

let all: Component<int -> Layer> list = others @ [ residual () ]
