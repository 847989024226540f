namespace UbarFs.Core

[<RequireQualifiedAccess>]
module Models =

    let private softmax =
        Setting.none { Layers = fun classes -> [ Layer.Dense classes ] }
        |> Define.Named "softmax"
        |> Component.describedBy
            "multinomial logistic regression: one dense layer"
            "> logits = Wx + b\n\n\
             A convex problem with the cross-entropy loss, for quick checks."
            "a convex problem, for quick checks"

    let private mlp =
        settings {
            let! hidden = Setting.whole "hidden" 1 65536 100 "units of the hidden layer"
            return { Layers = fun classes -> [ Layer.Dense hidden; Layer.Relu; Layer.Dense classes ] }
        }
        |> Define.Named "mlp"
        |> Component.describedBy
            "one hidden layer with ReLU"
            "> logits = W₂ max(0, W₁x + b₁) + b₂\n\n\
             The default has the 100 hidden units of El Mhamdi et al."
            "El Mhamdi et al., ICML 2018, use one with 100 hidden units on MNIST"

    let private cnn =
        let layers classes =
            [ Layer.Convolution(16, 3, 0)
              Layer.Relu
              Layer.MaxPool 3
              Layer.Convolution(64, 4, 1)
              Layer.Relu
              Layer.MaxPool 4
              Layer.Dense 384
              Layer.Relu
              Layer.Dense 192
              Layer.Relu
              Layer.Dense classes ]

        Setting.none { Layers = layers }
        |> Define.Named "cnn"
        |> Component.describedBy
            "the paper's network: two convolutions and three dense layers"
            "> conv 16@3×3, ReLU, max-pool 3,\n\
             > conv 64@4×4 (padding 1), ReLU, max-pool 4,\n\
             > dense 384, ReLU, dense 192, ReLU, dense classes\n\n\
             The images must leave something after the second pooling: 17×17 pixels or more."
            "UBAR paper, section VI-A; El Mhamdi et al., ICML 2018"

    let all: Component<Model> list = [ softmax; mlp; cnn ]
