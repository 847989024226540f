/// Lines at the foot of the terminal that change while something is done.
module UbarFs.Cli.Live

open System
open System.Threading

let private betweenFrames = 200

// A process has one terminal.
let mutable private current: Screen option = None

/// Erases the lines for good, for a process that ends in the middle of its work.
let close () = current |> Option.iter _.TryClose()

/// Draws until it is told to stop.
type private Artist(screen: Screen, lines: unit -> Span list list) =
    let stopped = new ManualResetEventSlim false

    let draw () =
        while not (stopped.Wait betweenFrames) do
            screen.Show(lines ())

    let thread = Thread(draw, IsBackground = true, Name = "progress")

    do
        screen.Show(lines ())
        thread.Start()

    interface IDisposable with
        member _.Dispose() =
            stopped.Set()
            thread.Join()
            stopped.Dispose()

/// Sends what anybody writes to the terminal, user's code too, above the lines of the screen.
type private Diversion(screen: Screen) =
    let output, errors = Console.Out, Console.Error
    let writer = new ScreenWriter(screen)

    do
        Console.SetError writer

        if not Console.IsOutputRedirected then
            Console.SetOut writer

    interface IDisposable with
        member _.Dispose() =
            Console.SetOut output
            Console.SetError errors
            writer.Finish()

/// Does some work under lines at the foot of the terminal, for standard error on a live terminal only.
let during (lines: unit -> Span list list) (work: unit -> 'result) : 'result =
    let screen = Screen(Terminal.write, Terminal.size, Terminal.hasColours ())
    current <- Some screen

    try
        use _ = new Diversion(screen)

        try
            use _ = new Artist(screen, lines)
            work ()
        finally
            // Whoever still writes does so to this screen.
            screen.Close()
    finally
        current <- None
