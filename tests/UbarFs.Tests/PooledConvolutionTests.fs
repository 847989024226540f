/// The convolution that is pooled at once, against libtorch's two operations.
module UbarFs.Tests.PooledConvolutionTests

open System.Threading.Tasks
open Expecto
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Kernels
open UbarFs.Kernels.Estimates
open UbarFs.Kernels.Images
open UbarFs.Testing

type private Case =
    { Images: int
      Channels: int
      Height: int
      Width: int
      Outputs: int
      Kernel: int
      Padding: int
      Pool: int
      Seed: int64 }

/// Sizes up to several vectors in each direction, of which something is left after pooling.
let private cases =
    gen {
        let! images = Gen.choose (1, 4)
        let! channels = Gen.elements [ 1; 2; 3; 5; 16; 17 ]
        let! outputs = Gen.elements [ 4; 8; 12; 16; 32; 40 ]
        let! kernel = Gen.choose (1, 5)
        let! padding = Gen.choose (0, 2)
        let! pool = Gen.choose (1, 4)
        let smallest = max 1 (kernel + pool - 1 - 2 * padding)
        let! height = Gen.choose (smallest, smallest + 14)
        let! width = Gen.choose (smallest, smallest + 30)
        let! seed = Gen.choose (1, 1_000_000)

        return
            { Images = images
              Channels = channels
              Height = height
              Width = width
              Outputs = outputs
              Kernel = kernel
              Padding = padding
              Pool = pool
              Seed = int64 seed }
    }

let private gaussian seed name (shape: int list) : torch.Tensor =
    let numbers = Array.zeroCreate<float32>(List.fold (*) 1 shape)
    KeyedRandom(seed, name, 0, 0L).FillGaussian numbers
    torch.tensor(numbers).view(shape |> List.map int64 |> Array.ofList)

let private inputs case =
    gaussian case.Seed "images" [ case.Images; case.Channels; case.Height; case.Width ],
    gaussian case.Seed "weight" [ case.Outputs; case.Channels; case.Kernel; case.Kernel ],
    gaussian case.Seed "bias" [ case.Outputs ]

let private byTorch case (images: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) : torch.Tensor =
    let padding = int64 case.Padding

    torch.nn.functional.max_pool2d (
        torch.nn.functional.conv2d (images, weight, bias, padding = [| padding; padding |]),
        int64 case.Pool
    )

let private slopesLike (maxima: torch.Tensor) seed =
    gaussian seed "slopes" (maxima.shape |> Array.map int |> List.ofArray)

/// The gradients of images, weights and bias when something is learnt through an operation.
let private learnt operation (images: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) seed =
    let leaf (tensor: torch.Tensor) = tensor.detach().requires_grad_()
    let images, weight, bias = leaf images, leaf weight, leaf bias
    let maxima: torch.Tensor = operation (images, weight, bias)
    List.ofSeq (torch.autograd.grad ([| maxima |], [| images; weight; bias |], [| slopesLike maxima seed |]))

let private ours case (images, weight, bias) = PooledConvolution.Of(images, weight, bias, case.Padding, case.Pool)

/// Sums of thousands of numbers, in another order.
let private close (one: torch.Tensor) (other: torch.Tensor) =
    let largest = max 1.0 (other.abs().max().ToDouble())
    one.shape = other.shape && (one - other).abs().max().ToDouble() <= 1e-5 * largest

let private widths =
    [ LaneWidth.Narrow; LaneWidth.Middle; LaneWidth.Wide ]
    |> List.filter (fun width -> width <= Lanes.Widest)

let private law name check =
    testProperty name
    <| Generators.forAll cases (fun case ->
        use _ = torch.NewDisposeScope()
        check case)

let private laws =
    testList
        "laws"
        [ law "the maxima are libtorch's, at every width" (fun case ->
              let images, weight, bias = inputs case
              let expected = byTorch case (images, weight, bias)

              widths
              |> List.forall (fun width ->
                  let struct (maxima, places) =
                      PooledConvolution.Forward(images, weight, bias, case.Padding, case.Pool, true, width)

                  close maxima expected && not (isNull places)))

          law "the gradients are libtorch's" (fun case ->
              let inputs = inputs case
              let expected = learnt (byTorch case) inputs case.Seed
              List.forall2 close (learnt (ours case) inputs case.Seed) expected)

          law "the gradients are the same at every width" (fun case ->
              let images, weight, bias = inputs case

              let struct (maxima, places) =
                  PooledConvolution.Forward(images, weight, bias, case.Padding, case.Pool, true, Lanes.Widest)

              let slopes = slopesLike maxima case.Seed

              let gradients width =
                  let struct (ofWeight, ofImages) =
                      PooledConvolution.Backward(
                          images,
                          weight,
                          nonNull places,
                          slopes,
                          case.Padding,
                          case.Pool,
                          true,
                          width
                      )

                  [ ofWeight; nonNull ofImages ]

              let expected = gradients Lanes.Widest
              widths |> List.forall (fun width -> List.forall2 close (gradients width) expected))

          law "training sees the values that are seen without gradients, to the bit" (fun case ->
              let inputs = inputs case
              let learning = ours case inputs
              use _ = torch.no_grad ()
              learning.detach().Equals(ours case inputs))

          law "how images lie in memory makes no difference" (fun case ->
              let images, weight, bias = inputs case
              let laidOut = images.permute(0L, 2L, 3L, 1L).contiguous().permute(0L, 3L, 1L, 2L)
              (ours case (images, weight, bias)).Equals(ours case (laidOut, weight, bias)))

          law "of equal maxima the first has the slope" (fun case ->
              let images, weight, bias = inputs case
              // Sums of whole numbers are exact in any order.
              let inputs = images.sign (), weight.sign (), bias.sign ()
              let expected = learnt (byTorch case) inputs case.Seed
              List.forall2 close (learnt (ours case) inputs case.Seed) expected)

          law "NaN in an image spreads as in libtorch" (fun case ->
              let images, weight, bias = inputs case
              images[0L, 0L, 0L, 0L] <- torch.tensor nanf
              let expected: torch.Tensor = byTorch case (images, weight, bias)
              ((ours case (images, weight, bias)).isnan()).Equals(expected.isnan ())) ]

let private refusals =
    let takes (images: torch.Tensor) outputs kernel =
        let channels = int64 images.shape[1]
        PooledConvolution.Takes(images, torch.zeros ([| outputs; channels; kernel; kernel |], dtype = images.dtype))

    testCase "other types and numbers of outputs are left to libtorch"
    <| fun () ->
        use _ = torch.NewDisposeScope()
        let images = torch.zeros [| 2L; 3L; 8L; 8L |]
        Expect.isTrue (takes images 16L 3L) "vectors of outputs"
        Expect.isFalse (takes images 6L 3L) "no whole number of vectors"
        Expect.isFalse (takes (images.to_type torch.float64) 16L 3L) "float64"

let private manyThreads =
    testCase "threads that learn beside each other do not disturb each other"
    <| fun () ->
        let case =
            { Images = 3
              Channels = 3
              Height = 11
              Width = 12
              Outputs = 16
              Kernel = 3
              Padding = 1
              Pool = 2
              Seed = 5L }

        let gradients seed =
            use _ = torch.NewDisposeScope()
            let gradients = learnt (ours case) (inputs { case with Seed = seed }) seed
            gradients |> List.map (fun gradient -> gradient.data<float32>().ToArray())

        let expected = Array.init 40 (int64 >> gradients)
        let actual = Array.zeroCreate expected.Length
        Parallel.For(0, expected.Length, (fun seed -> actual[seed] <- gradients (int64 seed))) |> ignore
        Expect.equal actual expected "the same to the bit"

let private memory =
    testCase "learning leaves no tensors behind"
    <| fun () ->
        let case =
            { Images = 2
              Channels = 1
              Height = 8
              Width = 8
              Outputs = 4
              Kernel = 3
              Padding = 0
              Pool = 2
              Seed = 9L }

        let learn () =
            use _ = torch.NewDisposeScope()
            learnt (ours case) (inputs case) 1L |> ignore

        learn ()
        let before = torch.Tensor.TotalCount

        for _ in 1..20 do
            learn ()

        Expect.equal torch.Tensor.TotalCount before "tensors"

let tests = testList "pooled convolution" [ laws; refusals; manyThreads; testSequenced memory ]
