namespace UbarFs.Report

open System.IO
open UbarFs.Engine

/// The form of a figure's file.
[<RequireQualifiedAccess>]
type FigureFormat =
    | Svg
    | Pdf
    | Png

/// Everything of a report as files for papers.
[<RequireQualifiedAccess>]
module Export =

    let private verdicts (groups: Group list) =
        let judged = Judgement.ofGroups groups
        let headings, cells = VerdictTable.text judged

        let caption =
            "Worst test accuracy of a benign node at the end, in per cent: mean ± sample standard deviation over n seeds."

        [ { Name = "verdicts"
            Description = "worst accuracy by setting and rule"
            Drawing = None
            Paper =
              Some
                  { Caption = caption :: VerdictNotes.definition judged
                    Headings = headings
                    Rows = cells }
            Data = VerdictTable.csv judged |> FigureData.withRuns groups }
          { Name = "verdict-pairs"
            Description = "the pairs of seeds that verdicts rest on"
            Drawing = None
            Paper = None
            Data = FigureData.pairs judged } ]

    let private drawn format description drawing : string * byte[] =
        match format with
        | FigureFormat.Svg -> "svg", System.Text.Encoding.UTF8.GetBytes(Figure.file description drawing)
        | FigureFormat.Pdf -> "pdf", Painter.pdf description drawing
        | FigureFormat.Png -> "png", Painter.png drawing

    /// Writes a figure or a table into a folder, with the data behind it: the files.
    let writeOne (folder: string) format (exported: Exported) : string list =
        let write extension (content: byte[]) =
            let file = Path.Combine(folder, $"{exported.Name}.{extension}")
            File.WriteAllBytes(file, content)
            file

        let writeText extension (text: string) = write extension (System.Text.Encoding.UTF8.GetBytes text)

        [ match exported.Drawing with
          | Some drawing -> drawn format exported.Description drawing ||> write
          | None -> ()

          writeText "csv" (exported.Data ||> Csv.table)

          match exported.Paper with
          | Some table ->
              writeText "md" (TableText.markdown table)
              writeText "tex" (TableText.latex table)
          | None -> () ]

    /// Writes the figures that are wanted, the data behind each as CSV, and the study's tables as Markdown and LaTeX.
    /// Gives the files, each with what it is of, or what is asked for that is not there: then nothing is written.
    let write
        (folder: string)
        format
        (request: FigureRequest)
        (study: Study)
        : Result<(string * Exported) list, string> =
        let groups = Summary.groups study

        Figures.ofGroups request groups
        |> Result.map (fun figures ->
            Directory.CreateDirectory folder |> ignore

            [ for exported in verdicts groups @ figures do
                  for file in writeOne folder format exported -> file, exported ])
