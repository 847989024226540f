/// Studies that nobody trained, for tests of what is made of them.
module UbarFs.Tests.Studies

open System
open System.IO
open System.Text.Json
open UbarFs.Core
open UbarFs.Engine
open UbarFs.Report

/// A complete run with a curve that ends at the accuracy.
let run rule attack (seed: int64) (worst: float) : StudyRun =
    let point index : Point =
        let share = float index / 4.0

        { Epoch = float index
          Iteration = 10 * index
          Worst = 0.1 + share * (worst - 0.1)
          Mean = worst
          Best = worst
          Loss = Some(10.0 - 2.0 * float index)
          TestLoss = Some 1.5
          ConsensusError = Some(10.0 ** float -index)
          Success = None
          Validation = None
          Averaged = None
          Elapsed = 2.0 * float index
          Times = { PhaseTimes.Zero with Training = 0.5; Aggregation = 0.2; Losses = 0.1 }
          Received = if rule = "ubar" then Some 7.5 else None
          Stages =
            if rule = "ubar" then
                [| Some 3.0, Some 0.25; Some 2.0, Some 0.0 |]
            else
                [||] }

    { Identity =
        { Id = $"{rule}-{attack}-{seed}"
          Seed = seed
          Dataset = "digits"
          Model = "mlp"
          Rule = rule
          Attack = attack
          RuleName = rule
          AttackName = attack
          IsAttackFree = List.contains attack [ "absent"; "none" ]
          Settings = Map.empty
          Swept = [| [| "attack"; attack |]; [| "rule"; rule |] |]
          Chance = 0.1
          TestImages = Some 10_000
          TestSize = Some 10_000
          Stages = if rule = "ubar" then [| "stage 1"; "stage 2" |] else [||] }
      Resolved = Map [ "rule", rule; "attack", attack; "data.dataset", "digits"; "model", "mlp" ]
      Code = "0123456789ab"
      Settings = [ "attack", attack; "rule", rule ]
      Outcome =
        { Status = Status.Complete
          Reason = None
          Worst = Some worst
          Mean = Some worst
          Best = Some worst
          TestLoss = Some 1.25
          ConsensusError = Some 0.5
          Success = None
          Validation = None
          Averaged = None
          Seconds = Some 2.0
          Sittings = [ DateTimeOffset.UnixEpoch.AddSeconds 1.7e9, 0, Some 0.0 ]
          Settings = Map.empty
          Provenance = [ "device", "cpu" ] }
      Points = List.map point [ 0..4 ]
      Folder = "nowhere" }

let private ofRuns name description runs : Study =
    { Name = name
      Description = description
      Scenarios = [ name, "rule: ubar\n" ]
      Baselines = [ "average" ]
      Runs = runs
      Folders = [ "runs/" + name ]
      Others = []
      Problems = [] }

/// Averaging and UBAR without and with an attack, with two seeds.
let usual =
    ofRuns
        "usual"
        "A question"
        [ for attack, rule, worst in
              [ "absent", "average", 0.9
                "absent", "ubar", 0.88
                "bit-flip", "average", 0.1
                "bit-flip", "ubar", 0.87 ] do
              for seed in 1L .. 2L -> run rule attack seed (worst + 0.01 * float seed) ]

/// The Byzantine ratio swept over five values, with some rules and two attacks.
let swept (rules: string list) =
    ofRuns
        "swept"
        "A question"
        [ for ratio in [ "0%"; "10%"; "20%"; "30%"; "50%" ] do
              for attack in [ "gaussian"; "bit-flip" ] do
                  for index, rule in List.indexed rules do
                      for seed in 1L .. 2L do
                          let worst = 0.9 - 0.002 * float (Seq.length ratio * index) - 0.01 * float seed
                          let run = run rule attack seed worst
                          let settings = [ "network.byzantine", ratio; "attack", attack; "rule", rule ]

                          { run with
                              StudyRun.Identity.Id = $"{run.Identity.Id}-{ratio}"
                              StudyRun.Resolved =
                                  run.Resolved |> Map.add "network.benign" "10" |> Map.add "network.byzantine" ratio
                              StudyRun.Settings = settings } ]

/// Runs of a rule under an attack at a Byzantine ratio, one for each of some accuracies; their seeds are 1, 2, ….
let at (ratio: string) rule attack (accuracies: float list) : StudyRun list =
    [ for index, worst in List.indexed accuracies ->
          let run = run rule attack (int64 index + 1L) worst

          { run with
              StudyRun.Identity.Id = $"{run.Identity.Id}-{ratio}"
              StudyRun.Resolved = Map.add "network.byzantine" ratio run.Resolved
              StudyRun.Settings = [ "network.byzantine", ratio; "attack", attack; "rule", rule ] } ]

/// Averaging and UBAR under three attacks at two ratios, with baselines that keep 0.8 beyond guessing. Another attack is
/// the hardest in every cell.
let attacked =
    ofRuns
        "attacked"
        "A question"
        [ for ratio in [ "10%"; "30%" ] do
              yield! at ratio "average" "absent" [ 0.9; 0.9; 0.9 ]

          yield! at "10%" "average" "gaussian" [ 0.7; 0.7; 0.7 ]
          yield! at "10%" "average" "bit-flip" [ 0.5; 0.5; 0.5 ]
          yield! at "10%" "average" "alie (z: 1)" [ 0.3; 0.3; 0.3 ]
          yield! at "10%" "ubar" "gaussian" [ 0.8; 0.8; 0.8 ]
          yield! at "10%" "ubar" "bit-flip" [ 0.8; 0.8; 0.8 ]
          yield! at "10%" "ubar" "alie (z: 1)" [ 0.9; 0.9; 0.9 ]
          yield! at "30%" "average" "gaussian" [ 0.1; 0.1; 0.1 ]
          yield! at "30%" "average" "bit-flip" [ 0.2; 0.2; 0.2 ]
          yield! at "30%" "average" "alie (z: 1)" [ 0.3; 0.3; 0.3 ]
          // Bit-flip has the lower median, gaussian the lower mean.
          yield! at "30%" "ubar" "gaussian" [ 0.6; 0.6; 0.1 ]
          yield! at "30%" "ubar" "bit-flip" [ 0.5; 0.5; 0.8 ]
          yield! at "30%" "ubar" "alie (z: 1)" [ 0.9; 0.9; 0.9 ] ]

/// A study with so many rates, each with two rules, two attacks and two seeds.
let large rates =
    let run (rate: int) rule attack seed =
        let run = run rule attack seed 0.8
        let rate = FormattableString.Invariant $"{0.001 * float rate}"

        { run with
            StudyRun.Identity.Id = $"{run.Identity.Id}-{rate}"
            StudyRun.Identity.Swept = Array.append run.Identity.Swept [| [| "training.rate"; rate |] |]
            StudyRun.Resolved = Map.add "training.rate" rate run.Resolved }

    [ for rule in [ "average"; "ubar" ] do
          for attack in [ "absent"; "bit-flip" ] do
              for rate in 1..rates do
                  for seed in 1L .. 2L -> run rate rule attack seed ]
    |> fun runs -> ofRuns "large" "A question" (Columns.align [ runs ])

/// The study with the runs of a rule failed half way.
let failing rule (study: Study) =
    let failed (run: StudyRun) =
        if run.Identity.Rule <> rule then
            run
        else
            { run with
                StudyRun.Outcome.Status = Status.Failed
                StudyRun.Outcome.Reason = Some $"the rule '{rule}' gave 3 values instead of 5\nmore about it"
                StudyRun.Outcome.Worst = None
                StudyRun.Outcome.Mean = None
                StudyRun.Outcome.Best = None
                StudyRun.Points = List.truncate 3 run.Points }

    { study with Runs = List.map failed study.Runs }

let private markup =
    "\"'></title></script></style><script>document.body.id='taken'</script><img src=x onerror=alert(1)>"

/// The same with markup in every text that a scenario can bring along.
let hostile =
    let renamed (run: StudyRun) =
        let identity =
            { run.Identity with
                Rule = run.Identity.Rule + markup
                Attack = run.Identity.Attack + markup
                Dataset = markup
                Model = markup
                Stages = run.Identity.Stages |> Array.map (fun stage -> stage + markup) }

        { run with
            StudyRun.Identity = identity
            StudyRun.Settings = [ "attack" + markup, identity.Attack; "rule", identity.Rule ]
            StudyRun.Outcome.Provenance = [ "device" + markup, markup ] }

    { ofRuns markup markup (List.map renamed usual.Runs) with
        Scenarios = [ markup, markup ] }

/// The study with a network and its nodes on disk for every run.
let withNetworks (folder: string) (study: Study) : Study =
    let network: NetworkRecord =
        { Benign = [| 0; 1; 2 |]
          Byzantine = [| 3 |]
          Server = None
          Edges = [| [| 0; 1 |]; [| 1; 2 |]; [| 2; 3 |] |] }

    let placed index (run: StudyRun) =
        let own = Path.Combine(folder, string index)
        Directory.CreateDirectory own |> ignore
        let options = JsonSerializerOptions(PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower)
        File.WriteAllText(Path.Combine(own, "network.json"), JsonSerializer.Serialize(network, options))
        File.WriteAllLines(Path.Combine(own, "shares.csv"), [ "node,class,images"; "0,0,30"; "1,1,20"; "3,1,1" ])
        let lines = [ for node in 0..2 -> $"4,40,{node},0.{8 - node},0.5" ]
        File.WriteAllLines(Path.Combine(own, "nodes.csv"), "epoch,iteration,node,accuracy,loss" :: lines)
        { run with Folder = own }

    { study with Runs = List.mapi placed study.Runs }
