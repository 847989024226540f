/// The convolution that is pooled at once, against libtorch's two operations.
module UbarFs.Tests.PooledConvolutionTests

open System.Threading.Tasks
open Expecto
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core
open UbarFs.Kernels
open UbarFs.Kernels.Estimates
open UbarFs.Kernels.Vectors
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
        let! images = Gen.choose (0, 4)
        let! channels = Gen.elements [ 1; 2; 3; 5; 16; 17; 35 ]
        let! outputs = Gen.elements [ 4; 5; 7; 8; 12; 16; 20; 32; 40; 50 ]
        let! kernel = Gen.choose (1, 7)
        let! padding = Gen.choose (0, 4)
        let! pool = Gen.choose (1, 6)
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

let private drawn (numbers: torch.Tensor -> torch.Tensor) case =
    numbers (gaussian case.Seed "images" [ case.Images; case.Channels; case.Height; case.Width ]),
    numbers (gaussian case.Seed "weight" [ case.Outputs; case.Channels; case.Kernel; case.Kernel ]),
    numbers (gaussian case.Seed "bias" [ case.Outputs ])

/// Small whole numbers: their sums are exact in any order, and many are equal.
let private whole = drawn (fun numbers -> (Native.scaled 2.0 numbers).round())

let private gaussians = drawn id

let private byTorch case (images: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) : torch.Tensor =
    let padding = int64 case.Padding

    torch.nn.functional.max_pool2d (
        torch.nn.functional.conv2d (images, weight, bias, padding = [| padding; padding |]),
        int64 case.Pool
    )

let private slopesLike (maxima: torch.Tensor) seed =
    (gaussian seed "slopes" (maxima.shape |> Array.map int |> List.ofArray)).round()

/// The gradients of images, weights and bias when something is learnt through an operation.
let private learnt operation (images: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) seed =
    let leaf (tensor: torch.Tensor) = tensor.detach().requires_grad_()
    let images, weight, bias = leaf images, leaf weight, leaf bias
    let maxima: torch.Tensor = operation (images, weight, bias)
    List.ofSeq (torch.autograd.grad ([| maxima |], [| images; weight; bias |], [| slopesLike maxima seed |]))

let private ours case (images, weight, bias) = PooledConvolution.Of(images, weight, bias, case.Padding, case.Pool)

/// What the kernel makes of whole numbers in vectors of a width: maxima, places and gradients.
let private atWidth case width : torch.Tensor list =
    let images, weight, bias = whole case

    let struct (maxima, places) =
        PooledConvolution.Forward(images, weight, bias, case.Padding, case.Pool, true, width)

    let places = nonNull places
    let slopes = slopesLike maxima case.Seed

    let struct (ofWeight, ofImages) =
        PooledConvolution.Backward(images, weight, places, slopes, case.Padding, case.Pool, true, width)

    [ maxima; places; ofWeight; nonNull ofImages ]

let private equal (one: torch.Tensor) (other: torch.Tensor) = one.Equals other

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
        [ law "the maxima are libtorch's" (fun case ->
              let inputs = whole case
              equal (ours case inputs) (byTorch case inputs))

          law "the gradients are libtorch's, and of equal maxima the first has the slope" (fun case ->
              let inputs = whole case
              let expected = learnt (byTorch case) inputs case.Seed
              List.forall2 equal (learnt (ours case) inputs case.Seed) expected)

          law "maxima, places and gradients are the same at every width" (fun case ->
              let expected = atWidth case Lanes.Widest
              widths |> List.forall (fun width -> List.forall2 equal (atWidth case width) expected))

          law "training sees the values that are seen without gradients, to the bit" (fun case ->
              let inputs = gaussians case
              let learning = ours case inputs
              use _ = torch.no_grad ()
              equal (learning.detach ()) (ours case inputs))

          law "how images lie in memory makes no difference" (fun case ->
              let images, weight, bias = gaussians case
              let laidOut = images.permute(0L, 2L, 3L, 1L).contiguous().permute(0L, 3L, 1L, 2L)
              equal (ours case (images, weight, bias)) (ours case (laidOut, weight, bias)))

          law "NaN in an image spreads as in libtorch" (fun case ->
              let images, weight, bias = gaussians case
              let first = images.narrow(0L, 0L, min 1L images.shape[0]).narrow(2L, 0L, 1L)
              Native.number nan first.fill_ |> ignore
              let expected: torch.Tensor = byTorch case (images, weight, bias)
              equal ((ours case (images, weight, bias)).isnan()) (expected.isnan ())) ]

let private accuracy =
    testCase "sums over a large batch are as exact as float32 tells"
    <| fun () ->
        use _ = torch.NewDisposeScope()

        let case =
            { Images = 300
              Channels = 3
              Height = 20
              Width = 20
              Outputs = 16
              Kernel = 3
              Padding = 0
              Pool = 2
              Seed = 3L }

        let images, weight, bias = gaussians case
        let slopes = slopesLike (ours case (images, weight, bias)) 3L
        let wide (tensor: torch.Tensor) = tensor.to_type torch.float64
        let exact = (wide weight).requires_grad_()
        let maxima = byTorch case (wide images, exact, wide bias)
        let expected = Seq.head (torch.autograd.grad ([| maxima |], [| exact |], [| wide slopes |]))
        let learnt = learnt (ours case) (images, weight, bias) 3L
        let actual = wide learnt[1]
        let largest = expected.abs().max() |> Native.read
        Expect.isLessThan (Native.read ((actual - expected).abs().max()) / largest) 1e-6 "the largest error"

let private refusals =
    let takes (images: torch.Tensor) (weight: int64 list) padding pool =
        PooledConvolution.Takes(images, torch.zeros (Array.ofList weight, dtype = images.dtype), padding, pool)

    testCase "what libtorch does better, or cannot be done here, is left to it"
    <| fun () ->
        use _ = torch.NewDisposeScope()
        let images = torch.zeros [| 2L; 3L; 8L; 8L |]
        Expect.isTrue (takes images [ 16L; 3L; 3L; 3L ] 0 2) "an ordinary layer"
        Expect.isFalse (takes images [ 3L; 3L; 3L; 3L ] 0 2) "too few outputs for a vector"
        Expect.isFalse (takes images [ 16L; 3L; 3L; 2L ] 0 2) "patches that are no squares"
        Expect.isFalse (takes images [ 16L; 3L; 3L; 3L ] 0 1) "no pooling"
        Expect.isFalse (takes images [ 16L; 3L; 3L; 3L ] 2000 2) "more padding than places can count"
        Expect.isFalse (takes (torch.zeros [| 1L; 67L; 8L; 8L |]) [ 16L; 67L; 3L; 3L ] 0 2) "many weights of an output"
        Expect.isFalse (takes (images.to_type torch.float64) [ 16L; 3L; 3L; 3L ] 0 2) "float64"

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
            let gradients = learnt (ours case) (gaussians { case with Seed = seed }) seed
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
            learnt (ours case) (gaussians case) 1L |> ignore

        learn ()
        let before = torch.Tensor.TotalCount

        for _ in 1..20 do
            learn ()

        Expect.equal torch.Tensor.TotalCount before "tensors"

[<Tests>]
let tests =
    testList "pooled convolution" [ laws; accuracy; refusals; manyThreads; testSequenced memory ]
