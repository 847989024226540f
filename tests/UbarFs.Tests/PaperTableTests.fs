/// Laws of tables for papers: nothing in a cell is taken for the language around it, and numbers line up.
module UbarFs.Tests.PaperTableTests

open System
open System.Text
open Expecto
open FsCheck.FSharp
open UbarFs.Report
open UbarFs.Testing.Generators

let private table rows : PaperTable =
    { Caption = []
      Headings = rows |> List.head |> List.mapi (fun index _ -> $"h{index}")
      Rows = rows }

let private letters =
    [ for code in 0x20..0x7e -> string (char code) ]
    @ [ "±"
        "ρ"
        "−"
        "–"
        "●"
        "é"
        "中"
        "😀"
        "\n"
        "\t"
        "--"
        "[x]"
        "\\["
        "&amp;"
        "$x$"
        "```" ]

let private text = Gen.elements letters |> Gen.listOf |> Gen.map (String.concat "")

// The commands that stand for a letter, as TableText writes them.
let private commands =
    Map
        [ @"\textbackslash{}", '\\'
          @"\textasciitilde{}", '~'
          @"\textasciicircum{}", '^'
          @"\textless{}", '<'
          @"\textgreater{}", '>'
          @"\textbar{}", '|'
          @"{\char34}", '"'
          @"{\char96}", '`'
          @"{\char39}", '\''
          "{[}", '['
          "{]}", ']'
          "{*}", '*'
          @"$\pm$", '±'
          @"$\rho$", 'ρ'
          @"$\bullet$", '●'
          "$-$", '−'
          "-{}", '-'
          @"\&", '&'
          @"\%", '%'
          @"\$", '$'
          @"\#", '#'
          @"\_", '_'
          @"\{", '{'
          @"\}", '}'
          "--", '–'
          "--{}", '–' ]

/// What LaTeX would set for a cell: nothing if there is anything that it would not set as it is written.
let private set (cell: string) : string option =
    let shown = StringBuilder()
    let mutable place, sound = 0, true

    while place < cell.Length && sound do
        let command =
            commands.Keys
            |> Seq.filter (fun command -> cell.AsSpan(place).StartsWith command)
            |> Seq.sortByDescending String.length
            |> Seq.tryHead

        match command with
        | Some command ->
            shown.Append commands[command] |> ignore
            place <- place + command.Length
        | None when "\\~^<>|\"`'[]*&%$#_{}\n\t".Contains cell[place] -> sound <- false
        | None ->
            shown.Append cell[place] |> ignore
            place <- place + 1

    if sound then Some(string shown) else None

let private lines (text: string) = text.Split '\n' |> List.ofArray

// The line behind \midrule, without its end.
let private latexCells (cells: string list) =
    let all = TableText.latex (table [ cells ]) |> lines
    let row = all[1 + List.findIndex ((=) @"\midrule") all]
    row.Substring(0, row.Length - 3).Split " & "

let private spaced (text: string) =
    text |> String.map (fun letter -> if Char.IsControl letter then ' ' else letter)

// A leading hyphen of a number is a minus sign.
let private signed (text: string) =
    if text.Length > 1 && text[0] = '-' && (Char.IsAsciiDigit text[1] || text[1] = '.') then
        "−" + text.Substring 1
    else
        text

let private latex =
    [ testProperty "LaTeX sets every text as it is written"
      <| forAll text (fun text ->
          let row = latexCells [ text; "end" ]
          row |> Array.last = "end" && set row[0] = Some(signed (spaced text)))

      testProperty "no first cell is taken for an argument of what stands before it"
      <| forAll text (fun text ->
          let first = (latexCells [ "[" + text; "end" ])[0]
          not (first.StartsWith '[' || first.StartsWith '*'))

      testProperty "a caption is one line of comment"
      <| forAll text (fun text ->
          let written = TableText.latex { table [ [ "1" ] ] with Caption = [ text; "x" ] }

          let comments, others = lines written |> List.partition _.StartsWith('%')
          let captions = comments |> List.filter _.StartsWith("% \\caption{")
          captions.Length = 1 && others.Head.StartsWith @"\begin{tabular}") ]

/// What a Markdown cell shows; nothing if a letter that has a meaning there stands for itself.
let private shown (cell: string) : string option =
    let shown = StringBuilder()
    let mutable place, sound = 0, true

    while place < cell.Length && sound do
        let rest = cell.Substring place

        if rest.StartsWith "&lt;" then
            shown.Append '<' |> ignore
            place <- place + 4
        elif rest.StartsWith "&amp;" then
            shown.Append '&' |> ignore
            place <- place + 5
        elif rest.Length > 1 && rest[0] = '\\' && Char.IsPunctuation rest[1] || rest.Length > 1 && rest[0] = '\\' then
            shown.Append rest[1] |> ignore
            place <- place + 2
        elif "\\`*_[]<|~$".Contains rest[0] then
            sound <- false
        else
            shown.Append rest[0] |> ignore
            place <- place + 1

    if sound then Some(string shown) else None

let private markdown =
    [ testProperty "Markdown shows every text as it is written"
      <| forAll text (fun text ->
          let row = (TableText.markdown (table [ [ text; "end" ] ]) |> lines)[2]
          row.EndsWith " | end |" && shown (row.Substring(2, row.Length - 2 - 8)) = Some(spaced text))

      testCase "a caption stands below the table"
      <| fun () ->
          let written = TableText.markdown { table [ [ "1" ] ] with Caption = [ "In %."; "n = 3" ] }
          Expect.equal (lines written) [ "| h0 |"; "| ---: |"; "| 1 |"; ""; "In %."; ""; "n = 3"; "" ] "all lines" ]

let private figures =
    Gen.elements
        [ "1"
          "93.1"
          "93.1 ± 0.4 ●"
          "-2.5"
          "−2.5"
          "10%"
          "1e-05"
          "< 2"
          "NaN"
          "3 epochs" ]

let private missing = Gen.elements [ ""; "–"; "interrupted"; "no data: mnist" ]

let private alignment (rows: string list list) =
    let latex = TableText.latex (table rows)
    let columns = latex.Substring(latex.IndexOf "tabular}{" + 9, rows.Head.Length)
    let rulers = (TableText.markdown (table rows) |> lines)[1]
    columns, rulers.Split '|' |> Array.filter (fun ruler -> ruler <> "") |> Array.map _.Trim()

let private alignments =
    [ testProperty "a column of numbers is set to the right, whatever is missing in it"
      <| forAll (Gen.zip (Gen.nonEmptyListOf figures) (Gen.listOf missing)) (fun (figures, missing) ->
          let rows = figures @ missing |> List.map (fun cell -> [ "text"; cell ])

          alignment rows = ("lr", [| "---"; "---:" |])
          && alignment (List.rev rows) = ("lr", [| "---"; "---:" |]))

      testCase "words are set to the left, and so is a column of nothing"
      <| fun () ->
          for cell in [ "ubar"; "784-100-10"; "2nd"; ""; "–"; "+"; "3x" ] do
              Expect.equal (fst (alignment [ [ cell ] ])) "l" $"'{cell}'" ]

let private optional =
    testCase "no cell is taken for the optional argument of what stands before its row"
    <| fun () ->
        let lines = TableText.latex (table [ [ "[a]"; "1" ]; [ "[2pt]"; "2" ]; [ "*"; "3" ] ]) |> _.Split('\n')

        for line in lines do
            Expect.isFalse (line.StartsWith '[' || line.StartsWith '*') line

[<Tests>]
let tests = testList "tables for papers" (optional :: latex @ markdown @ alignments)
