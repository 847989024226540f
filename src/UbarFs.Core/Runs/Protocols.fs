/// The protocols that a scenario can choose, and which rules are defined for which. They are computed by code that every run
/// has: none of them has a file of its own.
[<RequireQualifiedAccess>]
module UbarFs.Core.Protocols

// No source has this name.
let private named name = Define.Named(name, "")

let private gossip =
    Setting.none Protocol.Gossip
    |> named "gossip"
    |> Component.describedBy
        "combine what was received, then step: equation 2"
        "> message:  x_{k,i}\n\
         > x_{k+1,i} = αx_{k,i} + (1 − α)R_i − λ∇l(x_{k,i}, ξ_{k,i})\n\n\
         Everyone sends its estimate before its step, and judges what comes in by losses at these estimates. The step, with \
         its momentum and local steps, is that of x_{k,i}, and is taken beside what was combined."
        "UBAR paper, equation 2; combine-then-adapt in the literature on diffusion"

let private adaptThenCombine =
    Setting.none Protocol.AdaptThenCombine
    |> named "adapt-then-combine"
    |> Component.describedBy
        "step, send where that led, then combine"
        "> message:  x½_i = x_{k,i} − λm_i, after τ local steps\n\
         > x_{k+1,i} = αx½_i + (1 − α)R_i of the x½_j\n\n\
         m_i is the sum of the directions of the local steps. A rule sees half-steps wherever it speaks of estimates: its \
         own is x½_i, and losses are those at the x½ on the batch of the first local step. A rule that takes its own \
         gradient step (byrdie, tv-norm) is not defined here: the step has been taken.\n\n\
         Most programs for decentralized learning train like this."
        "Cattivelli and Sayed, IEEE TSP 2010; He, Karimireddy and Jaggi, 2022; Wu, Chen and Ling, 2023"

let private server =
    settings {
        let! root =
            Setting.whole "root" 0 100_000_000 0 "training images that the server has, which no node has; 0: none"

        return Protocol.Server root
    }
    |> named "server"
    |> Component.describedBy
        "all send directions to a server, which cannot lie"
        "> message:  m_i, the sum of the directions of τ local steps from x_k\n\
         > x_{k+1} = x_k − λR of the m_i\n\n\
         One more participant, the server, holds the estimate of all, hears everyone and is honest. Without momentum and \
         local steps a direction is the gradient of a batch; with τ local steps the server averages what they led to. There \
         is no topology: `network.topology`, `network.weights` and α count for nothing.\n\n\
         With `root` images, drawn from the training set before it is divided, the server knows a direction of its own, \
         that of a batch of them at x_k, and the loss of a direction m, which is the loss at x_k − λm on that batch. Rules \
         that look at losses (zeno, ubar, rd-svm) and rules that judge by the own estimate (ubar, nna, fltrust, with-own …) \
         need them. For rules that only measure from the own estimate or begin there (clip, centered-clipping, rfa, flame, \
         sign-guard, fools-gold, zeno), 0 stands in its place. A rule that takes its own gradient step (byrdie, tv-norm) is \
         not defined here.\n\n\
         The accuracy is that of the server's estimate: all benign nodes have the same."
        "Blanchard et al., NeurIPS 2017; with a root dataset: Xie, Koyejo and Gupta, ICML 2019; Cao et al., NDSS 2021"

/// How nodes can train together.
let all: Component<Protocol> list = [ gossip; adaptThenCombine; server ]

/// Whether what a rule makes depends on losses.
let asksForLosses (rule: Rule) = rule.Cost = Cost.LinearWithLosses

/// Whether a rule judges by the own estimate, or has it among what it aggregates.
let judgesByOwn (rule: Rule) = not (rule.OwnIsOrigin || List.contains Law.OwnApart rule.Claims)

/// Why a rule is not defined under a protocol, in the user's words, and what would do.
let refusal (protocol: Protocol) (rule: Rule) : (string * string) option =
    match protocol, rule.Update with
    | Protocol.Gossip, _
    | Protocol.AdaptThenCombine, _ when rule.Central.IsSome ->
        Some("only a server can follow it", "'protocol: server' has one")
    | Protocol.Gossip, _ -> None
    | Protocol.AdaptThenCombine, Update.Replaced ->
        Some(
            "it takes its own gradient step, and under 'adapt-then-combine' that has been taken before it sees anything",
            "'protocol: gossip' has rules that step by themselves"
        )
    | Protocol.AdaptThenCombine, _ -> None
    | Protocol.Server _, Update.Replaced ->
        Some(
            "it takes its own gradient step, and a server has no gradient",
            "'protocol: gossip' has rules that step by themselves"
        )
    | Protocol.Server root, _ when root > 0 -> None
    | Protocol.Server _, _ when asksForLosses rule ->
        Some(
            "it looks at losses, and the server has no images to compute them on",
            "'protocol: { server: { root: 100 } }' gives it 100 of the training images"
        )
    | Protocol.Server _, _ when judgesByOwn rule ->
        Some(
            "it goes by the own estimate, and a server without images has no direction of its own",
            "'protocol: { server: { root: 100 } }' gives it 100 of the training images"
        )
    | Protocol.Server _, _ -> None

/// Why a rule for signs does not fit how nodes train, in the user's words.
let contradiction (training: TrainingPlan) (rule: Rule) : string option =
    let isPlain =
        training.Momentum.IsNone
        && training.WeightDecay = 0.0
        && training.GradientClip.IsNone
        && training.LocalSteps = 1

    match rule.Central with
    | Some(Allocation.Signs _) when not isPlain ->
        Some "its nodes send signs: momentum, weight decay, clipping and local steps are not defined for them"
    | _ -> None

/// The protocols that a rule is defined for, as lists show them.
let definedFor (rule: Rule) : string list =
    let isDefined protocol = (refusal protocol rule).IsNone

    [ if isDefined Protocol.Gossip then
          "gossip"
      if isDefined Protocol.AdaptThenCombine then
          "adapt-then-combine"
      if isDefined (Protocol.Server 0) then
          "server"
      elif isDefined (Protocol.Server 1) then
          "server with root images" ]
