/// The lines that show how far runs are.
module UbarFs.Cli.Bars

open UbarFs.Engine
open UbarFs.Report

// Colours in SGR: dark grey for what is empty, green for what is all of it, blue for its parts.
let private faint = 90
let private green = 32
let blue = 34

/// What a line says beside its bar: nothing where something is not known.
type private Row =
    { Label: string
      Share: float
      Epoch: string
      Worst: string
      Left: string
      Colour: int }

let private left seconds =
    seconds
    |> Option.map (fun seconds -> ForecastTable.duration seconds + " left")
    |> Option.defaultValue ""

let private epochs (schedule: Schedule) iterations =
    let total = Schedule.allEpochs schedule
    let epoch = string (min total (Schedule.epoch schedule iterations))
    $"epoch {epoch.PadLeft((string total).Length)}/{total}"

let private runRow now label (progress: RunProgress) =
    { Label = label
      Share = progress.Share
      Epoch = epochs progress.Schedule progress.Iterations
      Worst =
        progress.Worst
        |> Option.map (fun worst -> $"worst %.1f{100.0 * worst} %%")
        |> Option.defaultValue ""
      Left = left (Underway.secondsLeft now progress)
      Colour = blue }

let private allRow now (state: Underway) =
    { Label = $"runs {state.Finished}/{state.Total}"
      Share = Underway.share state
      Epoch = ""
      Worst = ""
      Left = left (Underway.allSecondsLeft now state)
      Colour = green }

/// A bar of so many cells, filled up to a share in [0, 1].
let bar cells colour share =
    let full = share * float cells |> int |> max 0 |> min cells

    [ Span.coloured colour (String.replicate full "━")
      Span.coloured faint (String.replicate (cells - full) "─") ]

// Only what is complete is 100 %.
let private percent share = $"{int (floor (100.0 * share + 1e-9)), 3} %%"

/// A column: what it shows of a row in so many cells, which are the same in all rows.
type private Column = { Cells: int; Show: Row -> Span list }

// What comes and goes has its room all the time: the bars stand still.
let private text least (rows: Row list) (choose: Row -> string) =
    let cells = rows |> List.map (choose >> Cells.width) |> List.fold max least

    { Cells = cells
      Show = fun row -> [ Span.plain (Cells.fit cells (choose row)) ] }

let private barColumn cells = { Cells = cells; Show = fun row -> bar cells row.Colour row.Share }
let private gap = 2

/// The columns behind the label, from the richest to the poorest.
let private choices rows =
    let percent = text 5 rows (fun row -> percent row.Share)
    let epoch = text 0 rows _.Epoch
    let worst = text "worst 99.9 %".Length rows _.Worst
    let left = text "under 1 s left".Length rows _.Left

    [ for cells in 16..-1..8 -> [ barColumn cells; percent; epoch; worst; left ] ]
    @ [ for cells in 16..-1..8 -> [ barColumn cells; percent; worst; left ] ]
    @ [ [ percent; worst; left ]; [ percent; left ]; [ percent ] ]

let private room (columns: Column list) = columns |> List.sumBy (fun column -> column.Cells + gap)

// The most cells that a label takes while there is something else to say.
let private longestLabel = 40

// The least that labels get before other columns have to go.
let private shortestLabel = 28

let private line labelCells (columns: Column list) (row: Row) =
    Span.plain (Cells.fit labelCells row.Label)
    :: (columns |> List.collect (fun column -> Span.plain (String.replicate gap " ") :: column.Show row))

let private more count =
    [ Span.coloured
          faint
          (if count = 1 then
               "and 1 more run"
           else
               $"and {count} more runs") ]

/// The lines for a terminal of some size at a time (in seconds, of the clock that the state was made with): one for each
/// run under way, as far as there is room, and one for all of them. `labels` names the runs under way in so many cells.
let lines
    (labels: UbarFs.Core.Run list -> int -> string list)
    (size: Terminal.Size)
    (now: float)
    (state: Underway)
    : Span list list =
    // One row for all runs, one for those that are not shown, and one for the line above.
    let shown = state.Runs |> List.truncate (max 1 (size.Rows - 3))
    let hidden = state.Runs.Length - shown.Length
    let all = allRow now state
    let rowsWith (labels: string list) = List.map2 (runRow now) labels shown
    let columns = choices (all :: rowsWith (shown |> List.map (fun _ -> "")))
    let available = size.Columns - 1

    let wanted =
        all.Label :: labels (shown |> List.map _.Run) longestLabel |> List.map Cells.width |> List.max

    let chosen =
        columns
        |> List.tryFind (fun columns -> available - room columns >= min wanted shortestLabel)
        |> Option.defaultValue (List.last columns)

    let labelCells = max 8 (min wanted (available - room chosen))
    let rows = rowsWith (labels (shown |> List.map _.Run) labelCells)

    List.map (line labelCells chosen) rows
    @ (if hidden > 0 then [ more hidden ] else [])
    @ (if state.Total > 1 then
           [ line labelCells chosen all ]
       else
           [])
