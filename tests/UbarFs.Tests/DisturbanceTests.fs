/// Sweeps as processes that are killed, split, raced and starved: their results are those of one that nobody disturbs.
module UbarFs.Tests.DisturbanceTests

open System
open System.Diagnostics
open System.IO
open Expecto

let private program = Path.Combine(AppContext.BaseDirectory, "ubarfs.dll")

let private undisturbed =
    lazy
        (let root = Directory.CreateTempSubdirectory "ubarfs-test-"

         try
             let folder = Disturbance.prepared root.FullName "whole"
             let code, errors = Disturbance.ending (Disturbance.start program folder Disturbance.arguments)
             Expect.equal code 0 errors
             Disturbance.sweepOutcome folder
         finally
             root.Delete true)

let private expectUndisturbed folder =
    Expect.equal (Disturbance.differences undisturbed.Value (Disturbance.sweepOutcome folder)) [] "nothing differs"

/// Sweeps at the same time in one folder, each with further arguments; all must end well.
let private together folder (further: string list list) =
    let started =
        further
        |> List.map (fun further -> Disturbance.start program folder (Disturbance.arguments @ further))

    for one in started do
        let code, errors = Disturbance.ending one
        Expect.equal code 0 errors

/// A line for each time that a run began.
let private beginnings folder =
    Directory.EnumerateFiles(Path.Combine(folder, "runs"), "log.txt", SearchOption.AllDirectories)
    |> Seq.collect File.ReadLines
    |> Seq.filter (fun line -> line.EndsWith " begins")
    |> Seq.length

let private inRoot test = TinyDataset.inFolder (fun root -> test (Disturbance.prepared root "sweep"))

let private division =
    [ testCase "four shards come to what one process does"
      <| fun () ->
          inRoot (fun folder ->
              together folder [ for index in 1..4 -> [ "--shard"; $"{index}/4" ] ]
              Expect.equal (beginnings folder) 8 "each run once"
              expectUndisturbed folder)

      testCase "two jobs come to what one process does"
      <| fun () ->
          inRoot (fun folder ->
              together folder [ [ "--jobs"; "2" ] ]
              expectUndisturbed folder)

      testCase "two processes on one sweep do every run, and none twice"
      <| fun () ->
          inRoot (fun folder ->
              together folder [ []; [] ]
              Expect.equal (beginnings folder) 8 "each run once"
              expectUndisturbed folder) ]

let private kills =
    testCase "a sweep that is killed at random moments comes to what an undisturbed one does"
    <| fun () ->
        TinyDataset.inFolder (fun root ->
            let _, wrong = Disturbance.kills program root Environment.TickCount 6 ignore
            Expect.equal wrong [] "nothing is lost")

/// The sweep in a shell that lets no file grow beyond some KiB.
let private starved folder (kibibytes: int) =
    let words = program :: Disturbance.arguments |> List.map (fun word -> $"'{word}'") |> String.concat " "
    let script = $"ulimit -f {kibibytes}; trap '' XFSZ; exec dotnet {words}"
    let info = ProcessStartInfo("bash", [ "-c"; script ], WorkingDirectory = folder)
    info.RedirectStandardOutput <- true
    info.RedirectStandardError <- true
    // The runtime itself needs larger files without this.
    info.Environment["DOTNET_EnableWriteXorExecute"] <- "0"
    info.Environment["OMP_NUM_THREADS"] <- "1"
    Disturbance.ending (Process.Start info |> nonNull)

let private faults =
    [ testCase "a disk that is full stops the sweep with a message, and nothing is half written"
      <| fun () ->
          if OperatingSystem.IsLinux() then
              inRoot (fun folder ->
                  let code, errors = starved folder 100
                  Expect.equal code 1 errors
                  Expect.stringContains errors "cannot be written" "it is said"
                  let left = Directory.GetFiles(folder, "*.tmp", SearchOption.AllDirectories)
                  Expect.equal left [||] "no drafts are left"
                  together folder [ [] ]
                  expectUndisturbed folder)

      testCase "damaged and truncated files of an interrupted sweep do not matter"
      <| fun () ->
          inRoot (fun folder ->
              let random = Random 7

              for _ in 1..3 do
                  use started = Disturbance.start program folder Disturbance.arguments
                  started.WaitForExit 1200 |> ignore
                  started.Kill()
                  started.WaitForExit()

                  for file in Directory.GetFiles(folder, "*", SearchOption.AllDirectories) do
                      let name = Path.GetFileName file |> string
                      let isLasting = File.Exists(Path.Combine(Path.GetDirectoryName file |> string, "nodes.parquet"))

                      if name <> "disturbed.yaml" && name <> "holder.json" && not isLasting && random.Next 2 = 0 then
                          File.WriteAllBytes(file, Fuzzing.mutate random (File.ReadAllBytes file))

              together folder [ [] ]
              expectUndisturbed folder) ]

[<Tests>]
let tests =
    testSequenced
    <| testList "disturbance" [ testList "division" division; kills; testList "faults" faults ]
