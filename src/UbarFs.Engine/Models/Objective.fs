namespace UbarFs.Engine

open TorchSharp
open UbarFs.Core
open UbarFs.Kernels
open UbarFs.Kernels.Images

/// Images `[b, channels, height, width]` with their labels `[b]`.
type Batch =
    {
        Images: torch.Tensor
        Labels: torch.Tensor
        /// What dropout leaves out; none where nothing is left out, as in tests.
        Draws: Draws option
    }

/// What an estimate achieves on the test images.
type Tested =
    {
        /// The share of the images for which the largest logit is the label's.
        Accuracy: float
        /// The mean of the scenario's loss over the images.
        Loss: float
        /// With a backdoor, the share of the images not of its target's class that are taken for the target once they have
        /// the trigger.
        Success: float option
        /// The accuracy on the training images that are held out, if there are any.
        Validation: float option
    }

/// The loss l(x, ξ) of a row `[d]` on a batch, and what follows from it.
[<RequireQualifiedAccess>]
module Objective =

    let private hinge (logits: torch.Tensor) (labels: torch.Tensor) =
        let labels = labels.unsqueeze 1L
        let never = Native.number -infinity (fun value -> torch.full_like (labels, value, dtype = logits.dtype))

        let others = logits.scatter(1L, labels, never).amax [| 1L |]
        let margin = others - logits.gather(1L, labels).squeeze 1L
        (Native.shifted 1.0 margin).relu()

    /// The loss of each image, `[b]`, from logits `[b, classes]` and labels `[b]`.
    let ofImages loss (logits: torch.Tensor) (labels: torch.Tensor) : torch.Tensor =
        match loss with
        | Loss.CrossEntropy -> torch.nn.functional.cross_entropy (logits, labels, reduction = torch.nn.Reduction.None)
        | Loss.Hinge -> hinge logits labels

    let private meanLoss loss architecture blocks batch =
        (ofImages loss (Forward.logitsDrawing batch.Draws architecture blocks batch.Images) batch.Labels).mean()

    /// Whether a batch is that of a node without data: its losses and its gradients are 0.
    let private isEmpty (batch: Batch) = batch.Labels.shape[0] = 0L

    let private valueOf loss architecture (batch: Batch) row =
        use scope = torch.NewDisposeScope()
        use _ = torch.no_grad ()
        meanLoss loss architecture (Forward.blocks architecture row) batch |> Native.read

    let private slopeOf loss architecture (batch: Batch) (row: torch.Tensor) (gradient: torch.Tensor) =
        use scope = torch.NewDisposeScope()

        let leaves = Forward.blocks architecture row |> List.map (fun block -> block.detach().requires_grad_())

        let value = meanLoss loss architecture leaves batch
        let gradients = torch.autograd.grad ([| value |], Array.ofList leaves)

        for target, part in Seq.zip (Forward.blocks architecture gradient) gradients do
            target.copy_ part |> ignore

        Native.read (value.detach ())

    /// The loss of a row.
    let loss loss architecture (batch: Batch) (row: torch.Tensor) : float =
        if isEmpty batch then
            0.0
        else
            valueOf loss architecture batch row

    /// Writes the gradient at `row` into `gradient`, both `[d]`, and returns the loss.
    let gradient loss architecture (batch: Batch) (row: torch.Tensor) (gradient: torch.Tensor) : float =
        if isEmpty batch then
            gradient.zero_ () |> ignore
            0.0
        else
            slopeOf loss architecture batch row gradient

    /// How many answers of logits `[…, b, classes]` are right, and the sum of the losses of labels `[b]`, both in float64:
    /// `[2, …]`.
    let judged loss (logits: torch.Tensor) (labels: torch.Tensor) : torch.Tensor =
        let right = logits.argmax(-1L).eq(labels).sum(-1L, ``type`` = torch.float64)
        let each = labels.expand(logits.shape[.. logits.shape.Length - 2]).flatten()
        let losses = ofImages loss (logits.flatten (0L, int64 (logits.dim ()) - 2L)) each
        let lost = losses.view(logits.shape[.. logits.shape.Length - 2]).sum(-1L, ``type`` = torch.float64)
        torch.stack [| right; lost |]

    // The same in one pass, where it can be.
    let private judgedApart loss (logits: torch.Tensor) (labels: torch.Tensor) : Answered =
        match loss with
        | Loss.CrossEntropy when Answers.Takes logits -> Answers.CrossEntropy(logits, labels)
        | Loss.Hinge when Answers.Takes logits -> Answers.Hinge(logits, labels)
        | loss ->
            let sums = Transfers.Read<float>(judged loss logits labels)
            Answered(int64 sums[0], sums[1])

    /// What a row achieves on images taken a chunk at a time.
    let tested loss architecture (chunks: Batch list) (row: torch.Tensor) : Tested =
        use scope = torch.NewDisposeScope()
        use _ = torch.no_grad ()
        let blocks = Forward.blocks architecture row

        let ofChunk chunk =
            use inner = torch.NewDisposeScope()
            judgedApart loss ((Forward.logits architecture blocks chunk.Images).contiguous()) chunk.Labels

        let answered = List.map ofChunk chunks
        let images = chunks |> List.sumBy (fun chunk -> chunk.Labels.shape[0]) |> float

        { Accuracy = float (answered |> List.sumBy _.Right) / images
          Loss = (answered |> List.sumBy _.Loss) / images
          Success = None
          Validation = None }
