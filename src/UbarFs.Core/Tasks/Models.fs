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

    let private withoutBias channels stride = Layer.StridedConvolution(channels, 3, 1, stride, false)

    /// A network of He et al. for small images: three stages of blocks with 16, 32 and 64 channels.
    let private resNet name blocks parameters =
        let block groups channels stride =
            [ Layer.Residual
                  [ withoutBias channels stride
                    Layer.GroupNorm groups
                    Layer.Relu
                    withoutBias channels 1
                    Layer.GroupNorm groups ]
              Layer.Relu ]

        let stage groups channels first =
            [ for index in 1..blocks do
                  yield! block groups channels (if index = 1 then first else 1) ]

        settings {
            let! groups =
                Setting.choice "groups" [ "1"; "2"; "4"; "8"; "16" ] "8" "groups of channels in normalisations"

            let layers classes =
                let groups = int groups

                [ withoutBias 16 1; Layer.GroupNorm groups; Layer.Relu ]
                @ stage groups 16 1
                @ stage groups 32 2
                @ stage groups 64 2
                @ [ Layer.GlobalAveragePool; Layer.Dense classes ]

            return { Layers = layers }
        }
        |> Define.Named name
        |> Component.describedBy
            $"residual network of {6 * blocks + 2} layers for small images"
            $"> conv 16@3×3, {blocks} blocks of 16, {blocks} of 32, {blocks} of 64 channels,\n\
              > mean of each channel, dense classes\n\
              > block: x + (conv 3×3, norm, ReLU, conv 3×3, norm), ReLU\n\n\
              The first block of 32 and of 64 has stride 2, with shortcuts without weights (A in the source). Convolutions \
              have no biases. Normalisation is by groups of channels, not by batches: what batch normalisation remembers \
              for tests is no parameter that nodes could exchange. {parameters} parameters on \
              CIFAR-10, as many as with batch normalisation."
            "K. He et al., Deep residual learning for image recognition, 2016; Y. Wu and K. He, Group normalization, 2018"

    let all: Component<Model> list =
        [ softmax
          mlp
          cnn
          resNet "resnet8" 1 "75,290"
          resNet "resnet20" 3 "269,722" ]
