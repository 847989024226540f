namespace UbarFs.Engine

open System.IO
open UbarFs.Core

/// How many training images of a class a node has.
type Holding = { Node: int; Class: int; Images: int }

/// `shares.csv` of a run: what every node has of the training images, class by class. A class of which a node has none has
/// no line.
[<RequireQualifiedAccess>]
module SharesFile =

    let name = "shares.csv"

    let private file folder = Path.Combine(folder, name)

    /// The classes of each of some shares, ascending, with the number of images: what there is none of is left out.
    let holdings (labels: int[]) (shares: int[][]) : Holding list =
        // Shares that are one array in memory are counted once.
        let counts = System.Collections.Generic.Dictionary<int[], (int * int)[]>(HashIdentity.Reference)

        let ofShare (share: int[]) =
            match counts.TryGetValue share with
            | true, counted -> counted
            | false, _ ->
                counts[share] <- share |> Array.countBy (Array.get labels) |> Array.sort
                counts[share]

        [ for node in 0 .. shares.Length - 1 do
              for class', images in ofShare shares[node] do
                  { Node = node; Class = class'; Images = images } ]

    let private row (holding: Holding) = [ string holding.Node; string holding.Class; string holding.Images ]

    /// Writes the shares of all nodes, those that do not take part included.
    let write (folder: string) (experiment: Experiment) =
        let holdings = holdings experiment.Samples.Labels experiment.Shares
        Durable.writeText (file folder) (Csv.table [ "node"; "class"; "images" ] (List.map row holdings))

    // A pipe or an endless file keeps nobody busy.
    let private longest = 1 <<< 30

    let private holding (row: CsvRow) =
        let holding =
            { Node = row.Whole "node"
              Class = row.Whole "class"
              Images = row.Whole "images" }

        if holding.Node < 0 || holding.Class < 0 || holding.Images < 1 then
            StoreReading.fail "it has a line that is no share"

        holding

    /// The shares of a run; `Ok None` if it has none, as a run of an older version.
    let read (folder: string) : Result<Holding list option, string> = StoreReading.table longest holding (file folder)
