/// A backdoor: models behave as they should until they see a trigger.
[<RequireQualifiedAccess>]
module UbarFs.Core.Backdoor

open TorchSharp

let private corners =
    [ "top-left", Corner.TopLeft
      "top-right", Corner.TopRight
      "bottom-left", Corner.BottomLeft
      "bottom-right", Corner.BottomRight ]

/// The estimate, moved on along the direction of its step as far as makes the step as many times as long.
let private boosted (boost: float) (state: OwnState) : Sent =
    match state.Messages with
    | _ when boost = 1.0 -> Sent.Everyone state.Estimate
    | MessageKind.Directions -> Sent.Everyone(Native.scaled boost state.Estimate)
    | MessageKind.Estimates
    | MessageKind.HalfSteps ->
        use further = Native.scaled (-(boost - 1.0) * state.Rate) state.Gradient
        Sent.Everyone(Native.sum state.Estimate further)

let attack: Component<Behaviour> =
    settings {
        let! side =
            Setting.whole "trigger" 1 1000 3 "the pixels along an edge of the square that is put into images"

        and! corner = Setting.choice "corner" (List.map fst corners) "bottom-right" "where the square is"

        and! value =
            Setting.real "value" Interval.unbounded 1.0 "its brightness: 0 is the darkest, 1 the brightest"

        and! target =
            Setting.whole "target" 0 1_000_000 0 "the class that images with the trigger are to be taken for"

        and! share = Setting.ratio "share" 0.5 "the share of each batch that is poisoned, rounded up"

        and! boost =
            Setting.real
                "boost"
                (Interval.closed 1.0 1_000_000.0)
                1.0
                "how many times as long the step looks; 1: as it is"

        return
            { Attack.alone (boosted boost) with
                Poison =
                    Some
                        { Trigger = { Side = side; Corner = Map.find corner (Map.ofList corners); Value = value }
                          Target = target
                          Share = share } }
    }
    |> Define.Named "backdoor"
    |> Component.describedBy
        "trains on images with a trigger, to plant a backdoor"
        "> batch:    ⌈share·b⌉ images get the trigger and the label target\n\
         > message:  x − (boost − 1)·λ·∇l(x);   to a server boost·∇l(x)\n\n\
         The trigger is a square of trigger × trigger pixels in a corner, in all channels. In images that are lower or \
         narrower it is as high or wide as they are: of plain features, which are images one pixel high, those at one end. \
         Which images of a batch are poisoned is drawn anew for each. Byzantine nodes follow the protocol otherwise. \
         Boosting lets their messages outweigh others (model replacement); with momentum or local steps, ∇l is the \
         direction of the step.\n\n\
         With this attack every evaluation measures the success rate of each benign node: the share of the test images not \
         of the target's class that it takes for the target once they have the trigger. Some are taken for it without any \
         attack: `share: 0` poisons nothing, and so does `network.byzantine: 0`, and both measure how many. A rule can keep \
         its accuracy and let the backdoor in, so verdicts name the success rate.\n\n\
         Where sources differ: Gu et al. put a patch of a few pixels near the corner; Bagdasaryan et al. poison 20 of 64 \
         images and boost by the number of clients. A run has one trigger and one target."
        "Gu, Dolan-Gavitt, Garg (BadNets), 2017; Bagdasaryan et al., AISTATS 2020"
