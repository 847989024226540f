/// What came out of testing a rule, for people and as JSON.
module UbarFs.Cli.RulePage

open System
open System.Globalization
open System.Text.Json
open System.Text.Json.Nodes
open Spectre.Console
open UbarFs.Core
open UbarFs.Testing

let private isColoured =
    lazy (AnsiConsole.Create(AnsiConsoleSettings(Out = AnsiConsoleOutput Console.Out)).Profile.Capabilities.Ansi)

let private styled (code: string) (text: string) =
    if isColoured.Value then
        $"\u001b[{code}m{text}\u001b[0m"
    else
        text

let private bold = styled "1"
let private green = styled "32"
let private red = styled "1;31"
let private yellow = styled "33"
let private faint = styled "2"

let private tests count = if count = 1 then "1 test" else $"{count} tests"

// ---- One line for each law

let private line mark name verdict says = Say.linef "  %s %-17s %s %s" mark name verdict (faint says)

let private width = 26
let private padded (text: string) = text.PadRight width

let private lawLine (law: LawReport) =
    let verdict, mark =
        match law.Standing, law.Outcome with
        | Standing.Unclaimed, Outcome.Held count -> padded $"holds in {tests count}", faint "·"
        | Standing.Unclaimed, Outcome.Falsified _ -> padded "does not hold", faint "·"
        | _, Outcome.Held count -> padded $"held, {tests count}", green "✓"
        | _, Outcome.Undecided count -> yellow (padded $"undecided, {tests count}"), yellow "?"
        | _, Outcome.Falsified(count, _) -> red (padded $"falsified, test {count}"), red "✗"

    line mark law.Trial.Name verdict law.Trial.Says

let private figure (number: float) =
    if Double.IsInfinity number then
        "∞"
    else
        number.ToString((if abs number < 1e4 then "0.###" else "0.0e0"), CultureInfo.InvariantCulture)

let private grown (ratio: float) =
    if ratio > 1e6 then
        "κ grows without end"
    else
        $"κ ≥ {figure ratio}"

let private resilienceLine (report: ResilienceReport) =
    let setting = report.Setting

    let found = grown report.Worst.Ratio

    let mark, verdict =
        match report.Bound with
        | Some _ when RuleReport.isBeyond report -> red "✗", red (padded found)
        | Some bound -> green "✓", padded $"{found}, known κ {figure bound}"
        | None -> faint "·", padded found

    line
        mark
        RuleReport.resilienceName
        verdict
        $"R from the honest mean, to their spread (both squared), at worst: {setting.Byzantine} of {setting.Neighbours} lie"

let private breakdownLine (found: Breakdown) =
    let setting = found.Setting

    let compared =
        match compare found.Assumed setting.Byzantine with
        | 0 -> "as many as there are"
        | less when less < 0 -> "fewer than there are"
        | _ -> "more than there are"

    line
        (faint "·")
        RuleReport.breakdownName
        (padded (grown found.Worst.Ratio))
        $"the same with assumed: {found.Assumed}, {compared}: {setting.Byzantine} of {setting.Neighbours} lie"

let private costLine (report: CostReport) =
    let growth = report.Growth
    let claimed = CostFit.claimed report.Claimed

    let measured =
        $"m^{figure (Math.Round(growth.Neighbours, 1))} d^{figure (Math.Round(growth.Parameters, 1))}"

    let mark, verdict =
        if CostFit.exceeds report.Claimed growth then
            red "✗", red (padded measured)
        else
            faint "·", padded measured

    line
        mark
        RuleReport.costName
        verdict
        $"growth of the time, measured; claimed: m^{figure claimed.Neighbours} d^{figure claimed.Parameters}"

let private section heading (laws: LawReport list) =
    if not laws.IsEmpty then
        printfn ""
        Say.linef "%s" (bold heading)
        List.iter lawLine laws

// ---- A counterexample

let private viewLines (view: Neighbourhood) =
    let rows =
        ("own", view.Own, view.OwnLoss)
        :: [ for row in 0 .. view.Received.Length - 1 -> $"neighbour {row}", view.Received[row], view.Losses[row] ]

    let widest = rows |> List.map (fun (_, estimate, _) -> (Written.numbers estimate).Length) |> List.max

    for name, estimate, loss in rows do
        Say.linef "  %-13s %s  loss %s" name ((Written.numbers estimate).PadRight widest) (Written.number loss)

    Say.linef "  %-13s %s" "ρ" (Written.number view.BenignRatio)

/// What else brings the same neighbourhoods again.
let private again (effort: Effort) =
    String.concat
        ""
        [ for dimension in Option.toList effort.Dimension do
              $" --dimension {dimension}"

          if effort.Tests > Effort.standard.Tests then
              $" --tests {effort.Tests}" ]

let private counterexampleLines
    (subject: TestedRule.Subject)
    (plan: Plan)
    inFull
    (law: LawReport)
    count
    (found: Counterexample)
    =
    printfn ""
    Say.linef "%s: %s" (red law.Trial.Name) law.Trial.Says
    Say.linef "%s" (faint $"falsified after {count} tests, made smaller in {found.Steps} steps:")
    printfn ""
    viewLines found.View
    printfn ""

    if found.Violation.Change <> "" then
        Say.linef "  %s" found.Violation.Change

    Say.linef "  expected      %s" (green found.Violation.Expected)
    Say.linef "  got           %s" (red found.Violation.Got)
    printfn ""

    Say.linef
        "  again:  ubarfs test-rule %s --property %s --seed %d%s"
        subject.Words
        law.Trial.Name
        plan.Effort.Seed
        (again plan.Effort)

    if inFull then
        // One call shows nothing of what only differs from call to call.
        if not (List.contains law.Trial.Name [ "determinism"; "no-history" ]) then
            Say.linef "  as a case, for 'ubarfs apply -':"
            printfn "%s" ((Pasted.cases subject.Source found).ToJsonString())

        Say.linef "  as a test with FsCheck:"
        printf "%s" (Pasted.test subject.Source law.Trial found)

let private witnessLines (report: ResilienceReport) =
    printfn ""
    Say.linef "%s: %s" (red RuleReport.resilienceName) RuleReport.resilienceText
    viewLines report.Worst.View
    Say.linef "  ratio         %s" (figure report.Worst.Ratio)

/// What a law's failure is worth showing: always if it was promised or asked for by name.
let private isShown (plan: Plan) (law: LawReport) = law.Standing <> Standing.Unclaimed || not plan.Only.IsEmpty

/// Prints a line for each law, and what broke those that failed. `inFull` adds the case and the test.
let print (subject: TestedRule.Subject) (plan: Plan) inFull (report: RuleReport) =
    let standing wanted = report.Laws |> List.filter (fun law -> law.Standing = wanted)
    Say.linef "%s, seed %d" (bold subject.Words) plan.Effort.Seed
    section "every rule has to keep" (standing Standing.Required)
    section "claimed" (standing Standing.Claimed)
    section "not claimed, for information" (standing Standing.Unclaimed)

    let isMeasured = report.Resilience.IsSome || report.Cost.IsSome || not report.Breakdown.IsEmpty

    if isMeasured || not report.NotMeasured.IsEmpty then
        printfn ""
        Say.linef "%s" (bold "measured")
        Option.iter resilienceLine report.Resilience
        List.iter breakdownLine report.Breakdown
        Option.iter costLine report.Cost

        for name, reason in report.NotMeasured do
            line (yellow "?") name (yellow (padded "not measured")) reason

    // A rule without a result breaks every law; the reason is told once.
    let mutable told = Set.empty

    for law in report.Laws do
        match law.Outcome with
        | Outcome.Falsified(_, found) when
            isShown plan law && found.Violation.IsWithoutResult && told.Contains found.Violation.Got
            ->
            ()
        | Outcome.Falsified(count, found) when isShown plan law ->
            told <- told.Add found.Violation.Got
            counterexampleLines subject plan inFull law count found
        | _ -> ()

    match report.Resilience with
    | Some resilience when RuleReport.isBeyond resilience || plan.Only = [ RuleReport.resilienceName ] ->
        witnessLines resilience
    | _ -> ()

    printfn ""

    match RuleReport.failures report, RuleReport.undecided report with
    | [], [] when report.Laws |> List.forall (fun law -> law.Standing = Standing.Unclaimed) && not plan.Only.IsEmpty ->
        Say.linef "the rule promises nothing of this"
    | [], [] -> Say.linef "%s" (green "every law that the rule has to keep or claims has held")
    | failed, undecided ->
        for verdict, names in [ red "falsified", failed; yellow "undecided", undecided ] do
            if not (List.isEmpty names) then
                Say.linef "%s: %s" verdict (String.concat ", " names)

// ---- JSON

let private text (value: string) : JsonNode = JsonValue.Create value

let private object' (fields: (string * JsonNode | null) list) =
    let json = JsonObject()

    for name, value in fields do
        json.Add(name, value)

    json

let private standingWord standing =
    match standing with
    | Standing.Required -> "required"
    | Standing.Claimed -> "claimed"
    | Standing.Unclaimed -> "unclaimed"

let private lawJson (subject: TestedRule.Subject) (law: LawReport) : JsonNode =
    let fields verdict count =
        [ "name", text law.Trial.Name
          "says", text law.Trial.Says
          "standing", text (standingWord law.Standing)
          "verdict", text verdict
          "tests", JsonValue.Create(count: int) :> JsonNode ]

    match law.Outcome with
    | Outcome.Held count -> object' (fields "held" count)
    | Outcome.Undecided count -> object' (fields "undecided" count)
    | Outcome.Falsified(count, found) ->
        object' (
            fields "falsified" count
            @ [ "change", text found.Violation.Change
                "expected", text found.Violation.Expected
                "got", text found.Violation.Got
                "case", Pasted.cases subject.Source found
                "test", text (Pasted.test subject.Source law.Trial found) ]
        )

let private numberJson (number: float) : JsonNode =
    if Double.IsFinite number then
        JsonValue.Create number
    else
        text (number.ToString CultureInfo.InvariantCulture)

let private resilienceJson (subject: TestedRule.Subject) (report: ResilienceReport) : JsonNode =
    object'
        [ "kappa", numberJson report.Worst.Ratio
          "bound", report.Bound |> Option.map numberJson |> Option.toObj
          "neighbours", JsonValue.Create report.Setting.Neighbours
          "byzantine", JsonValue.Create report.Setting.Byzantine
          "case", Pasted.case subject.Source report.Worst.View ]

let private breakdownJson (found: Breakdown) : JsonNode =
    object'
        [ "assumed", JsonValue.Create found.Assumed
          "kappa", numberJson found.Worst.Ratio
          "neighbours", JsonValue.Create found.Setting.Neighbours
          "byzantine", JsonValue.Create found.Setting.Byzantine ]

let private costJson (report: CostReport) : JsonNode =
    let exponents (growth: CostFit.Growth) =
        object'
            [ "neighbours", numberJson growth.Neighbours
              "parameters", numberJson growth.Parameters ]

    object'
        [ "measured", exponents report.Growth
          "claimed", exponents (CostFit.claimed report.Claimed) ]

/// One object with the laws and the measurements.
let json (subject: TestedRule.Subject) (plan: Plan) (report: RuleReport) : string =
    let names (names: string list) = JsonArray(names |> List.map (fun name -> text name) |> Array.ofList)

    let document =
        object'
            [ "rule", RuleSource.notation subject.Source
              "seed", JsonValue.Create plan.Effort.Seed
              "failures", names (RuleReport.failures report)
              "undecided", names (RuleReport.undecided report)
              "laws", JsonArray(report.Laws |> List.map (lawJson subject) |> Array.ofList)
              "resilience", report.Resilience |> Option.map (resilienceJson subject) |> Option.toObj
              "breakdown", JsonArray(report.Breakdown |> List.map breakdownJson |> Array.ofList)
              "cost", report.Cost |> Option.map costJson |> Option.toObj ]

    document.ToJsonString(JsonSerializerOptions(WriteIndented = true))
