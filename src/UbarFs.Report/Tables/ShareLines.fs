namespace UbarFs.Report

open System
open UbarFs.Core

/// What nodes have of the training images, in lines of text: for each the number of its images, and a block for each class.
[<RequireQualifiedAccess>]
module ShareLines =

    // More classes than these share a block, several to each.
    let private mostBlocks = 20

    let private mostLines = 40

    let private blocks = "▁▂▃▄▅▆▇█"

    /// How many images of each class, or of several classes side by side, a share has.
    let private histogram classes (labels: int[]) (share: int[]) : int[] =
        let width = min classes mostBlocks
        let counts = Array.zeroCreate<int> width

        for image in share do
            let block = labels[image] * width / classes
            counts[block] <- counts[block] + 1

        counts

    let private block highest count =
        if count = 0 then
            '·'
        else
            blocks[min (blocks.Length - 1) (count * blocks.Length / (highest + 1))]

    let private cell (isByzantine: bool[]) width highest node (counts: int[]) =
        let name = if isByzantine[node] then $"{node}*" else string node
        let drawn = counts |> Array.map (block highest) |> String
        $"{name.PadLeft(fst width)} {(string (Array.sum counts)).PadLeft(snd width)} {drawn}"

    /// Lines of at most so many columns. Byzantine nodes have a star.
    let create columns classes (isByzantine: bool[]) (labels: int[]) (shares: int[][]) : string list =
        let histograms = shares |> Array.map (histogram classes labels)
        let highest = histograms |> Array.map Array.max |> Array.max
        let images = string (shares |> Array.map _.Length |> Array.max)
        let width = (string shares.Length).Length + 1, images.Length
        let cells = histograms |> Array.mapi (cell isByzantine width highest)
        let gap = "  "
        let across = max 1 ((columns - gap.Length) / (cells[0].Length + gap.Length)) |> min 8

        let lines =
            cells
            |> Array.chunkBySize across
            |> Array.map (fun cells -> gap + String.concat gap cells)
            |> List.ofArray

        let classesOf =
            if classes <= mostBlocks then
                $"a block for each of {classes} classes"
            else
                $"{mostBlocks} blocks for {classes} classes, in order"

        let more = lines.Length - mostLines

        [ $"  node, images, {classesOf} (█: {highest}, ·: none; *: Byzantine)"
          yield! List.truncate mostLines lines
          if more > 0 then
              $"{gap}… {shares.Length - mostLines * across} more nodes" ]

    /// What part of the images is in no share, or in several, as a sentence; nothing where each is in one.
    let remark (labels: int[]) (shares: int[][]) : string option =
        let holders = Array.zeroCreate<int> labels.Length

        for share in shares do
            for image in share do
                holders[image] <- holders[image] + 1

        let none = holders |> Array.filter ((=) 0) |> Array.length
        let several = holders |> Array.filter (fun count -> count > 1) |> Array.length

        match none, several with
        | 0, 0 -> None
        | none, 0 -> Some $"{none} of {labels.Length} training images are in no share"
        | 0, several -> Some $"{several} of {labels.Length} training images are in several shares"
        | none, several -> Some $"{none} of {labels.Length} training images are in no share, and {several} in several"
