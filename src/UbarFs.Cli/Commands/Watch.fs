/// The report as a page of a local server while the runs go on.
module UbarFs.Cli.Watch

open System
open System.IO
open System.Net
open System.Text
open System.Threading
open System.Threading.Tasks
open Microsoft.AspNetCore.Builder
open Microsoft.AspNetCore.Hosting
open Microsoft.AspNetCore.Http
open Microsoft.Extensions.DependencyInjection
open Microsoft.Extensions.Hosting
open UbarFs.Report

/// The port where none is said.
let defaultPort = 8042

let private names = [ "localhost"; "127.0.0.1"; "[::1]" ]

/// A page of another site can send its visitors' browsers here under its own name: only this machine's are answered.
let private isOwn (context: HttpContext) = List.contains context.Request.Host.Host names

let private answer (context: HttpContext) code (kind: string) (text: string) : Task =
    context.Response.StatusCode <- code
    context.Response.ContentType <- $"{kind}; charset=utf-8"
    context.Response.Headers.CacheControl <- "no-store"
    context.Response.Headers.XContentTypeOptions <- "nosniff"
    context.Response.WriteAsync(text, Encoding.UTF8)

/// Whether somebody has the page open, and has seen the end of what it shows.
type private Readers() =
    let mutable latest = DateTime.MinValue
    let mutable isOver = false
    let told = new ManualResetEventSlim false

    member _.IsOver = isOver
    member _.Asked() = latest <- DateTime.UtcNow

    /// Somebody got the page as it is in the end.
    member _.SawPage() =
        if isOver then
            told.Set()

    /// Waits a moment for a page that asks every two seconds.
    member _.End() =
        isOver <- true

        if (DateTime.UtcNow - latest).TotalSeconds < 5.0 then
            told.Wait 3000 |> ignore

let private handle (watched: Watched) (readers: Readers) (context: HttpContext) : Task =
    let html = answer context 200 "text/html"

    match context.Request.Method, context.Request.Path.Value with
    | _ when not (isOwn context) -> answer context 403 "text/plain" "this page is for localhost only\n"
    | ("GET" | "HEAD"), "/" ->
        readers.SawPage()
        html (watched.Page())
    | ("GET" | "HEAD"), "/underway" -> html (watched.Underway())
    | ("GET" | "HEAD"), "/state" ->
        readers.Asked()

        let state =
            if readers.IsOver then
                $"over {watched.State()}"
            else
                watched.State()

        answer context 200 "text/plain" state
    | ("GET" | "HEAD"), _ -> answer context 404 "text/plain" "there is only one page: /\n"
    | _ -> answer context 405 "text/plain" "this page can only be read\n"

/// Leaves signals to the command: a server that takes them would let nobody stop what hangs.
type private NoLifetime() =
    interface IHostLifetime with
        member _.WaitForStartAsync _ = Task.CompletedTask
        member _.StopAsync _ = Task.CompletedTask

// Nothing but this sets the server up: no file and no variable of the environment can open it to others.
let private server port watched readers =
    let builder = WebApplication.CreateEmptyBuilder(WebApplicationOptions())
    builder.Services.AddSingleton<IHostLifetime, NoLifetime>() |> ignore

    builder.WebHost
        .UseKestrelCore()
        .ConfigureKestrel(fun options ->
            options.Listen(IPAddress.Loopback, port)
            // Each takes a descriptor, of which the runs need some.
            options.Limits.MaxConcurrentConnections <- Nullable 50L
            options.AddServerHeader <- false)
    |> ignore

    let server = builder.Build()
    server.Run(RequestDelegate(handle watched readers))
    server

/// Serves the stores of these folders on the loopback interface; port 0 takes any free one. The tracker knows of the
/// runs of this process. Gives the page's address and what ends the server, or why there is none.
let start (port: int) (tracker: Progress.Tracker) (folders: string list) : Result<string * IDisposable, string> =
    if port < 0 || port > int UInt16.MaxValue then
        Error $"--watch is {port}: expected a port from 0 to {UInt16.MaxValue}"
    else
        let readers = Readers()
        let server = server port (Watched(tracker, folders)) readers

        try
            server.StartAsync().GetAwaiter().GetResult()
            let address = server.Urls |> Seq.head

            Ok(
                address + "/",
                { new IDisposable with
                    member _.Dispose() =
                        readers.End()
                        server.DisposeAsync().AsTask().Wait(TimeSpan.FromSeconds 2.0) |> ignore }
            )
        with
        | :? IOException
        | :? Sockets.SocketException as error ->
            let reason = error.Message.TrimEnd '.'
            Error $"the page cannot be served on port {port}: {reason}. Choose another with --watch PORT"
