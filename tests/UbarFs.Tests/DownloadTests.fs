module UbarFs.Tests.DownloadTests

open System
open System.Collections.Concurrent
open System.IO
open System.Threading
open System.Threading.Tasks
open Expecto
open UbarFs.Core
open UbarFs.Engine.Data
open UbarFs.Tests.LocalServer
open UbarFs.Tests.TinyDataset

let private settings =
    { Fetch.settings with
        StallTimeout = TimeSpan.FromSeconds 3.0
        MaxRedirects = 3
        UseProxy = false }

let private contents = (create "tiny" 1 []).Files |> Map.map (fun _ raw -> gzip raw)

/// The compressed content of the file that the path ends with.
let private content (request: Request) = contents[Path.GetFileNameWithoutExtension request.Path]

let private serving (answer: byte[] -> Answer) : Answer = fun request -> answer (content request) request

/// Answers so for the first file that is downloaded, and well for the others.
let private atFirst (answer: Answer) : Answer =
    fun request ->
        if request.Path.EndsWith "train-images.gz" then
            answer request
        else
            serving well request

type private Trial =
    { Settings: FetchSettings
      Server: Server
      Dataset: Chosen<Dataset>
      Root: string
      Progress: ConcurrentQueue<string * int64 * int64 option> }

    member trial.Folder = Path.Combine(trial.Root, "tiny")

    member trial.Part name = Path.Combine(trial.Folder, name + ".gz.part")

    member trial.Get(observe, cancellation) =
        let progress name received total =
            trial.Progress.Enqueue(name, received, total)
            observe received

        (Download.get trial.Settings progress cancellation (onlyIn trial.Root) trial.Dataset).Result

    member trial.Get() = trial.Get(ignore, CancellationToken.None)

/// A dataset with one mirror for each answer, in that order, at /0/, /1/, … of a local server.
let private trialWith (answers: Answer list) test () =
    inFolder (fun root ->
        use server = start (fun request -> answers[int (request.Path.Split('/')[1])] request)
        let mirrors = answers |> List.mapi (fun index _ -> $"{server.Address}/{index}/")

        test
            { Settings = settings
              Server = server
              Dataset = (create "tiny" 1 mirrors).Dataset
              Root = root
              Progress = ConcurrentQueue() })

let private expectComplete (trial: Trial) =
    match Store.load (onlyIn trial.Root) trial.Dataset with
    | Ok _ -> ()
    | Error problem -> failtest (DataProblem.describe problem)

    Expect.isEmpty (Directory.GetFiles(trial.Folder, "*.part")) "parts left over"

let private expectDownloaded (trial: Trial) =
    match trial.Get() with
    | Ok obtained -> Expect.hasLength obtained 4 "files"
    | Error problem -> failtest (DownloadProblem.describe problem)

    expectComplete trial

let private failures (trial: Trial) =
    match trial.Get() with
    | Error(DownloadProblem.MirrorsFailed(_, _, _, failures)) -> failures |> List.map snd
    | other -> failtest $"{other}"

let private leftIn (trial: Trial) =
    if Directory.Exists trial.Folder then
        Directory.GetFiles trial.Folder
    else
        [||]

/// One mirror that answers like this fails for this reason.
let private failing name answer reason =
    testCase $"a mirror that {name} fails with its reason, and leaves no file"
    <| trialWith [ answer ] (fun trial ->
        let failures = failures trial
        Expect.stringContains (List.exactlyOne failures) reason "the reason"
        // What was received before the failure stays, to be continued.
        let left = leftIn trial
        Expect.isFalse (left |> Array.exists _.EndsWith("images.gz")) "files under their final names"
        Expect.isFalse (Directory.Exists trial.Folder && left.Length = 0) "nor an empty folder")

/// A good mirror after one that answers like this.
let private rescued name answer =
    testCase $"after a mirror that {name}, the next one is used"
    <| trialWith [ atFirst answer; serving well ] expectDownloaded

let private asked (trial: Trial) =
    trial.Server.Requests
    |> Seq.filter (fun request -> request.Path.EndsWith "train-images.gz")
    |> Seq.map (fun request -> request.Path.Split('/')[1], request.From)
    |> List.ofSeq

let private half = contents["train-images"].Length / 2

let private flipped (bytes: byte[]) =
    bytes |> Array.mapi (fun index value -> if index = bytes.Length / 2 then value ^^^ 1uy else value)

let private corrupting = serving (flipped >> well)
let private other = create "tiny" 2 []

let private sendingOther: Answer =
    fun request -> well (gzip other.Files[Path.GetFileNameWithoutExtension request.Path]) request

let private notFound = status "404 Not Found" []
let private moved location = status "302 Found" [ $"Location: {location}" ]

let private misbehaviours =
    [ "stalls midway", serving stalling, $"nothing arrived for 3 s (after {half} bytes)"
      "closes the connection midway", serving cutShort, $"(after {half} bytes)"
      "sends a corrupt file", corrupting, "gzip data is damaged"
      "sends another file", sendingOther, "not what was published"
      "sends a web page", (fun request -> well "<!doctype html>"B request), "it is not an IDX file"
      "does not have the file", notFound, "answered 404 Not Found"
      "redirects to itself", (fun request -> moved request.Path request), "redirects more than 3 times"
      "redirects out of HTTP", moved "ftp://127.0.0.1/file", "which is not HTTP"
      "announces far too much", well (Array.zeroCreate 1_000_000), "has 1000000 bytes"
      "sends far too much unannounced", endless, "sends more than" ]

let private gate = new SemaphoreSlim(0)

let private resuming =
    testList
        "resuming"
        [ testCase "what one mirror sent before it stalled is continued from the next, by range"
          <| trialWith [ atFirst (serving stalling); serving well ] (fun trial ->
              expectDownloaded trial
              Expect.equal (asked trial) [ "0", None; "1", Some half ] "requests"

              let received =
                  [ for name, received, total in trial.Progress do
                        if name = "train-images" then
                            Expect.equal total (Some(int64 contents[name].Length)) "the announced length"
                            received ]

              Expect.equal received (List.sort received) "progress never goes back"
              Expect.equal (List.last received) (int64 contents["train-images"].Length) "progress ends at the length")

          testCase "what was received before a failure is continued by the next call"
          <| trialWith [ serving stalling ] (fun trial ->
              failures trial |> ignore
              Expect.equal (FileInfo(trial.Part "train-images").Length) (int64 half) "kept bytes"
              failures trial |> ignore
              Expect.equal (asked trial) [ "0", None; "0", Some half ] "requests")

          testCase "a server that ignores ranges starts the file again"
          <| trialWith [ serving cutShort; serving withoutRanges ] (fun trial ->
              expectDownloaded trial
              Expect.equal (asked trial) [ "0", None; "1", Some half ] "requests")

          testCase "a part of something else is noticed, and the file is got from its start"
          <| trialWith [ serving well ] (fun trial ->
              Directory.CreateDirectory trial.Folder |> ignore
              File.WriteAllBytes(trial.Part "train-images", Array.create half 7uy)
              expectDownloaded trial
              Expect.equal (asked trial) [ "0", Some half; "0", None ] "requests")

          testCase "a part that is longer than the file is noticed, and the file is got from its start"
          <| trialWith [ serving well ] (fun trial ->
              Directory.CreateDirectory trial.Folder |> ignore
              File.WriteAllBytes(trial.Part "train-images", Array.create 1_000_000 7uy)
              expectDownloaded trial)

          testCase "a part that is complete only gets its name"
          <| trialWith [ serving well ] (fun trial ->
              Directory.CreateDirectory trial.Folder |> ignore
              File.WriteAllBytes(trial.Part "train-images", contents["train-images"])
              expectDownloaded trial
              Expect.isEmpty (asked trial) "requests")

          testCase "a stop by the user keeps what has arrived"
          <| trialWith [ serving stalling ] (fun trial ->
              use stop = new CancellationTokenSource()

              let stopHalfway received =
                  if received = int64 half then
                      stop.Cancel()

              Expect.equal (trial.Get(stopHalfway, stop.Token)) (Error DownloadProblem.Cancelled) "the outcome"
              Expect.equal (FileInfo(trial.Part "train-images").Length) (int64 half) "kept bytes") ]

let private general =
    testList
        "downloads"
        [ testCase "a good mirror gives a dataset that loads" <| trialWith [ serving well ] expectDownloaded

          testCase "redirects are followed"
          <| trialWith
              [ (fun request -> moved $"/1/{Path.GetFileName request.Path}" request)
                serving well ]
              (fun trial ->
                  expectDownloaded trial
                  Expect.equal (asked trial) [ "0", None; "1", None ] "requests")

          testCase "what a mirror sends beyond the possible size of the file is not stored"
          <| trialWith [ endless ] (fun trial ->
              failures trial |> ignore
              let most = trial.Progress |> Seq.map (fun (_, received, _) -> received) |> Seq.fold max 0L
              Expect.isLessThan most 40_000L "the most bytes of a file of 30016 that were stored"
              Expect.isEmpty (leftIn trial) "files left over")

          testCase "a redirect from https to http is refused, and the same from http is not"
          <| fun () ->
              let secure, plain = Uri "https://mirror/file", Uri "http://mirror/file"
              Expect.isError (Fetch.redirect secure secure plain) "https to http"
              Expect.isError (Fetch.redirect secure secure (Uri "file:///etc/passwd")) "https to a file"
              Expect.equal (Fetch.redirect plain secure plain) (Ok plain) "back to http for a mirror on http"

              Expect.equal
                  (Fetch.redirect secure secure (Uri("/a", UriKind.Relative)))
                  (Ok(Uri "https://mirror/a"))
                  "relative"

          testCase "a content that the server decompressed on the way is kept under its raw name"
          <| trialWith
              [ (fun request -> well other.Files[Path.GetFileNameWithoutExtension request.Path] request) ]
              (fun trial ->
                  let trial =
                      { trial with
                          Dataset = (create "tiny" 2 [ $"{trial.Server.Address}/0/" ]).Dataset }

                  expectDownloaded trial

                  Expect.equal
                      (File.ReadAllBytes(Path.Combine(trial.Folder, "train-images")))
                      other.Files["train-images"]
                      "the file")

          testCase "valid files are not downloaded again, and damaged ones are"
          <| trialWith [ serving well ] (fun trial ->
              expectDownloaded trial
              trial.Server.Requests.Clear()
              expectDownloaded trial
              Expect.isEmpty trial.Server.Requests "requests for valid files"
              File.WriteAllBytes(Path.Combine(trial.Folder, "train-images.gz"), [| 1uy |])

              match trial.Get() with
              | Ok obtained ->
                  let downloaded = obtained |> List.filter _.IsDownloaded

                  Expect.equal
                      downloaded
                      [ Obtained.Downloaded(Path.Combine(trial.Folder, "train-images.gz")) ]
                      "files"
              | Error problem -> failtest (DownloadProblem.describe problem)

              expectComplete trial)

          testCase "files that lie in the place itself are enough"
          <| trialWith [ notFound ] (fun trial ->
              save raw trial.Root (create "tiny" 1 [])
              let expected = Obtained.AlreadyThere(Path.Combine(trial.Root, "train-images"))
              Expect.equal (trial.Get() |> Result.map List.head) (Ok expected) "the first file"
              Expect.isEmpty trial.Server.Requests "requests")

          testCase "when all mirrors fail, the message has each reason, and what to put where by hand"
          <| trialWith [ notFound; corrupting ] (fun trial ->
              save compressed trial.Folder (create "tiny" 1 [])
              File.Delete(Path.Combine(trial.Folder, "train-images.gz"))
              File.Delete(Path.Combine(trial.Folder, "t10k-labels.gz"))

              match trial.Get() with
              | Error problem ->
                  let text = DownloadProblem.describe problem

                  for expected in
                      [ $"{trial.Server.Address}/0/train-images.gz: answered 404 Not Found"
                        $"{trial.Server.Address}/1/train-images.gz: its gzip data is damaged"
                        $"put these files into {trial.Folder} by hand"
                        "train-images (uncompressed: 30016 bytes, SHA-256"
                        "t10k-labels (uncompressed: 38 bytes" ] do
                      Expect.stringContains text expected "the message"

                  Expect.isFalse (text.Contains "train-labels") "files that are there"
              | Ok obtained -> failtest $"{obtained}")

          testCase "the second of two downloads at once says so, and the first is not disturbed"
          <| (let slow: Answer =
                  fun request stream stop ->
                      task {
                          do! gate.WaitAsync stop
                          do! serving well request stream stop
                      }

              trialWith [ slow ] (fun trial ->
                  let trial = { trial with Settings.StallTimeout = TimeSpan.FromSeconds 30.0 }
                  let first = Task.Run(fun () -> trial.Get())
                  let isAsked () = not trial.Server.Requests.IsEmpty
                  Expect.isTrue (SpinWait.SpinUntil(isAsked, 60_000)) "the first has begun"
                  Expect.equal (trial.Get()) (Error(DownloadProblem.Busy(trial.Part "train-images"))) "the second"
                  gate.Release 4 |> ignore
                  Expect.isOk first.Result "the first"
                  expectComplete trial))

          testCase "a folder that cannot be made is reported"
          <| trialWith [ serving well ] (fun trial ->
              File.WriteAllText(trial.Folder, "in the way")

              match trial.Get() with
              | Error(DownloadProblem.Unwritable(path, _)) -> Expect.equal path trial.Folder "the path"
              | other -> failtest $"{other}")

          testCase "an embedded dataset has nothing to download"
          <| fun () ->
              let digits = Store.known |> List.find (fun dataset -> dataset.Name = "digits")
              let outcome = Download.get settings (fun _ _ _ -> ()) CancellationToken.None [] digits
              Expect.equal outcome.Result (Ok []) "the outcome" ]

[<Tests>]
let tests =
    testList
        "download"
        [ general
          resuming
          testList
              "misbehaving mirrors"
              (misbehaviours |> List.map (fun (name, answer, reason) -> failing name answer reason))
          testList "later mirrors" (misbehaviours |> List.map (fun (name, answer, _) -> rescued name answer)) ]
