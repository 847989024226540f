namespace UbarFs.Report

open System
open System.Globalization

/// A table for papers. The caption says what the cells are, in which unit, and over how many runs.
type PaperTable = { Caption: string list; Headings: string list; Rows: string list list }

/// Tables as text for papers.
[<RequireQualifiedAccess>]
module TableText =

    // A number, perhaps with something behind it: "93.1 ± 0.4 ●", "−0.3", "< 2", "10%".
    let private isFigure (cell: string) =
        let first = (cell.TrimStart('<', '>', '≤', '≥', '≈', '~', ' ').Split ' ')[0]
        let plain = first.TrimEnd('%', ',').Replace('−', '-')

        Double.TryParse(plain, NumberStyles.Float, CultureInfo.InvariantCulture) |> fst

    /// A column that has numbers is set to the right, whatever stands in the place of those that are missing.
    let private isRight (rows: string list list) column = rows |> List.exists (List.item column >> isFigure)

    let private isSpace (letter: char) = Char.IsControl letter || Char.IsWhiteSpace letter

    // What Markdown gives a meaning to inside a cell. '&' has one only before a letter or a '#'.
    let private markdownCell (cell: string) =
        let letters = cell |> String.map (fun letter -> if isSpace letter then ' ' else letter)

        letters
        |> Seq.mapi (fun place letter ->
            match letter with
            | '<' -> "&lt;"
            | '&' when
                place + 1 < letters.Length && (Char.IsAsciiLetter letters[place + 1] || letters[place + 1] = '#')
                ->
                "&amp;"
            | letter when "\\`*_[]|~$".Contains letter -> $"\\{letter}"
            | letter -> string letter)
        |> String.concat ""

    let markdown (table: PaperTable) : string =
        let line cells = cells |> String.concat " | " |> sprintf "| %s |\n"

        let rulers =
            table.Headings |> List.mapi (fun column _ -> if isRight table.Rows column then "---:" else "---")

        let escaped = List.map markdownCell >> line
        let caption = table.Caption |> List.map (fun sentence -> $"\n{markdownCell sentence}\n")

        String.concat "" (escaped table.Headings :: line rulers :: List.map escaped table.Rows @ caption)

    // Letters beyond ASCII that pdfLaTeX has no glyph for in its usual fonts, and those that its fonts turn into others.
    let private latexLetters =
        Map
            [ '\\', @"\textbackslash{}"
              '~', @"\textasciitilde{}"
              '^', @"\textasciicircum{}"
              '<', @"\textless{}"
              '>', @"\textgreater{}"
              '|', @"\textbar{}"
              '"', @"{\char34}"
              '`', @"{\char96}"
              '\'', @"{\char39}"
              '[', "{[}"
              ']', "{]}"
              '*', "{*}"
              '±', @"$\pm$"
              '×', @"$\times$"
              '·', @"$\cdot$"
              '●', @"$\bullet$"
              '◐', @"$\circ$"
              '✕', @"$\times$"
              '→', @"$\to$"
              '≤', @"$\leq$"
              '≥', @"$\geq$"
              '≈', @"$\approx$"
              '∞', @"$\infty$"
              '²', "$^2$"
              '³', "$^3$"
              '½', @"$\frac{1}{2}$"
              '−', "$-$"
              '–', "--"
              '—', "---"
              '…', @"\dots{}"
              '‘', "`"
              '’', "'"
              '“', "``"
              '”', "''"
              'α', @"$\alpha$"
              'β', @"$\beta$"
              'γ', @"$\gamma$"
              'δ', @"$\delta$"
              'ε', @"$\varepsilon$"
              'η', @"$\eta$"
              'θ', @"$\theta$"
              'κ', @"$\kappa$"
              'λ', @"$\lambda$"
              'μ', @"$\mu$"
              'ξ', @"$\xi$"
              'ρ', @"$\rho$"
              'σ', @"$\sigma$"
              'τ', @"$\tau$" ]

    let private latexCell (cell: string) =
        let isDigit place = place < cell.Length && (Char.IsAsciiDigit cell[place] || cell[place] = '.')
        let isDash place = place < cell.Length && "-–—".Contains cell[place]

        cell
        |> Seq.mapi (fun place letter ->
            match letter, Map.tryFind letter latexLetters with
            // Dashes side by side would be one.
            | ('–' | '—'), Some written when isDash (place + 1) -> written + "{}"
            | _, Some written -> written
            | '-', None when place = 0 && isDigit 1 -> "$-$"
            | '-', None when isDash (place + 1) -> "-{}"
            | letter, None when isSpace letter -> " "
            | letter, None when "&%$#_{}".Contains letter -> $"\\{letter}"
            | letter, None -> string letter)
        |> String.concat ""

    /// A `tabular` in the manner of booktabs, with its caption as a comment. What no font of pdfLaTeX has, such as Chinese,
    /// stays as it is, for XeLaTeX and LuaLaTeX.
    let latex (table: PaperTable) : string =
        let columns =
            table.Headings |> List.mapi (fun column _ -> if isRight table.Rows column then "r" else "l")

        let line cells = cells |> List.map latexCell |> String.concat " & " |> sprintf "%s \\\\\n"

        // One sentence after the other, on one line.
        let ended (sentence: string) =
            if Seq.contains (Seq.last sentence) ".;:" then
                sentence
            else
                sentence + "."

        let caption =
            table.Caption |> List.filter ((<>) "") |> List.map (ended >> latexCell) |> String.concat " "

        String.concat
            ""
            [ "% \\usepackage{booktabs}\n"
              if caption <> "" then
                  $"%% \\caption{{{caption}}}\n"
              $"\\begin{{tabular}}{{{String.Concat columns}}}\n\\toprule\n"
              line table.Headings
              "\\midrule\n"
              yield! List.map line table.Rows
              "\\bottomrule\n\\end{tabular}\n" ]
