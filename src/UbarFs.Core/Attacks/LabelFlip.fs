/// Data poisoning: honest training on wrong labels.
[<RequireQualifiedAccess>]
module UbarFs.Core.LabelFlip

let private mirrored classes label = classes - 1 - label
let private shifted amount classes label = (label + amount) % classes

let attack: Component<Behaviour> =
    settings {
        let! mapping = Setting.choice "mapping" [ "mirror"; "shift" ] "mirror" "how a label changes"
        and! amount = Setting.whole "shift" 1 1_000_000 1 "how far the mapping 'shift' moves a label"

        return
            { Attack.honest with
                Label = if mapping = "mirror" then mirrored else shifted amount }
    }
    |> Define.Named "label-flip"
    |> Component.describedBy
        "trains on wrong labels and sends what comes of it"
        "> mirror:  y → C − 1 − y\n\
         > shift:   y → (y + shift) mod C\n\n\
         C is the number of classes. Only the training labels of Byzantine nodes change; they follow the protocol \
         otherwise."
        "Biggio, Nelson, Laskov, ICML 2012; Fang et al., USENIX Security 2020"
