/// The own estimate among the received ones.
[<RequireQualifiedAccess>]
module UbarFs.Core.WithOwn

let private blends (standing: LocalView) (_: float[]) =
    Array.append [| Blending.own |] (Array.init standing.Neighbours Blending.at)

let stage: Component<PipelineStage> =
    Blending.stage (FromZero blends)
    |> PipelineStage.joiningOwn
    |> PipelineStage.counting (fun neighbours -> neighbours + 1)
    |> PipelineStage.claiming (List.except [ Law.OwnApart ] PipelineStage.laws)
    |> Setting.none
    |> Define.Named "with-own"
    |> Component.describedBy
        "the own estimate joins the received ones"
        "> x_1 … x_m become x_i, x_1 … x_m\n\n\
         The own estimate comes first, with its weight W_ii. With it and `alpha: 0` every rule is what centralized papers \
         and most decentralized code use; a rule that takes α from W, as average does, has α = 0 behind it. n̂ stays what \
         it is among the |N_i| neighbours."
        "Farhadkhani et al., MoNNA, ICML 2023"
