/// The reference of the language and of all components as one Markdown document.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.Reference

open System
open UbarFs.Core

/// What writes the document, for those who read it and for the test that compares it.
let command = "dotnet fsi build.fsx format"

/// Text that Markdown shows as it is.
let private escaped (text: string) = text.Replace("\\", "\\\\").Replace("*", "\\*").Replace("<", "\\<")

/// Text for a cell of a table, on one line.
let private cell (text: string) = (escaped text).Replace("|", "\\|").Replace("\n", " ")

let private code (text: string) = $"`{text}`"

let private table (header: string list) (rows: string list list) =
    let line cells = cells |> String.concat " | " |> sprintf "| %s |"
    [ line header; header |> List.map (fun _ -> "---") |> line ] @ List.map line rows

let private fenced language (text: string) = [ $"```{language}"; text.TrimEnd '\n'; "```" ]

/// The anchor that GitHub gives a heading, apart from the numbers of repeated ones.
let private slug (heading: string) =
    heading.ToLowerInvariant().Replace(' ', '-')
    |> String.filter (fun letter -> Char.IsLetterOrDigit letter || letter = '-' || letter = '_')

/// The anchor of the next heading of a document, given how often each slug has come so far.
let private anchor (known: Map<string, int>) heading =
    let slug = slug heading

    match known.TryFind slug with
    | None -> slug, known.Add(slug, 1)
    | Some times -> $"{slug}-{times}", known.Add(slug, times + 1)

let private title (family: Family) = family.Plural.Substring(0, 1).ToUpperInvariant() + family.Plural.Substring 1

let private languageTitle = "The keys of a scenario"

// ---- The keys of a scenario

let private dotted (path: string list) = String.concat "." path

/// What is expected as the value of a key.
let rec private expected shape =
    match shape with
    | Shape.Scalar kind -> cell (Kind.describe kind)
    | Shape.Text expected -> cell expected
    | Shape.Component(family, _, isOpen) ->
        let code = if isOpen then ", or [code](writing-a-rule.md)" else ""

        match Family.all |> List.tryFind (fun known -> known.Name = family) with
        | Some known -> $"one of the [{known.Plural}](#{slug (title known)}){code}"
        | None -> $"a {family}{code}"
    | Shape.Fields _ -> "keys"
    | Shape.OrList(one, item) when expected one = expected item -> $"{expected one}, or a list of them"
    | Shape.OrList(one, item) -> $"{expected one}, or a list, each item {expected item}"
    | Shape.List item -> $"a list, each item {expected item}"
    | Shape.Sweep -> "paths with lists of values; `zip`, `variants`, `exclude`"

let private left (fields: KeyShape list) path (field: KeyShape) =
    let partner =
        fields
        |> List.tryFind (fun other -> Shape.areAlternatives fields field.Key other.Key)
        |> Option.map (fun other -> code (dotted (path @ [ other.Key ])), other.Default)

    match field.Default, partner with
    | Default.Written text, Some(partner, _) -> $"{code text}, unless {partner} is given"
    | _, Some(partner, Default.Written _) -> $"instead of {partner}"
    | _, Some(partner, _) -> $"required, unless {partner} is given"
    | Default.Required, None -> "required"
    | Default.Written text, None -> code text
    | Default.OfKeys, None
    | Default.Absent, None -> ""

let rec private keys path shape =
    match shape with
    | Shape.Fields fields ->
        fields
        |> List.collect (fun field ->
            let here = path @ [ field.Key ]

            let row =
                [ code (dotted here)
                  cell field.Meaning
                  expected field.Shape
                  left fields path field ]

            match field.Shape with
            | Shape.Fields _ -> keys here field.Shape
            | _ -> [ row ])
    | _ -> []

let private notation =
    [ "A scenario is a YAML mapping with the keys below. A dot stands for nesting: `training.rate: 0.1` is"
      "`training: { rate: 0.1 }`; dotted paths themselves are written under `sweep`, and after `--set` on the command"
      "line. Unknown and repeated keys are errors."
      ""
      "- A component is written by its name (`rule: ubar`), by its name and parameters"
      "  (`rule: { ubar: { rho: 0.3 } }`), or by its name and its first parameter alone (`rule: { ubar: 0.3 }`)."
      "- A rule or an attack can be code of your own: `rule: { script: rules/mine.fsx }` is an F# script, and"
      "  `rule: { assembly: mine.dll, type: Name }` a class of a .NET assembly; paths count from the scenario's folder."
      "  Its parameters stand in `with`: `rule: { script: rules/mine.fsx, with: { share: 0.3 } }`; `rule.with.share` is"
      "  the path of one. [Writing a rule](writing-a-rule.md) shows how. `--no-scripts` refuses to run code."
      "- A rule, an attack or a variant can have a name of its own for tables, legends and files:"
      "  `rule: { ubar: { rho: 0.3 }, label: Ours }`, `{ script: rules/mine.fsx, label: Ours }`. `rule.label` is its path."
      "  It changes no number and no run's id. One label cannot stand for different things in one scenario."
      "- A number can be a percentage: `25%` is `0.25`."
      "- A time has its unit: `2 epochs`, `50 iterations`. Without one, `training.epochs` counts epochs and"
      "  `training.iterations` iterations."
      "- `sweep` makes a run of every combination of the values listed under its paths; `repeat` makes that many of"
      "  each, with consecutive seeds; `seeds: [1, 5, 9]` lists them instead. Under `sweep`,"
      "  `zip: { network.byzantine: [0.1, 0.3], training.rate: [0.1, 0.05] }` takes lists side by side (a list of such"
      "  mappings makes several), `variants: { mild: { attack: none }, hard: { attack: ipm, network.byzantine: 0.3 } }`"
      "  sets several keys at once under a name, and `exclude: [{ rule: average, network.byzantine: 0.3 }]` leaves out"
      "  the runs that have all of these values; the name of a component stands for all of its parameters there."
      "- `extends: other.yaml` takes over what another scenario says, counted from this file's folder: mappings are"
      "  joined, other values replaced, and a value replaces the sweep of it. Name and description are not inherited."
      "- `${training.rate}` stands for the value of another key and follows the sweep; `${env:NAME}` and"
      "  `${env:NAME:-default}` for an environment variable; `$${` for `${` itself. Inside `{ }` and `[ ]`, YAML wants"
      "  quotes around it." ]

let private language =
    table [ "key"; "meaning"; "expected"; "default" ] (keys [] Grammar.scenario.Shape)

// ---- The pages

let private meaning (page: Page) =
    page.Meaning
    |> List.collect (fun paragraph ->
        match paragraph with
        | Paragraph.Prose text -> [ escaped text; "" ]
        | Paragraph.Formula lines -> fenced "text" (String.concat "\n" lines) @ [ "" ])

let private parameters (page: Page) =
    let row (parameter: Parameter) =
        [ code parameter.Name
          cell parameter.Meaning
          cell (Kind.describe parameter.Kind)
          code (string parameter.Default) ]

    let shorthand =
        page.Shorthand
        |> Option.map (fun shorthand -> [ ""; $"With the first parameter alone: {code shorthand}." ])
        |> Option.defaultValue []

    match page.Parameters with
    | [] -> []
    | parameters ->
        table [ "parameter"; "meaning"; "expected"; "default" ] (List.map row parameters)
        @ shorthand
        @ [ "" ]

let private facts (page: Page) =
    [ for subject, text in page.Facts @ [ "Source", page.Source ] -> $"- **{subject}**: {escaped text}" ]

let private pageLines (page: Page) =
    [ $"### {page.Name}"; ""; $"_{escaped page.Summary}_"; "" ]
    @ meaning page
    @ parameters page
    @ facts page
    @ [ "" ]
    @ fenced "yaml" page.Example
    @ [ "" ]

let private familyLines (family: Family) (pages: (Page * string) list) =
    let where =
        match Example.place family.Name with
        | Some { Path = path; IsItem = true } -> $"Items of a list at {code (dotted path)}."
        | Some place -> $"Written at {code (dotted place.Path)}."
        | None -> ""

    let row (page: Page, anchor) = [ $"[{page.Name}](#{anchor})"; cell page.Summary ]

    [ $"## {title family}"; ""; where; "" ]
    @ table [ family.Name; "in short" ] (List.map row pages)
    @ [ "" ]
    @ List.collect (fst >> pageLines) pages

/// The families with their pages, each with its anchor.
let private anchored () =
    let family known (family: Family) =
        let own, known = anchor known (title family)

        let pages, known =
            List.mapFold
                (fun known (page: Page) ->
                    let own, known = anchor known page.Name
                    (page, own), known)
                known
                (Page.ofFamily family)

        (family, own, pages), known

    List.mapFold family Map.empty Family.all |> fst

let private contents families =
    let line (family: Family, own, pages: (Page * string) list) =
        let links = pages |> List.map (fun (page, anchor) -> $"[{page.Name}](#{anchor})") |> String.concat ", "
        $"- [{title family}](#{own}): {links}"

    $"- [{languageTitle}](#{slug languageTitle})" :: List.map line families

/// The whole document.
let document () : string =
    let families = anchored ()

    [ "# Reference"
      ""
      $"What a scenario can say: its keys, and everything that it can name. {code command}"
      "writes this page from the language and the catalogue themselves; `ubarfs describe NAME` prints its parts on the"
      "terminal. [Semantics](semantics.md) tells what all of it means together."
      "" ]
    @ contents families
    @ [ ""; $"## {languageTitle}"; "" ]
    @ notation
    @ [ "" ]
    @ language
    @ [ "" ]
    @ List.collect (fun (family, _, pages) -> familyLines family pages) families
    |> String.concat "\n"
    |> fun text -> text.TrimEnd '\n' + "\n"
