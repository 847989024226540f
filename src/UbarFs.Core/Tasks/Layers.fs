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
        return fun _ -> Layer.Convolution(channels, kernel, padding)
    }
    |> Define.Named "conv"
    |> Component.describedBy
        "two-dimensional convolution with a square kernel and stride 1"
        "y_c = b_c + Σ_i W_{c,i} ⋆ x_i. An image of h×w pixels becomes one of h + 2·padding − kernel + 1 by \
         w + 2·padding − kernel + 1."
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

let all: Component<int -> Layer> list =
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
          "a common name in other tools" ]
