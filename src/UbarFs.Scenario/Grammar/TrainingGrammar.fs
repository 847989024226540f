/// How nodes train, as a scenario says it.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.TrainingGrammar

open FsToolkit.ErrorHandling
open UbarFs.Core

// Exactly one of the two ways to write it.
let private length context (epochs: Located<Duration> option) (iterations: Located<Duration> option) =
    match epochs, iterations with
    | Some length, None
    | None, Some length -> Ok length
    | None, None ->
        Validation.error (Field.missing "epochs" "how long the nodes train (or training.iterations)" context)
    | Some epochs, Some iterations ->
        Diagnostic.error iterations.Span "the length of the training is given twice"
        |> Diagnostic.noting epochs.Span "it is first given here"
        |> Diagnostic.hinted "take one out: 'epochs' or 'iterations'"
        |> Validation.error

let private momentum =
    fields {
        let! beta =
            Decode.real (Interval.below 0.0 1.0)
            |> Field.withDefault "beta" "β, how much of the direction before remains; 0: none" "0.9"

        and! form =
            Decode.choice [ "heavy-ball", MomentumForm.HeavyBall; "averaged", MomentumForm.Averaged ]
            |> Field.withDefault "form" "heavy-ball: m ← βm + g; averaged: m ← βm + (1 − β)g" "heavy-ball"

        return { Beta = beta; Form = form }
    }
    |> Field.mapping

/// The section `training`, with the places of its length and its batch.
let decoder =
    fields {
        let! batch = Decode.whole 1 1_000_000 |> Field.placed "batch" "images in a mini-batch" "32"

        and! epochs =
            Durations.epochs |> Decode.located |> Field.optional "epochs" "how often each node sees its images"

        and! iterations =
            Durations.iterations
            |> Decode.located
            |> Field.optional "iterations" "how often each node aggregates"
            |> Field.insteadOf "epochs"

        and! rate =
            Decode.real Interval.positive |> Field.withDefault "rate" "λ₀, the initial learning rate" "0.05"

        and! fading =
            Decode.realOrWord Interval.positive [ "none" ]
            |> Field.withDefault "fading" "f of the decay 'fading', λ₀·f/(f + epoch); none: the rate stays λ₀" "20"

        and! decay =
            Choice.decoder "decay" Catalogue.decays |> Field.withDefault "decay" "how the rate falls" "fading"

        and! warmup =
            Durations.eitherOrNone
            |> Field.withDefault
                "warmup"
                "how long the rate rises evenly to λ₀ first, from where the decay counts; none: it starts at λ₀"
                "none"

        and! momentum =
            momentum
            |> Field.optional "momentum" "the direction of a step remembers earlier ones; by default, none"

        and! weightDecay =
            Decode.real Interval.nonNegative
            |> Field.withDefault
                "weight-decay"
                "how much of the estimate is added to its gradient, as PyTorch's SGD does"
                "0"

        and! clip =
            Decode.realOrWord Interval.positive [ "none" ]
            |> Field.withDefault
                "gradient-clip"
                "the largest norm of a gradient, before weight decay, as of PyTorch's clip_grad_norm_"
                "none"

        and! localSteps =
            Decode.whole 1 100_000
            |> Field.withDefault "local-steps" "τ, steps between two exchanges, each on a batch of its own" "1"

        and! lastBatch =
            Decode.choice [ "drop", LastBatch.Drop; "keep", LastBatch.Keep ]
            |> Field.withDefault "last-batch" "what happens to a smaller last batch of an epoch" "drop"

        and! start =
            Choice.decoder "start" Catalogue.starts
            |> Field.withDefault "start" "whether all nodes start from one estimate or each from its own" "shared"

        and! loss =
            Decode.choice [ "cross-entropy", Loss.CrossEntropy; "hinge", Loss.Hinge ]
            |> Field.withDefault "loss" "what the nodes minimise, as its mean over a batch" "cross-entropy"

        return
            fun context ->
                length context epochs iterations
                |> Result.map (fun length ->
                    {| Plan =
                        { Batch = fst batch
                          Length = length.Value
                          Rate = { Initial = rate; Decay = decay.Value(Result.toOption fading) }
                          Warmup = warmup
                          Momentum = momentum
                          WeightDecay = weightDecay
                          GradientClip = Result.toOption clip
                          LocalSteps = localSteps
                          LastBatch = lastBatch
                          Start = start.Value
                          Loss = loss }
                       Length = length.Span
                       Batch = snd batch |})
    }
    |> Field.mapping
    |> Decode.refine (fun context plan -> plan context)
