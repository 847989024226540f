/// The page of a sweep under way: what runs, how far it is, and who may look.
module UbarFs.Tests.WatchTests

open System
open System.Diagnostics
open System.IO
open System.Net
open System.Net.Http
open System.Net.Sockets
open System.Threading
open Expecto
open FsCheck.FSharp
open UbarFs.Engine
open UbarFs.Report
open UbarFs.Tests.CommandProcess

let private scenario =
    """data: { dataset: digits }
model: softmax
network: { topology: { random: 0.7 }, benign: 4, byzantine: 20% }
training: { batch: 16, iterations: 500000, rate: 0.1 }
measure: { every: 2 iterations }
attack: bit-flip
sweep: { rule: [average, ubar] }
"""

let private get (address: string) =
    use client = new HttpClient()
    client.GetStringAsync(address).GetAwaiter().GetResult()

/// The command under way, with the address of its page; it is stopped in the end.
let private watched (variables: (string * string) list) files test =
    inFolderWith (("long.yaml", scenario) :: files) (fun folder ->
        use started = startWith variables folder [ "long.yaml"; "--watch"; "0" ]

        try
            let rec address () =
                match started.StandardError.ReadLine() with
                | null -> failtest "it ended without a page"
                | line when line.Contains "http://" ->
                    let beginning = line.Substring(line.IndexOf "http://")
                    beginning.Substring(0, beginning.IndexOf ' ')
                | _ -> address ()

            test folder started (address ())
        finally
            started.Kill()
            started.WaitForExit())

let private eventually what (condition: unit -> bool) =
    if not (SpinWait.SpinUntil((fun () -> condition ()), TimeSpan.FromMinutes 1.0)) then
        failtest $"{what} does not come"

let private running =
    testCase "what a living process holds is running, with its progress; what waits is pending"
    <| fun () ->
        watched [] [] (fun _ started address ->
            let process' = $"process {started.Id} on {Environment.MachineName}"
            let underway () = get (address + "underway")
            eventually "the run" (fun () -> (underway ()).Contains process')
            eventually "its progress" (fun () -> (underway ()).Contains "<progress")
            eventually "the time left" (fun () -> (underway ()).Contains "about ")
            let page = get address
            Expect.stringContains page "running" "the verdict's cell"
            Expect.isFalse (page.Contains "interrupted") "nothing was interrupted"
            Expect.stringContains page "1 under way, 0 of 2 complete" "the sentence")

let private ended =
    testCase "what its process left behind is not running"
    <| fun () ->
        watched [] [] (fun folder started address ->
            eventually "the run" (fun () -> (get (address + "underway")).Contains "process")
            started.Kill()
            started.WaitForExit()
            let store = Path.Combine(folder, "runs", "long")
            let locks = Locks.ofStore store
            let abandoned = Directory.GetFiles(store, "holder.json", SearchOption.AllDirectories)
            Expect.hasLength abandoned 1 "it was killed in the middle"
            let run = Path.GetDirectoryName abandoned[0] |> string
            Expect.isNone (Locks.tryHolder locks run) "nobody works there now")

let private held =
    testCase "a holder is seen from this process and does not keep others from claiming later"
    <| fun () ->
        TinyDataset.inFolder (fun store ->
            let locks = Locks.ofStore store
            let folder = Path.Combine(store, "run")
            Expect.isNone (Locks.tryHolder locks folder) "before there is a folder"

            match Locks.claim locks folder with
            | Claim.Held _ -> failtest "nobody else is here"
            | Claim.Granted(lock, _) ->
                using lock (fun _ ->
                    let holder = Locks.tryHolder locks folder
                    Expect.equal (holder |> Option.map _.Process) (Some Environment.ProcessId) "this process")

            Expect.isNone (Locks.tryHolder locks folder) "it was let go"

            match Locks.claim locks folder with
            | Claim.Held _ -> failtest "looking holds nothing"
            | Claim.Granted(lock, _) -> (lock :> IDisposable).Dispose())

let private freePort () =
    use listener = new TcpListener(IPAddress.Loopback, 0)
    listener.Start()
    (listener.LocalEndpoint :?> IPEndPoint).Port

let private isOpen port =
    try
        use client = new TcpClient()
        client.Connect(IPAddress.Loopback, port)
        true
    with :? SocketException ->
        false

let private closed =
    testCase "neither the environment nor a file of the folder adds an endpoint or breaks the page"
    <| fun () ->
        let endpoint, urls, file = freePort (), freePort (), freePort ()

        let variables =
            [ "Kestrel__Endpoints__Open__Url", $"http://0.0.0.0:{endpoint}"
              "ASPNETCORE_Kestrel__Endpoints__Open__Url", $"http://0.0.0.0:{endpoint}"
              "ASPNETCORE_URLS", $"http://0.0.0.0:{urls}"
              "DOTNET_URLS", $"http://0.0.0.0:{urls}"
              "ASPNETCORE_HTTP_PORTS", string urls
              "ASPNETCORE_HOSTINGSTARTUPASSEMBLIES", "NoSuchAssembly"
              "ASPNETCORE_ENVIRONMENT", "Development"
              "AllowedHosts", "nobody.example" ]

        let settings =
            $"""{{ "Kestrel": {{ "Endpoints": {{ "Open": {{ "Url": "http://0.0.0.0:{file}" }} }} }} }}"""

        watched
            variables
            [ "appsettings.json", settings; "appsettings.Development.json", "{ broken" ]
            (fun _ _ address ->
                Expect.stringContains (get address) "<html" "the page is there"
                Expect.stringStarts address "http://127.0.0.1:" "on the loopback interface"

                for port in [ endpoint; urls; file ] do
                    Expect.isFalse (isOpen port) $"nothing else listens on {port}")

let private lastOf (run: StudyRun) = List.last run.Points

let private record (run: StudyRun) from (started: DateTimeOffset) : RunRecord =
    { Id = run.Identity.Id
      Identity = ""
      Scenario = "test"
      Status = "interrupted"
      Reason = None
      Breach = None
      Canonical = Map.empty
      Facts = None
      WorstAccuracy = None
      MeanAccuracy = None
      BestAccuracy = None
      SuccessRate = None
      ValidationAccuracy = None
      AveragedAccuracy = None
      TestLoss = None
      ConsensusError = None
      Diverged = None
      Seconds = None
      CpuSeconds = None
      PeakMemory = None
      Started = started
      Finished = None
      Device = "cpu"
      Threads = 1
      Jobs = 1
      DataChecksum = ""
      Versions = Map.empty
      Sittings =
        [ { Started = started
            FromIteration = from
            FromSeconds = 0.0
            Host = "here"
            Device = "cpu"
            Threads = 1 } ]
      Files = Map.empty }

let private ofOthers =
    testProperty "of another process's run, what is left takes as long for its share as what this sitting did"
    <| Prop.forAll (Arb.fromGen (Gen.zip (Gen.choose (0, 39)) (Gen.choose (41, 400)))) (fun (from, total) ->
        // The run was at iteration 40 after a hundred seconds of this sitting.
        let run =
            { Studies.run "ubar" "none" 1L 0.9 with
                Resolved = Map [ "training.iterations", string total ] }

        let started = DateTimeOffset.UnixEpoch
        let measured = started.AddSeconds 100.0
        let record = record run from started
        let activity = Activity.ofStore measured measured "somebody" record run
        let later = Activity.ofStore (measured.AddSeconds 5.0) measured "somebody" record run
        let expected = 100.0 / float (40 - from) * float (total - 40)

        (lastOf run).Iteration = 40
        && abs (Option.get activity.Share - 40.0 / float total) < 1e-9
        && abs (Option.get activity.SecondsLeft - expected) < 1e-6
        && abs (Option.get later.SecondsLeft - max 0.0 (expected - 5.0)) < 1e-6)

let private marked =
    testCase "a study's runs under way are called running, but for those that are complete"
    <| fun () ->
        let interrupted =
            { Studies.usual with
                Runs =
                    Studies.usual.Runs
                    |> List.mapi (fun index run ->
                        if index < 2 then
                            run
                        else
                            { run with StudyRun.Outcome.Status = Status.Interrupted }) }

        let activity index : Activity =
            { Id = interrupted.Runs[index].Identity.Id
              Share = None
              SecondsLeft = None
              Holder = "somebody" }

        let statuses = (Activity.mark [ activity 0; activity 2 ] interrupted).Runs |> List.map _.Outcome.Status

        Expect.equal
            (List.truncate 4 statuses)
            [ Status.Complete; Status.Complete; Status.Running; Status.Interrupted ]
            "by what is known of each"

let private computed =
    testCase "a run under way has been computed for as long as it goes on"
    <| fun () ->
        let begun (run: StudyRun) =
            { run with
                StudyRun.Outcome.Status = Status.Interrupted
                StudyRun.Outcome.Seconds = None
                StudyRun.Outcome.Sittings = [ DateTimeOffset.UtcNow.AddSeconds -40.0, 0, Some 20.0 ]
                StudyRun.Points = [ run.Points.Head ] }

        let study = { Studies.usual with Runs = [ begun Studies.usual.Runs.Head ] }

        let activity: Activity =
            { Id = study.Runs.Head.Identity.Id
              Share = None
              SecondsLeft = None
              Holder = "somebody" }

        let page = Page.createLive None [ activity ] study
        // A machine with much to do takes a second or two to get here.
        Expect.isMatch page "computed in 6[0-9] s so far" "both sittings"

[<Tests>]
let tests = testList "watch" [ running; ended; held; closed; ofOthers; marked; computed ]
