/// Paths that lead to no file of a disk: everything that reads files says what they are instead of reading them.
module UbarFs.Tests.InputFileTests

open System
open System.Collections
open System.IO
open System.Net.Sockets
open System.Runtime.InteropServices
open System.Text
open System.Threading
open System.Threading.Tasks
open Expecto
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Engine.Data
open UbarFs.Pictures
open UbarFs.Scenario
open UbarFs.Scripting
open UbarFs.Tests.CommandProcess

module private Native =
    [<DllImport("libc", EntryPoint = "mkfifo", CharSet = CharSet.Ansi)>]
    extern int MakePipe(string path, uint32 mode)

let private makePipe (path: string) = Expect.equal (Native.MakePipe(path, 0o600u)) 0 "a pipe"

// .NET removes the file of a socket that it closes.
let private sockets = Concurrent.ConcurrentBag<Socket>()

/// Makes something at a path that is no file, by what messages call it.
let private strange: (string * (string -> unit)) list =
    [ "a pipe", makePipe
      "a device", (fun path -> File.CreateSymbolicLink(path, "/dev/zero") |> ignore)
      "a folder", (fun path -> Directory.CreateDirectory path |> ignore)
      "a socket",
      fun path ->
          let socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
          sockets.Add socket
          socket.Bind(UnixDomainSocketEndPoint path) ]

/// A reader that waits for a pipe's writer would never come back.
let private promptly (read: unit -> string) =
    let reading = Task.Run read

    if reading.Wait 30_000 then
        reading.Result
    else
        failtest "it waits"

let private unixOnly (test: unit -> unit) () =
    if OperatingSystem.IsWindows() then
        skiptest "Windows has other special files"
    else
        test ()

let private thrownBy (read: unit -> 'value) =
    try
        read () |> ignore
        "accepted"
    with :? IOException as error ->
        error.Message

let private said (result: Result<'value, Diagnostic>) =
    match result with
    | Ok _ -> "accepted"
    | Error problem -> Rendering.plain problem

let private allSaid (result: Result<'value, Diagnostic list>) =
    match result with
    | Ok _ -> "accepted"
    | Error problems -> problems |> List.map Rendering.plain |> String.concat ""

let private reason (result: Result<'value, string>) =
    match result with
    | Ok _ -> "accepted"
    | Error reason -> reason

/// Everything that reads what a path leads to, with the ending that the path must have.
let private readers: (string * string * (string -> string)) list =
    [ "a scenario", ".yaml", ScenarioFile.read >> said
      "a graph", ".txt", GraphSource.read >> allSaid
      "a script's rule", ".fsx", RuleScript.loadRule >> allSaid
      "a script of scenarios", ".fsx", (fun path -> Script.load World.machine path [] |> allSaid)
      "an assembly", ".dll", RuleAssembly.classes >> said
      "decoded images", ".images", Decoded.read >> reason
      "a safetensors file", ".safetensors", Safetensors.read >> reason
      "a table", ".csv", (fun path -> thrownBy (fun () -> Csv.read path))
      "an archive",
      ".tar",
      fun path ->
          Archive.visit
              { Limits = Archive.limits
                Cancellation = CancellationToken.None
                Progress = fun _ _ -> ()
                Wanted = fun _ -> true
                Take = fun _ _ -> Ok() }
              path
          |> reason ]

let private refusals =
    [ for kind, make in strange do
          for name, ending, read in readers do
              testCase $"{kind} is not read as {name}"
              <| unixOnly (fun () ->
                  TinyDataset.inFolder (fun folder ->
                      let path = Path.Combine(folder, $"strange{ending}")
                      make path
                      let message = promptly (fun () -> read path)

                      // A folder is told in the words of each reader.
                      let expected =
                          match kind, name with
                          | "a folder", "an assembly" -> "there is no assembly"
                          | "a folder", _ -> "a folder, not a file"
                          | kind, _ -> $"{kind}, not a file"

                      Expect.stringContains message expected "what it is")) ]

let private images =
    [ for kind, make in strange |> List.filter (fun (kind, _) -> kind <> "a folder") do
          testCase $"{kind} among images is told, and never opened"
          <| unixOnly (fun () ->
              TinyDataset.inFolder (fun folder ->
                  TinyImages.saveAll folder TinyImages.treeFiles
                  Expect.isOk (ImageFolder.files folder) "files alone"
                  make (Path.Combine(folder, "train", "ant", "strange.png"))

                  Expect.equal
                      (promptly (fun () -> ImageFolder.files folder |> reason))
                      $"holds 'train/ant/strange.png', which is {kind}, not a file"
                      "the reason")) ]

let private bounds =
    [ testCase "a file is refused by its length before any of it is read, and links count as what they lead to"
      <| fun () ->
          TinyDataset.inFolder (fun folder ->
              let file, link = Path.Combine(folder, "long"), Path.Combine(folder, "link")
              using (File.Create file) (fun stream -> stream.SetLength(1L <<< 33))
              File.CreateSymbolicLink(link, file) |> ignore

              for path in [ file; link ] do
                  let before = GC.GetAllocatedBytesForCurrentThread()
                  let message = thrownBy (fun () -> InputFile.read 1000 path)
                  Expect.stringContains message "has 8589934592 bytes; 1000 are the most" "the reason"
                  Expect.isLessThan (GC.GetAllocatedBytesForCurrentThread() - before) 1_000_000L "allocated bytes")

      testProperty "a file that is not too long is read as it is" (fun (content: byte[]) ->
          TinyDataset.inFolder (fun folder ->
              let path = Path.Combine(folder, "file")
              File.WriteAllBytes(path, content)
              let shorter = content.Length - 1

              InputFile.read content.Length path = content
              && (shorter < 0 || (thrownBy (fun () -> InputFile.read shorter path)).Contains "are the most")))

      testCase "a file of the system, whose length is not told, is read up to the bound"
      <| unixOnly (fun () ->
          if File.Exists "/proc/self/status" then
              Expect.isNonEmpty (InputFile.read 1_000_000 "/proc/self/status") "it has something"
              Expect.stringContains (thrownBy (fun () -> InputFile.read 10 "/proc/self/status")) "more than 10" "bound") ]

let private scenario =
    """data: { dataset: digits }
model: softmax
network: { topology: { random: 0.7 }, benign: 4 }
training: { batch: 16, iterations: 2, rate: 0.1 }
"""

let private case = """{ "rule": "average", "own": [0], "neighbours": [[2], [4]] }"""

/// Starts the command with a pipe that somebody writes into.
let private fed folder (content: string) (arguments: string list) =
    let pipe = Path.Combine(folder, "pipe")
    makePipe pipe
    use started = start folder arguments
    let writing = Task.Run(fun () -> File.WriteAllText(pipe, content))
    let outcome = outcome started
    writing.Wait 10_000 |> ignore
    outcome

let private named =
    [ for name, content, arguments in
          [ "a scenario", scenario, [ "show"; "pipe" ]
            "a case", case, [ "apply"; "pipe" ] ] do
          testCase $"{name} that the command line names may be a pipe"
          <| unixOnly (fun () ->
              inFolderWith [] (fun folder ->
                  let outcome = fed folder content arguments
                  Expect.equal outcome.Code 0 outcome.Errors))

      testCase "a scenario that another one extends may not"
      <| unixOnly (fun () ->
          inFolderWith [ "heir.yaml", "extends: pipe\n" ] (fun folder ->
              makePipe (Path.Combine(folder, "pipe"))
              let outcome = ubarfs folder [ "show"; "heir.yaml" ]
              Expect.equal outcome.Code 2 outcome.Errors
              Expect.stringContains outcome.Errors "cannot read 'pipe': this is a pipe, not a file" "the reason"))

      testCase "a device is no case, and what a case quotes cannot move the terminal"
      <| unixOnly (fun () ->
          let quoting = """{ "rule": "average", "own": ["\u001b[31mred\u0007"], "neighbours": [[1]] }"""

          inFolderWith [ "case.json", quoting ] (fun folder ->
              let device = ubarfs folder [ "apply"; "/dev/zero" ]
              Expect.equal device.Code 2 device.Errors
              Expect.stringContains device.Errors "'/dev/zero' is a device, not a file" "the reason"
              let quoted = ubarfs folder [ "apply"; "case.json" ]
              Expect.equal quoted.Code 2 quoted.Errors
              Expect.stringContains quoted.Errors @"\u001b[31mred\u0007" "the text"
              Expect.isFalse (quoted.Errors.Contains '\u001b') "no escape")) ]

let private json =
    let wrong: (string * string) list =
        [ "{ \"own\": [0],\n \"own\": [1] }", "line 2, column 2: the key 'own' is given twice"
          """{ "a": { "b": 1, "\u0062": 2 } }""", "line 1, column 18: the key 'b' is given twice"
          """["\ud800"]""", "line 1, column 2: this text holds half of a letter"
          """{ "\udc00": 1 }""", "line 1, column 3: this text holds half of a letter"
          "[1, 1e999]", "line 1, column 5: the number 1e999 is beyond those of float64"
          "[1,\n2", "line 2, column 2: this is not JSON"
          String('[', 100_000), "line 1, column 65: this is not JSON"
          "", "line 1, column 1: this is not JSON" ]

    [ for text, expected in wrong do
          testCase $"JSON is refused in its place: {expected}"
          <| fun () ->
              match StrictJson.parse (Encoding.UTF8.GetBytes text) with
              | Ok _ -> failtest "accepted"
              | Error reason -> Expect.stringStarts reason expected "the reason"

      testCase "JSON that is no UTF-8 is refused in its place"
      <| fun () ->
          Expect.equal
              (StrictJson.parse [| yield! "[\n \""B; 0xffuy; yield! "\"]"B |] |> reason)
              "line 2, column 3: this is not UTF-8 text"
              "the reason"

      testCase "a case that is too large for its rule is told before anything is computed"
      <| fun () ->
          let neighbours = [ 1..60 ] |> List.map (sprintf "[%d]") |> String.concat ", "
          let text = $"{{ \"rule\": \"mda\", \"rho\": 0.5, \"own\": [0], \"neighbours\": [{neighbours}] }}"

          match Case.parse (RuleText.read CodeAccess.none) (Encoding.UTF8.GetBytes text) with
          | Ok(One case) -> Expect.isSome (Case.objection case) "mda would search for years"
          | other -> failtest $"%A{other}"

      testCase "an estimate without numbers is no case"
      <| fun () ->
          let text = """{ "rule": "byrdie", "own": [], "neighbours": [[], []] }"""B

          Expect.equal
              (Case.parse (RuleText.read CodeAccess.none) text |> reason)
              "case.own: an estimate has one number at least"
              "the reason" ]

[<Tests>]
let tests =
    testList
        "input files"
        [ testList "strange" refusals
          testList "images" images
          testList "bounds" bounds
          testList "on the command line" named
          testList "JSON" json ]
