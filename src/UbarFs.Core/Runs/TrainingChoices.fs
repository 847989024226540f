/// What a scenario can choose by name of how nodes train. They are computed by code that every run has: none of them has a
/// file of its own.
[<RequireQualifiedAccess>]
module UbarFs.Core.TrainingChoices

// No source has this name.
let private named name = Define.Named(name, "")

let private fading =
    Setting.none (fun fading -> fading |> Option.map Decay.Fading |> Option.defaultValue Decay.None)
    |> named "fading"
    |> Component.describedBy
        "falls with the epoch, as in the paper"
        "> λ = λ₀·f/(f + epoch)\n\n\
         f is `training.fading`; with `none`, the rate stays λ₀."
        "UBAR paper, section VI-A"

let private always name decay summary meaning source =
    Setting.none (fun (_: float option) -> decay)
    |> named name
    |> Component.describedBy summary meaning source

let private steps =
    settings {
        let! epochs = Setting.wholes "at" 1L 1_000_000L [ 30L; 60L ] "the epochs from which on the rate is lower"
        and! factor = Setting.real "factor" (Interval.above 0.0 1.0) 0.1 "what it is multiplied by at each"
        return fun (_: float option) -> Decay.Steps(epochs, factor)
    }
    |> named "steps"
    |> Component.describedBy
        "falls by a factor at some epochs"
        "> λ = λ₀·factor^(number of the epochs in `at` that have begun)\n\n\
         Epochs are counted from 0: `at: 30` lowers the rate after 30 of them."
        "PyTorch's MultiStepLR"

/// How the rate falls, out of f of the fading.
let decays: Component<float option -> Decay> list =
    [ fading
      always "none" Decay.None "stays as it is" "> λ = λ₀" "the usual assumption of theory with a constant rate"
      always
          "inverse-root"
          Decay.InverseRoot
          "falls with the root of the iteration"
          "> λ = λ₀/√(k + 1) in iteration k, counted from 0"
          "the rate of convex analysis, as of Zinkevich, ICML 2003"
      steps
      always
          "cosine"
          Decay.Cosine
          "falls to nearly 0 along half a cosine"
          "> λ = λ₀·(1 + cos(π·k/K))/2 in iteration k of K\n\n\
           The iterations of a warmup count neither in k nor in K."
          "I. Loshchilov and F. Hutter, SGDR, ICLR 2017" ]

let private start name value summary meaning =
    Setting.none value
    |> named name
    |> Component.describedBy summary meaning "PyTorch's default for dense layers and convolutions; LeCun et al., 1998"

let private normal =
    settings {
        let! sigma =
            Setting.real "sigma" Interval.nonNegative 0.1 "the deviation of each coordinate; 0 starts from zeros"

        return Start.Normal sigma
    }
    |> named "normal"
    |> Component.describedBy
        "every node from its own normal numbers"
        "Each coordinate of each node's estimate is drawn from N(0, σ²)."
        "a common choice in experiments on consensus"

/// Where nodes start.
let starts: Component<Start> list =
    [ start
          "shared"
          Start.Shared
          "all nodes from one estimate"
          "One x_0 for all, as in algorithm 1: weights and biases uniform in ±1/√fan-in."
      start
          "own"
          Start.Own
          "every node from its own estimate"
          "Every node draws its own x_0: weights and biases uniform in ±1/√fan-in."
      normal ]
