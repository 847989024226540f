/// The report as a page of a local server while the runs go on.
module UbarFs.Cli.Watch

open System
open System.IO
open System.Net
open System.Text
open System.Threading.Tasks
open Microsoft.AspNetCore.Builder
open Microsoft.AspNetCore.Hosting
open Microsoft.AspNetCore.Http
open Microsoft.Extensions.Logging
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

let private waiting: Study =
    { Name = "Waiting for the first run"
      Description = ""
      Scenarios = []
      Baselines = []
      Runs = []
      Folders = []
      Others = [] }

let private study (folders: string list) =
    match List.choose Study.tryLoad folders with
    | [] -> waiting
    | studies -> Study.merge studies

/// Changes whenever a run has measured something.
let private state (folders: string list) =
    let written (file: FileInfo) = file.LastWriteTimeUtc.Ticks + file.Length

    folders
    |> Seq.filter Directory.Exists
    |> Seq.collect (fun folder -> DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories))
    |> Seq.filter (fun file -> List.contains file.Name [ "metrics.csv"; "results.csv"; "run.json"; "sweep.json" ])
    |> Seq.fold (fun sum file -> sum * 31L + written file) 17L
    |> string

let private handle folders (context: HttpContext) : Task =
    match context.Request.Method, context.Request.Path.Value with
    | _ when not (isOwn context) -> answer context 403 "text/plain" "this page is for localhost only\n"
    | ("GET" | "HEAD"), "/" -> answer context 200 "text/html" (Page.createLive (study folders))
    | ("GET" | "HEAD"), "/state" -> answer context 200 "text/plain" (state folders)
    | ("GET" | "HEAD"), _ -> answer context 404 "text/plain" "there is only one page: /\n"
    | _ -> answer context 405 "text/plain" "this page can only be read\n"

/// Serves the stores of these folders on the loopback interface; port 0 takes any free one. Gives the page's address
/// and what ends the server, or why there is none.
let start (port: int) (folders: string list) : Result<string * IDisposable, string> =
    let builder = WebApplication.CreateSlimBuilder()
    builder.Logging.ClearProviders() |> ignore

    builder.WebHost.ConfigureKestrel(fun options ->
        options.Listen(IPAddress.Loopback, port)
        options.AddServerHeader <- false)
    |> ignore

    let server = builder.Build()
    server.Run(RequestDelegate(handle folders))

    try
        server.StartAsync().GetAwaiter().GetResult()
        let address = server.Urls |> Seq.head

        Ok(
            address + "/",
            { new IDisposable with
                member _.Dispose() = server.DisposeAsync().AsTask().Wait(TimeSpan.FromSeconds 2.0) |> ignore }
        )
    with
    | :? IOException
    | :? Sockets.SocketException as error ->
        let reason = error.Message.TrimEnd '.'
        Error $"the page cannot be served on port {port}: {reason}. Choose another with --watch PORT"
