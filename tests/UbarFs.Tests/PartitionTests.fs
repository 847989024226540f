/// Laws of partitions: who gets which images.
module UbarFs.Tests.PartitionTests

open System
open System.Text
open Expecto
open FsCheck.FSharp
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Testing.Generators
open UbarFs.Tests.Runs

let private classes = 10

let private division labels nodes least seed : Division =
    { Labels = labels
      Classes = classes
      Nodes = nodes
      Least = least
      Batch = 16
      Random = Random.shared seed Purpose.Partition }

// Classes of different sizes, in no order.
let private labelled images = Array.init images (fun image -> image * image / 3 % classes)

let private divided (partition: Chosen<Partition>) division =
    match partition.Value.Divide division with
    | Ok shares -> shares
    | Error reason -> failtest reason

let private partition name arguments = chooseWith arguments name Catalogue.partitions

/// All that divides by itself, with arguments that reach all of it.
let private some: Chosen<Partition> list =
    [ partition "iid" []
      partition "dirichlet" []
      partition "dirichlet" [ "alpha", Value.Real 1e-6 ]
      partition "dirichlet" [ "by", Value.Word "node"; "alpha", Value.Real 0.1 ]
      partition "dirichlet" [ "by", Value.Word "node"; "alpha", Value.Real 1e-6 ]
      partition "similarity" []
      partition "classes" []
      partition "classes" [ "each", Value.Whole 10L ]
      partition "shards" []
      partition "groups" [ "count", Value.Whole 1L ]
      partition "sizes" []
      partition "sizes" [ "sigma", Value.Real 10.0 ]
      partition "long-tail" []
      partition "long-tail" [ "keep", Value.Real 0.9; "then", Value.Word "dirichlet" ]
      partition "replicated" [] ]

let private leavesOut = Set [ "classes"; "long-tail" ]

let private size = Gen.zip3 (Gen.choose (1, 40)) (Gen.choose (0, 500)) (Gen.choose64 (0L, 1000L))

let private laws =
    [ for partition in some do
          let name = Chosen.label partition

          testProperty $"{name}: a share for each node, the same whenever it is made"
          <| forAll size (fun (nodes, images, seed) ->
              let once () = divided partition (division (labelled images) nodes (Some 0) seed)
              let shares = once ()
              shares.Length = nodes && shares = once ())

          if partition.Name <> "replicated" then
              testProperty $"{name}: no image is in two shares"
              <| forAll size (fun (nodes, images, seed) ->
                  let all = divided partition (division (labelled images) nodes (Some 0) seed) |> Array.concat
                  (Array.distinct all).Length = all.Length)

              testCase $"{name}: another seed gives other shares"
              <| fun () ->
                  let shares seed = divided partition (division (labelled 500) 8 (Some 0) seed)
                  Expect.notEqual (shares 1L) (shares 2L) "seeds 1 and 2"

          if not (leavesOut.Contains partition.Name) then
              testProperty $"{name}: every image is in some share"
              <| forAll size (fun (nodes, images, seed) ->
                  let all = divided partition (division (labelled images) nodes (Some 0) seed) |> Array.concat
                  Array.sort (Array.distinct all) = [| 0 .. images - 1 |])

          testProperty $"{name}: no share is below the least, or what would do is told"
          <| forAll (Gen.zip size (Gen.choose (0, 60))) (fun ((nodes, images, seed), least) ->
              match partition.Value.Divide(division (labelled images) nodes (Some least) seed) with
              | Ok shares -> shares |> Array.forall (fun share -> share.Length >= least)
              | Error reason ->
                  // What is advised is true.
                  let advised = int (reason.Substring(reason.LastIndexOf "least: " + "least: ".Length))

                  match partition.Value.Divide(division (labelled images) nodes (Some advised) seed) with
                  | Ok shares -> advised < least && shares |> Array.exists (fun share -> share.Length < least)
                  | Error _ -> false) ]

let private forms =
    [ testProperty "iid shares differ by one image at most"
      <| forAll size (fun (nodes, images, seed) ->
          let sizes =
              divided (partition "iid" []) (division (labelled images) nodes (Some 0) seed) |> Array.map _.Length

          Array.max sizes - Array.min sizes <= 1)

      testProperty "similarity 1 is iid"
      <| forAll size (fun (nodes, images, seed) ->
          let of' name arguments =
              divided (partition name arguments) (division (labelled images) nodes (Some 0) seed)

          of' "similarity" [ "gamma", Value.Real 1.0 ] = of' "iid" [])

      testProperty "similarity 0 is ordered by class"
      <| forAll size (fun (nodes, images, seed) ->
          let labels = labelled images

          let shares =
              divided (partition "similarity" [ "gamma", Value.Real 0.0 ]) (division labels nodes (Some 0) seed)

          let ordered = shares |> Array.concat |> Array.map (Array.get labels)
          ordered = Array.sort ordered)

      testProperty "a node holds as many classes as asked for, the first by its number"
      <| forAll (Gen.zip size (Gen.choose (1, classes))) (fun ((nodes, _, seed), each) ->
          let labels = labelled 5000

          divided (partition "classes" [ "each", Value.Whole(int64 each) ]) (division labels nodes (Some 0) seed)
          |> Array.indexed
          |> Array.forall (fun (node, share) ->
              let held = share |> Array.map (Array.get labels) |> Array.distinct
              let hasFirst = Array.contains (node % classes) held || not (Array.contains (node % classes) labels)
              held.Length <= each && hasFirst))

      testProperty "a group has classes of its own"
      <| forAll (Gen.zip (Gen.choose (1, 10)) (Gen.choose (10, 40))) (fun (count, nodes) ->
          let labels = labelled 1000

          divided (partition "groups" [ "count", Value.Whole(int64 count) ]) (division labels nodes (Some 0) 3L)
          |> Array.indexed
          |> Array.forall (fun (node, share) ->
              share |> Array.forall (fun image -> labels[image] * count / classes = node * count / nodes)))

      testCase "of a long tail, class c keeps the share β^c"
      <| fun () ->
          let labels = Array.init 1000 (fun image -> image % classes)
          let kept = divided (partition "long-tail" []) (division labels 4 None 1L) |> Array.concat
          let counts = kept |> Array.countBy (Array.get labels) |> Array.sort |> Array.map snd
          Expect.equal counts [| 100; 50; 25; 13; 7; 4; 2; 1; 1; 1 |] "⌈100·2^(−c)⌉"

      testCase "by node, all nodes have as many images"
      <| fun () ->
          let sizes =
              divided (partition "dirichlet" [ "by", Value.Word "node" ]) (division (labelled 1003) 10 None 1L)
              |> Array.map _.Length

          Expect.equal (Array.max sizes - Array.min sizes) 1 "sizes"

      testCase "by node, a small concentration leaves a node few classes"
      <| fun () ->
          let labels = Array.init 5000 (fun image -> image % classes)

          let share alpha =
              divided
                  (partition "dirichlet" [ "by", Value.Word "node"; "alpha", Value.Real alpha ])
                  (division labels 10 None 1L)
              |> Array.averageBy (fun share ->
                  let most = share |> Array.countBy (Array.get labels) |> Array.map snd |> Array.max
                  float most / float share.Length)

          Expect.isGreaterThan (share 0.01) 0.4 "the largest class"
          Expect.isLessThan (share 1000.0) 0.15 "nearly iid"

      testCase "sizes use up all images, however far apart they are"
      <| fun () ->
          for seed in 1L .. 50L do
              let shares =
                  divided (partition "sizes" [ "sigma", Value.Real 30.0 ]) (division (labelled 997) 40 (Some 0) seed)

              Expect.equal (shares |> Array.sumBy _.Length) 997 "images" ]

let private bounded =
    let digits = lazy samples.Value.Labels

    [ testCase "what cannot be had of the digits for 100 nodes is told at once"
      <| fun () ->
          let clock = Diagnostics.Stopwatch.StartNew()

          match (partition "dirichlet" [ "alpha", Value.Real 0.1 ]).Value.Divide(division digits.Value 100 None 1L) with
          | Ok _ -> failtest "a hundred nodes with a batch each"
          | Error reason ->
              Expect.stringContains reason "in the best of 100 draws the smallest share has " "why"
              Expect.stringContains reason "by: node" "what would do"

          Expect.isLessThan clock.Elapsed.TotalSeconds 20.0 "seconds"

      testCase "a concentration that would do is told"
      <| fun () ->
          match
              (partition "dirichlet" [ "alpha", Value.Real 0.1 ]).Value.Divide(division digits.Value 20 (Some 40) 1L)
          with
          | Ok _ -> failtest "20 nodes with 40 images each"
          | Error reason ->
              let start = reason.IndexOf "alpha: " + "alpha: ".Length
              let alpha = float (reason.Substring(start, reason.IndexOf(',', start) - start))

              divided (partition "dirichlet" [ "alpha", Value.Real alpha ]) (division digits.Value 20 (Some 40) 1L)
              |> ignore

      testCase "fewer nodes than classes have shares, too"
      <| fun () ->
          for partition in some do
              Expect.hasLength (divided partition (division digits.Value 3 (Some 0) 5L)) 3 (Chosen.label partition) ]

// The regularized incomplete beta function I_x(a, b), by Lentz's continued fraction (Press et al., Numerical Recipes).
let rec private incompleteBeta a b x =
    let rec logGamma z =
        if z < 7.0 then
            logGamma (z + 1.0) - log z
        else
            (z - 0.5) * log z - z + 0.5 * log (2.0 * Math.PI) + 1.0 / (12.0 * z) - 1.0 / (360.0 * z ** 3.0)

    if x <= 0.0 then
        0.0
    elif x >= 1.0 then
        1.0
    elif x > (a + 1.0) / (a + b + 2.0) then
        1.0 - incompleteBeta b a (1.0 - x)
    else
        let front = exp (a * log x + b * log (1.0 - x) + logGamma (a + b) - logGamma a - logGamma b) / a
        let mutable c, d = 1.0, 1.0 / (1.0 - (a + b) * x / (a + 1.0))
        let mutable fraction = d

        for m in 1..300 do
            let m = float m
            let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
            let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))

            for term in [ even; odd ] do
                d <- 1.0 / (1.0 + term * d)
                c <- 1.0 + term / c
                fraction <- fraction * c * d

        front * fraction

let private goodness =
    // The share of one node of ten in a class is Beta(α, 9α); its borders are multiples of 1/1000, as the cuts are.
    let cases =
        [ 0.1, [ 0.001; 0.01; 0.05; 0.1; 0.2; 0.5 ]
          1.0, [ 0.01; 0.03; 0.06; 0.1; 0.15; 0.25 ]
          100.0, [ 0.085; 0.093; 0.097; 0.1; 0.104; 0.11 ] ]

    [ for alpha, borders in cases ->
          testCase $"the proportions with α = {alpha} are those of the Dirichlet distribution"
          <| fun () ->
              let labels = Array.init 10_000 (fun image -> image % classes)

              let proportions =
                  [| for seed in 1L .. 120L do
                         let partition = partition "dirichlet" [ "alpha", Value.Real alpha ]
                         let share = (divided partition (division labels 10 (Some 0) seed))[0]
                         let counts = share |> Array.countBy (Array.get labels) |> Map.ofArray

                         for class' in 0 .. classes - 1 do
                             float (counts |> Map.tryFind class' |> Option.defaultValue 0) / 1000.0 |]

              let below border = incompleteBeta alpha (9.0 * alpha) border
              let edges = 0.0 :: borders @ [ 1.0 ]
              let count = float proportions.Length

              let statistic =
                  List.pairwise edges
                  |> List.sumBy (fun (low, high) ->
                      let isLast = high = 1.0

                      let inside =
                          proportions |> Array.filter (fun p -> p >= low - 1e-9 && (isLast || p < high - 1e-9))

                      let expected = count * (below high - below low)
                      (float inside.Length - expected) ** 2.0 / expected)

              // One in a thousand of χ² with 6 degrees of freedom is above.
              Expect.isLessThan statistic 22.46 "Pearson's statistic" ]

let private files =
    let parse (text: string) = ShareFile.parse 4 (Some 100) (Encoding.UTF8.GetBytes text)

    let wrong =
        [ "{}", 0, "expected a list with a list for each node"
          "[1]", 1, "expected a list with a list for each node"
          "[[1,2],[3,100]]", 10, "there is no image 100: the training images are 0 to 99"
          "[[1,1]]", 4, "list 0 has the image 1 twice"
          "[[-1]]", 2, "expected the number of an image"
          "[[1.5]]", 2, "expected the number of an image"
          "[[99999999999]]", 2, "expected the number of an image"
          "[[\"1\"]]", 2, "list 0 has something else than numbers of images"
          "[[],[],[],[],[]]", 13, "more than 4 lists"
          "[[1],\n [2] 3]", 11, "this is not JSON"
          "[[1]] []", 6, "this is not JSON"
          "[[1]", 3, "this is not JSON"
          "", 0, "this is not JSON" ]

    [ testProperty "shares that are written are those that are read"
      <| forAll (Gen.listOfLength 3 (Gen.subListOf [ 0..99 ])) (fun shares ->
          let written =
              shares
              |> List.map (fun share -> "[" + String.concat ", " (List.map string share) + "]")
              |> String.concat ",\n"

          parse $"[{written}]" = Ok(shares |> List.map Array.ofList |> Array.ofList))

      for text, offset, reason in wrong do
          testCase $"'{text}' is refused where it is wrong"
          <| fun () ->
              match parse text with
              | Ok _ -> failtest "it is read"
              | Error flaw ->
                  Expect.stringContains flaw.Reason reason "why"
                  Expect.equal flaw.Offset offset "where"

      testCase "equal shares have one fingerprint, and others another"
      <| fun () ->
          let print shares = ShareFile.fingerprint shares
          Expect.equal (print [| [| 1; 2 |]; [| 3 |] |]) (print [| [| 1; 2 |]; [| 3 |] |]) "the same"
          Expect.notEqual (print [| [| 1; 2 |]; [| 3 |] |]) (print [| [| 1 |]; [| 2; 3 |] |]) "cut elsewhere" ]

let private holders =
    [ testCase "where benign nodes alone hold data, Byzantine ones have none, and no gradient"
      <| fun () ->
          let experiment = experiment { digits with Holders = DataHolders.Benign }
          let benign = Network.benign experiment.Network
          let byzantine = experiment.Participants |> Array.except benign
          Expect.isNonEmpty byzantine "some are Byzantine"
          Expect.equal (benign |> Array.sumBy (fun node -> experiment.Shares[node].Length)) 1438 "the benign have all"

          let state = Simulation.start experiment
          let trained = Node.train experiment 0L experiment.Participants state.Estimates None

          for node in byzantine do
              Expect.isEmpty experiment.Shares[node] "no image"
              let place = Array.findIndex ((=) node) experiment.Participants
              Expect.equal (Native.read trained.Losses[int64 place]) 0.0 "no loss"
              Expect.equal (Native.read (trained.Gradients[int64 node].abs().max())) 0.0 "no gradient"

          let next = (Simulation.iterate experiment state).State.Estimates
          Expect.isTrue (Estimate.isFinite next) "they go on"

      testCase "what a node has is counted class by class"
      <| fun () ->
          let holdings = SharesFile.holdings [| 1; 0; 1; 2 |] [| [| 0; 2; 3 |]; [||]; [| 1 |] |]

          Expect.equal
              holdings
              [ { Node = 0; Class = 1; Images = 2 }
                { Node = 0; Class = 2; Images = 1 }
                { Node = 2; Class = 0; Images = 1 } ]
              "holdings" ]

[<Tests>]
let tests =
    testList
        "partitions"
        [ testList "laws" laws
          testList "forms" forms
          testList "bounded" bounded
          testList "goodness of fit" goodness
          testList "files" files
          testList "holders" holders ]
