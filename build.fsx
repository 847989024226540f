// Everything one does with this repository; `dotnet fsi build.fsx help` lists the targets.

#load "build/Dotnet.fsx"
#load "build/Install.fsx"

open System
open System.Diagnostics
open System.IO
open Dotnet

let usage =
    """Usage: dotnet fsi build.fsx TARGET [ARGS]

  run [ARGS]      build and run ubarfs with ARGS; without ARGS, run scenarios/quickstart.yaml
  test [ARGS]     build everything and run the tests; ARGS go to Expecto, e.g. --filter-test-list ubar;
                  --seed N gives the properties other random values,
                  --hunt MINUTES repeats them with new ones until one fails, and prints its seed
  bench [ARGS]    build and run the benchmarks; --json FILE writes the table as JSON,
                  --fuzz MINUTES feeds broken files to everything that reads files
  crash [KILLS]   build, then kill a sweep at random moments (100 of them) and see that nothing is lost
  format          format all F# and C# sources, and write the pages and the schema that the program makes of itself
  check           change nothing; fail on warnings, unformatted sources and lint findings
  install [--prefix DIR] [--cuda] [--self-contained]
                  install the ubarfs command into DIR/bin (default: ~/.local)

`dotnet fsi` itself answers to -h and --help; write `run -- --help` to pass them on."""

let cliProject = "src/UbarFs.Cli"
let testProject = "tests/UbarFs.Tests"
let benchmarkProject = "tests/UbarFs.Benchmarks"
let solution = "UbarFs.sln"

// ---- Building

/// The first build takes minutes, most of them for what it fetches: it says so, and when it does what.
let build project =
    let isFirst = not (File.Exists(inRoot "src/UbarFs.Kernels/obj/project.assets.json"))

    inTurn
        [ if isFirst then
              fun () -> dotnetQuietly "fetching packages (several hundred MB)" ("restore" :: project :: quietly)
          fun () -> dotnetQuietly "building" ("build" :: project :: release @ quietly) ]

/// Runs what a project built, in the caller's folder and on the caller's terminal.
let runBuilt project assembly arguments =
    dotnet here (inRoot $"%s{project}/bin/Release/net10.0/%s{assembly}.dll" :: arguments)

let run arguments =
    let quickstart = Path.GetRelativePath(here, inRoot "scenarios/quickstart.yaml")
    let arguments = if List.isEmpty arguments then [ quickstart ] else arguments

    inTurn
        [ (fun () -> build cliProject)
          (fun () -> runBuilt cliProject "ubarfs" arguments) ]

let bench arguments =
    inTurn
        [ (fun () -> build benchmarkProject)
          (fun () -> runBuilt benchmarkProject "UbarFs.Benchmarks" arguments) ]

let crash arguments =
    inTurn
        [ (fun () -> build cliProject)
          (fun () -> dotnet root ("fsi" :: "tests/crash.fsx" :: arguments)) ]

let test arguments =
    let isSet variable = not (String.IsNullOrEmpty(Environment.GetEnvironmentVariable variable))
    let when' condition options = if condition then options else []
    let plain = when' (Console.IsOutputRedirected || isSet "NO_COLOR") [ "--colours"; "0"; "--no-spinner" ]
    let strict = when' (isSet "CI") [ "--fail-on-focused-tests" ]
    let options = plain @ strict @ arguments

    inTurn
        [ (fun () -> build solution)
          (fun () -> runBuilt testProject "UbarFs.Tests" options) ]

// ---- Formatting and linting

let fsharpSources =
    [ "build.fsx"; "build"; "src"; "tests"; "scenarios" ] |> List.filter (inRoot >> Path.Exists)

let csharpFolders = [ "src"; "tests"; "scenarios" ]

let restoreTools () = dotnetQuietly "restoring the tools" [ "tool"; "restore" ]

let restore () = dotnetQuietly "restoring the packages" ("restore" :: solution :: quietly)

let fantomas options = dotnet root ("fantomas" :: options @ fsharpSources)

/// White space alone, for which no project has to be loaded: the build sees to the style of C#.
let formatCSharp options =
    [ for folder in csharpFolders do
          fun () -> dotnet root ([ "format"; "whitespace"; folder; "--folder" ] @ options) ]
    |> inTurn

/// What the program writes of itself: the command, and the file that has it.
let generated =
    [ "reference", "docs/reference.md"
      "api", "docs/api.md"
      "schema", "ubarfs.schema.json" ]

/// Has the program write the pages and the schema that belong to its sources. A test compares them.
let generate () =
    let write (command, file) =
        fun () ->
            let code, text = dotnetOutput [ inRoot $"%s{cliProject}/bin/Release/net10.0/ubarfs.dll"; command ]

            if code = 0 then
                File.WriteAllText(inRoot file, text)

            code

    inTurn ((fun () -> build cliProject) :: List.map write generated)

let format () =
    inTurn
        [ restoreTools
          restore
          (fun () -> fantomas [])
          (fun () -> formatCSharp [])
          generate ]

let lintProject = "build/Lint/UbarFs.Lint.fsproj"

/// Lints what the build has compiled, with its arguments: types are checked once for each project.
let lint () =
    let projects =
        Directory.GetFiles(inRoot "src", "*.fsproj", SearchOption.AllDirectories)
        |> List.ofArray
        |> List.sort

    let linter = inRoot "build/Lint/bin/Release/net10.0/UbarFs.Lint.dll"

    inTurn
        [ (fun () -> dotnetQuietly "building the linter" ("build" :: lintProject :: release @ quietly))
          (fun () -> dotnetQuietly "linting" (linter :: inRoot "fsharplint.json" :: projects)) ]

/// Takes every check although an earlier one failed, and names those that failed.
let check () =
    let failed =
        [ "warnings", (fun () -> build solution)
          "F# format", (fun () -> fantomas [ "--check" ])
          "C# format", (fun () -> formatCSharp [ "--verify-no-changes" ])
          "lint", lint ]
        |> List.filter (fun (name, step) ->
            let clock = Stopwatch.StartNew()
            let passed = not interrupted && step () = 0
            eprintfn "check %s: %s, %.1f s" name (if passed then "ok" else "FAILED") clock.Elapsed.TotalSeconds
            not passed)

    if List.isEmpty failed then 0 else 1

// ---- Targets

let showUsage () =
    eprintfn "%s" usage
    2

let install arguments =
    match Install.parse Install.standard arguments with
    | Ok installation -> Install.install installation
    | Error complaint ->
        eprintfn "%s\n" complaint
        showUsage ()

let code =
    match List.ofArray fsi.CommandLineArgs |> List.tail with
    | "run" :: arguments -> withSdk (fun () -> run arguments)
    | "test" :: arguments -> withSdk (fun () -> test arguments)
    | "bench" :: arguments -> withSdk (fun () -> bench arguments)
    | "crash" :: arguments -> withSdk (fun () -> crash arguments)
    | "install" :: arguments -> withSdk (fun () -> install arguments)
    | [ "format" ] -> withSdk format
    | [ "check" ] -> withSdk (fun () -> inTurn [ restoreTools; check ])
    | _ -> showUsage ()

exit code
