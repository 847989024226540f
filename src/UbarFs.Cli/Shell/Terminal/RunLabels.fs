/// What bars call the runs that are under way.
module UbarFs.Cli.RunLabels

open UbarFs.Core
open UbarFs.Scenario

/// What can set a run apart: where that is in its scenario, and its value as people say it.
type private Part = { Key: string; Says: string }

// Values that say by themselves what they are.
let private named (run: Run) path value =
    match path with
    | "rule" -> Chosen.label run.Rule
    | "attack" -> Run.attackLabel run
    | "data.dataset" -> Chosen.label run.Dataset
    | "model" -> Chosen.label run.Model
    | path -> $"{path.Substring(path.LastIndexOf '.' + 1)} {value}"

let private parts (run: Run) : Part list =
    { Key = "scenario"; Says = run.Scenario }
    :: (run.Swept
        |> List.filter (fst >> (<>) "seed")
        |> List.map (fun (path, value) -> { Key = path; Says = named run path value }))
    @ [ { Key = "seed"; Says = $"seed {run.Seed}" } ]

let private valueOf key (parts: Part list) = parts |> List.tryFind (fun part -> part.Key = key)

/// The keys whose values are not the same in all runs.
let private differing (runs: Part list list) =
    runs
    |> List.collect (List.map _.Key)
    |> List.distinct
    |> List.filter (fun key -> runs |> List.distinctBy (valueOf key) |> List.length > 1)

let private joined (parts: Part list) = parts |> List.map _.Says |> String.concat ", "

let private only keys (parts: Part list) = keys |> List.choose (fun key -> valueOf key parts)

/// How much all texts begin with alike, in whole words and numbers.
let private commonLength (texts: string list) =
    let first = texts.Head
    let shortest = texts |> List.map _.Length |> List.min
    let alike index = texts |> List.forall (fun text -> text[index] = first[index])
    let length = Seq.init shortest id |> Seq.takeWhile alike |> Seq.length
    let isWithin index = not (" (){}[],:".Contains first[index])

    Seq.init (length + 1) (fun index -> length - index)
    |> Seq.find (fun length -> length = 0 || not (isWithin (length - 1)))

/// Leaves out what long values begin with alike, but for their first word.
let private abridged (values: string list) : string list =
    let first = values.Head.Split(' ')[0]
    let common = commonLength values

    if values.Length < 2 || common < first.Length + 4 then
        values
    else
        values |> List.map (fun value -> $"{first}…{value.Substring common}")

// The end says most, as the seed does: what stands before it is cut.
let private cutWithin cells (parts: Part list) =
    match List.rev parts with
    | last :: (_ :: _ as before) when Cells.width last.Says + 10 <= cells ->
        let room = cells - Cells.width last.Says - 2
        $"{Cells.shorten room (joined (List.rev before))}, {last.Says}"
    | _ -> Cells.shorten cells (joined parts)

let private abridgedRuns keys (runs: Part list list) : Part list list =
    let texts =
        keys
        |> List.map (fun key ->
            let values = runs |> List.map (valueOf key >> Option.map _.Says >> Option.defaultValue "")
            values |> abridged |> List.map (fun says -> { Key = key; Says = says }))

    List.transpose texts

/// Labels of the runs under way, in their order, each in at most so many cells (at least 8) and no two alike: what
/// differs among all runs of the command; where that takes too much room, what differs among those under way. Runs
/// that cells cannot tell apart have their number among all behind them.
let create (all: Run list) : Run list -> int -> string list =
    let keys = all |> List.map parts |> differing
    let keys = if keys.IsEmpty then [ "scenario" ] else keys
    let numberOf (run: Run) = all |> List.tryFindIndex (fun other -> obj.ReferenceEquals(other, run))

    let among (underway: Run list) cells =
        let runs = underway |> List.map (parts >> only keys)
        let fits (labels: string list) = labels |> List.forall (fun label -> Cells.width label <= cells)
        let differ (labels: string list) = (List.distinct labels).Length = labels.Length

        let narrow =
            match differing runs with
            | [] -> keys
            | differing -> differing

        let candidates =
            [ List.map joined runs
              List.map (only narrow >> joined) runs
              abridgedRuns narrow runs |> List.map joined ]

        let numbered (labels: string list) =
            List.zip underway labels
            |> List.mapi (fun place (run, label) ->
                let number = $" #{(numberOf run |> Option.defaultValue place) + 1}"
                Cells.shorten (cells - number.Length) label + number)

        match candidates |> List.tryFind (fun labels -> fits labels && differ labels) with
        | Some labels -> labels
        | None ->
            let cut = abridgedRuns narrow runs |> List.map (cutWithin cells)
            if differ cut then cut else numbered cut

    fun underway cells -> if List.isEmpty underway then [] else among underway cells
