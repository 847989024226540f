/// The report as its readers meet it: a page in a browser, and a page of the local server.
module UbarFs.Tests.PageTests

open System
open System.IO
open System.Net
open System.Net.Http
open Expecto
open Microsoft.Playwright
open UbarFs.Cli
open UbarFs.Report

// All tests share a browser, which starts with the first.
let private browser =
    lazy
        (match Browser.find () with
         | None -> None
         | Some path ->
             let playwright = Playwright.CreateAsync().GetAwaiter().GetResult()

             let options =
                 BrowserTypeLaunchOptions(ExecutablePath = path, Args = [ "--no-sandbox"; "--disable-gpu" ])

             Some(playwright.Chromium.LaunchAsync(options).GetAwaiter().GetResult()))

let private wait (task: Threading.Tasks.Task<'value>) = task.GetAwaiter().GetResult()

type private Seen = { Page: IPage; Complaints: ResizeArray<string> }

/// Opens a study's page; whatever it complains of or asks the network for is remembered.
let private opened width (study: Study) test =
    match browser.Value with
    | None when isNull (Environment.GetEnvironmentVariable "CI") ->
        skiptest "there is no Chromium on this machine: apt-get install chromium"
    | None -> failtest "these tests need Chromium: apt-get install chromium"
    | Some browser ->
        TinyDataset.inFolder (fun folder ->
            let file = Path.Combine(folder, "report.html")
            File.WriteAllText(file, Page.create (Studies.withNetworks folder study))
            let size = ViewportSize(Width = width, Height = 900)
            let page = wait (browser.NewPageAsync(BrowserNewPageOptions(ViewportSize = size)))
            let complaints = ResizeArray()
            page.Console.Add(fun message -> complaints.Add message.Text)
            page.PageError.Add complaints.Add

            page.Request.Add(fun request ->
                if not (request.Url.StartsWith "file:" || request.Url.StartsWith "data:") then
                    complaints.Add request.Url)

            wait (page.GotoAsync(Uri(file).AbsoluteUri)) |> ignore

            try
                test { Page = page; Complaints = complaints }
            finally
                page.CloseAsync().GetAwaiter().GetResult())

let private count (seen: Seen) (selector: string) = wait (seen.Page.Locator(selector).CountAsync())

let private texts (seen: Seen) (selector: string) =
    wait (seen.Page.Locator(selector).AllInnerTextsAsync()) |> List.ofSeq

let private click (seen: Seen) (selector: string) =
    seen.Page.Locator(selector).First.ClickAsync().GetAwaiter().GetResult()

let private complete =
    testCase "the page has all its parts, and neither complains nor asks the network"
    <| fun () ->
        opened 1200 Studies.usual (fun seen ->
            for part in
                [ "verdicts"
                  "curves"
                  "inner-life"
                  "networks"
                  "times"
                  "scenario"
                  "provenance" ] do
                Expect.equal (count seen $"section#{part}") 1 part

            Expect.equal (count seen "#curves svg[data-panel]:visible") 2 "a panel for each setting"
            Expect.equal (count seen "#curves path.line[data-rule]:visible") 4 "a line for each rule"
            Expect.isGreaterThan (count seen "#networks rect.liar") 0 "Byzantine nodes"
            Expect.isEmpty seen.Complaints "no complaints")

let private toggling =
    testCase "a rule of the legend hides and shows its curves"
    <| fun () ->
        opened 1200 Studies.usual (fun seen ->
            let visible () = count seen "#curves path.line[data-rule='0']:visible"
            Expect.equal (visible ()) 2 "in both panels"
            click seen "#curves button[data-toggle='0']:visible"
            Expect.equal (visible ()) 0 "hidden"
            Expect.equal (count seen "#curves path.line[data-rule='1']:visible") 2 "the other stays"
            click seen "#curves button[data-toggle='0']:visible"
            Expect.equal (visible ()) 2 "again")

let private pointing =
    testCase "pointing at a panel tells the values of its rules"
    <| fun () ->
        opened 1200 Studies.usual (fun seen ->
            seen.Page.Locator("#curves svg[data-panel]:visible").Last.HoverAsync().GetAwaiter().GetResult()
            let shown = texts seen ".tip" |> String.concat ""
            Expect.stringContains shown "epoch 2" "the middle"
            Expect.stringContains shown "ubar 49." "half way to 88.5 %")

let private sorting =
    testCase "a heading sorts the rules of every setting, best first, and once more the other way"
    <| fun () ->
        opened 1200 Studies.usual (fun seen ->
            let rules () = texts seen "#verdicts tbody th.rule"
            let accuracy = "#verdicts th button:has-text('worst accuracy')"
            Expect.equal (rules ()) [ "average"; "ubar"; "average"; "ubar" ] "in the order of the sweep"
            click seen accuracy
            Expect.equal (rules ()) [ "average"; "ubar"; "ubar"; "average" ] "best first"
            Expect.equal (texts seen "#verdicts tr.setting") [ "absent"; "bit-flip" ] "below the settings' titles"
            click seen accuracy
            Expect.equal (rules ()) [ "ubar"; "average"; "average"; "ubar" ] "worst first")

let private narrow =
    testCase "a narrow screen scrolls the table, not the page"
    <| fun () ->
        opened 360 Studies.usual (fun seen ->
            let width = wait (seen.Page.EvaluateAsync<int> "document.documentElement.scrollWidth")
            Expect.isLessThanOrEqual width 360 "no wider than the screen"
            let tick = wait (seen.Page.Locator("#curves svg .tick:visible").First.BoundingBoxAsync())
            Expect.isGreaterThan tick.Height 8.0f "and its numbers can be read")

// How much the panels that are seen are enlarged: 1 where text has its own size.
let private scales (seen: Seen) : float list =
    let script =
        "Array.from(document.querySelectorAll('.multiples svg, .times svg, .heat svg, .legend svg'))"
        + ".filter(svg => svg.getBoundingClientRect().width > 0)"
        + ".map(svg => svg.getBoundingClientRect().width / svg.viewBox.baseVal.width)"

    wait (seen.Page.EvaluateAsync<float[]> script) |> List.ofArray

let private constantText =
    testCase "text in panels has one size, on every screen and however many panels there are"
    <| fun () ->
        for study in [ Studies.usual; Studies.swept [ "average"; "ubar" ]; Studies.attacked ] do
            for width in [ 380; 800; 1400 ] do
                opened width study (fun seen ->
                    for scale in scales seen do
                        Expect.floatClose Accuracy.low scale 1.0 $"{study.Name} at {width}")

let private roomUsed =
    testCase "panels name their axes and fill a wide page, and the times of an iteration are seen in full"
    <| fun () ->
        for study in [ Studies.usual; Studies.swept [ "average"; "ubar" ] ] do
            opened 1280 study (fun seen ->
                let script =
                    "Math.max(...Array.from(document.querySelectorAll('#curves .multiples svg')).map(svg => "
                    + "svg.getBoundingClientRect().right)) - document.querySelector('main').getBoundingClientRect().left"

                let used = wait (seen.Page.EvaluateAsync<float> script)
                Expect.isGreaterThan used 1000.0 "most of the page's width"
                let axes = seen.Page.Locator("#curves svg .axis:visible")
                let names = wait (axes.AllTextContentsAsync()) |> Seq.distinct |> List.ofSeq
                Expect.equal (List.sort names) [ "epoch"; "worst accuracy" ] "both axes"

                let hidden =
                    wait (
                        seen.Page.EvaluateAsync<int>
                            "(scroll => scroll.scrollWidth - scroll.clientWidth)(document.querySelector('#times .scroll'))"
                    )

                Expect.equal hidden 0 "no column is behind a scroll bar")

let private metrics =
    testCase "a choice shows another metric in all sections, and pointing tells its values"
    <| fun () ->
        opened 1200 (Studies.swept [ "average"; "ubar" ]) (fun seen ->
            Expect.equal (count seen ".chart[data-metric=worst]:visible") 2 "worst accuracy, against both axes"
            seen.Page.Locator("#metric").SelectOptionAsync("consensus-error").GetAwaiter().GetResult() |> ignore
            Expect.equal (count seen ".chart[data-metric=worst]:visible") 0 "hidden"
            Expect.equal (count seen ".chart[data-metric=consensus-error]:visible") 2 "shown in both sections"
            let other = wait (seen.Page.Locator("#metric-0").InputValueAsync())
            Expect.equal other "consensus-error" "and the other choice says so"
            seen.Page.Locator("#curves svg[data-panel]:visible").Last.HoverAsync().GetAwaiter().GetResult()
            Expect.stringContains (texts seen ".tip" |> String.concat "") "0.01" "after two epochs"
            seen.Page.Locator("#trend-0 svg[data-panel]:visible").First.HoverAsync().GetAwaiter().GetResult()
            Expect.stringContains (texts seen ".tip" |> String.concat "") "Byzantine ratio 0." "the swept number"
            Expect.isEmpty seen.Complaints "no complaints")

let private hardest =
    testCase "the page shows the worst over attacks, on narrow screens too"
    <| fun () ->
        for width in [ 1200; 360 ] do
            opened width Studies.attacked (fun seen ->
                Expect.equal (count seen "#worst .heat:visible") 1 "one drawing"
                let values = seen.Page.Locator("#worst .heat:visible .cell-value")
                let said = wait (values.AllTextContentsAsync())

                Expect.equal
                    (List.ofSeq said |> List.sort)
                    [ "10.0 %"; "30.0 %"; "60.0 %"; "80.0 %" ]
                    "a cell for each rule and ratio"

                let page = wait (seen.Page.EvaluateAsync<int> "document.documentElement.scrollWidth")
                Expect.isLessThanOrEqual page width "no wider than the screen"
                click seen "#worst summary"
                Expect.equal (count seen "#worst table:visible tbody tr") 2 "the same as a table"
                Expect.isEmpty seen.Complaints "no complaints")

let private agreement =
    testCase "the page shows how far the network agrees, whichever metric is chosen, and pointing tells values"
    <| fun () ->
        opened 1200 Studies.usual (fun seen ->
            let panels = "#agreement svg[data-panel]:visible"
            Expect.equal (count seen panels) 2 "a panel for each setting"
            seen.Page.Locator("#metric").SelectOptionAsync("best").GetAwaiter().GetResult() |> ignore
            Expect.equal (count seen panels) 2 "still"
            seen.Page.Locator(panels).Last.HoverAsync().GetAwaiter().GetResult()
            Expect.stringContains (texts seen ".tip" |> String.concat "") "ubar 0.01" "after two epochs"
            Expect.isEmpty seen.Complaints "no complaints")

        let silent (run: StudyRun) =
            { run with
                StudyRun.Points = run.Points |> List.map (fun point -> { point with ConsensusError = None }) }

        let old = { Studies.usual with Runs = List.map silent Studies.usual.Runs }
        Expect.isFalse ((Page.create old).Contains "id=\"agreement\"") "stores without it have no section"

let private failures =
    testCase "the page tells which runs failed, and why, and does not draw their networks as if they were valid"
    <| fun () ->
        opened 1200 (Studies.failing "average" Studies.usual) (fun seen ->
            let lines = texts seen ".problems li"
            Expect.hasLength lines 4 "each run"
            Expect.stringContains lines.Head "failed average, attack absent, seed 1: the rule 'average' gave 3" "why"
            Expect.isFalse (lines.Head.Contains "more about it") "in one line"
            Expect.stringContains (texts seen ".problems summary" |> String.concat "") "4 failed" "how many"
            let captions = texts seen "#networks figcaption:visible" |> String.concat " "
            Expect.stringContains captions "failed after epoch 2" "the network"
            Expect.isGreaterThan (count seen "#networks .node.unknown:visible") 0 "without colours")

let private boundedProblems =
    testCase "so many problems are listed at most, and the rest is counted"
    <| fun () ->
        let many = Studies.failing "average" (Studies.swept [ "average"; "dkrum" ])
        let pending = { many with Runs = many.Runs @ (Studies.failing "dkrum" many).Runs }
        let html = ProblemSection.problems (Summary.groups pending) |> List.map Markup.write |> String.concat ""
        let items = html.Split("<li>").Length - 1
        Expect.equal items (ProblemSection.most + 1) "lines"
        Expect.stringContains html "results.csv has all" "and where the rest is"

let private print =
    testCase "printed, nothing is wider than the paper, and legends are repeated with their panels"
    <| fun () ->
        // The width of A4 within its margins.
        opened 703 (Studies.swept [ for index in 1..10 -> $"rule-{index}" ]) (fun seen ->
            let media = PageEmulateMediaOptions(Media = Media.Print)
            seen.Page.EmulateMediaAsync(media).GetAwaiter().GetResult()
            let width = wait (seen.Page.EvaluateAsync<int> "document.documentElement.scrollWidth")
            Expect.isLessThanOrEqual width 703 "no wider than the paper"
            let style selector = $"getComputedStyle(document.querySelector('{selector}')).display"
            let head = wait (seen.Page.EvaluateAsync<string>(style ".chart:not([hidden]) .chart-head"))
            Expect.equal head "table-header-group" "the legend is a heading of its panels"
            Expect.equal (count seen "select:visible") 0 "nothing to choose")

let private injection =
    testCase "markup in a scenario is text in its report"
    <| fun () ->
        opened 1200 Studies.hostile (fun seen ->
            Expect.equal (count seen "body#taken, img") 0 "nothing came of it"
            Expect.stringContains (texts seen "h1" |> String.concat "") "<script>" "it is shown"
            Expect.isEmpty seen.Complaints "no complaints"
            // The style, the data and the page's own script.
            Expect.equal (count seen "script") 2 "no other script")

let private get (address: string) change =
    use client = new HttpClient()
    use request = new HttpRequestMessage(HttpMethod.Get, address)
    change request
    use response = wait (client.SendAsync request)
    response.StatusCode, wait (response.Content.ReadAsStringAsync())

let private live =
    testCase "the local server shows a store while it grows, to this machine's readers only"
    <| fun () ->
        TinyDataset.inFolder (fun folder ->
            match Watch.start 0 (Progress.Tracker []) [ folder ] with
            | Error reason -> failtest reason
            | Ok(address, server) ->
                use _ = server
                let code, waiting = get address ignore
                Expect.equal code HttpStatusCode.OK "before there is anything"
                Expect.stringContains waiting "Waiting" "and says so"
                let _, before = get (address + "state") ignore
                File.WriteAllText(Path.Combine(folder, "results.csv"), "run\n")
                let _, after = get (address + "state") ignore
                Expect.notEqual after before "news change the state"
                let foreign, _ = get address (fun request -> request.Headers.Host <- "evil.example")
                Expect.equal foreign HttpStatusCode.Forbidden "another site's name"
                let posted, _ = get address (fun request -> request.Method <- HttpMethod.Post)
                Expect.equal posted HttpStatusCode.MethodNotAllowed "nothing can be written"
                let elsewhere, _ = get (address + "results.csv") ignore
                Expect.equal elsewhere HttpStatusCode.NotFound "no files")

[<Tests>]
let tests =
    let pages =
        [ complete
          toggling
          pointing
          sorting
          narrow
          constantText
          roomUsed
          metrics
          hardest
          agreement
          failures
          boundedProblems
          print ]

    testSequenced <| testList "page" (pages @ [ injection; live ])
