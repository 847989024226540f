namespace UbarFs.Report

open System

/// Tables as text for papers and programs.
[<RequireQualifiedAccess>]
module TableText =

    let csv (headings: string list, rows: string list list) =
        headings :: rows |> List.map (fun cells -> UbarFs.Engine.Csv.line cells + "\n") |> String.concat ""

    let private isFigure (cell: string) = cell = "" || Char.IsAsciiDigit cell[0] || "–−-".Contains cell[0]

    // A column of figures is set to the right.
    let private isRight (rows: string list list) column =
        rows |> List.exists (fun row -> List.item column row <> "")
        && rows |> List.forall (fun row -> isFigure (List.item column row))

    let private markdownCell (cell: string) =
        let escaped = cell.Replace("\\", "\\\\").Replace("|", "\\|").Replace("<", "&lt;").Replace("*", "\\*")
        escaped.ReplaceLineEndings " "

    let markdown (headings: string list, rows: string list list) =
        let line cells = cells |> List.map markdownCell |> String.concat " | " |> sprintf "| %s |\n"
        let rulers = headings |> List.mapi (fun column _ -> if isRight rows column then "---:" else "---")
        String.concat "" (line headings :: line rulers :: List.map line rows)

    let private latexCell (cell: string) =
        cell
        |> String.collect (function
            | '\\' -> @"\textbackslash{}"
            | '~' -> @"\textasciitilde{}"
            | '^' -> @"\textasciicircum{}"
            | letter when "&%$#_{}".Contains letter -> $"\\{letter}"
            | '±' -> @"$\pm$"
            | '●' -> @"$\bullet$"
            | '◐' -> @"$\circ$"
            | '✕' -> @"$\times$"
            | '–' -> "--"
            | '−' -> "$-$"
            | 'ρ' -> @"$\rho$"
            | '\n'
            | '\r' -> " "
            | letter -> string letter)

    /// A `tabular` in the manner of booktabs.
    let latex (headings: string list, rows: string list list) =
        let columns = headings |> List.mapi (fun column _ -> if isRight rows column then "r" else "l")
        let line cells = cells |> List.map latexCell |> String.concat " & " |> sprintf "%s \\\\\n"

        String.concat
            ""
            [ "% \\usepackage{booktabs}\n"
              $"\\begin{{tabular}}{{{String.Concat columns}}}\n\\toprule\n"
              line headings
              "\\midrule\n"
              yield! List.map line rows
              "\\bottomrule\n\\end{tabular}\n" ]
