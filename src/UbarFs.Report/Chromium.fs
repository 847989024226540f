namespace UbarFs.Report

open System
open System.Diagnostics
open System.Globalization
open System.IO

/// Turns SVG files into PDF or PNG with a Chromium that is on the machine.
[<RequireQualifiedAccess>]
module Chromium =

    let private names =
        [ "chromium"
          "chromium-browser"
          "google-chrome"
          "google-chrome-stable"
          "chrome"
          "msedge" ]

    let private variable (name: string) = Environment.GetEnvironmentVariable name |> Option.ofObj

    /// The browser of UBARFS_CHROMIUM, or the first on the path.
    let find () : string option =
        let folders = variable "PATH" |> Option.defaultValue "" |> _.Split(Path.PathSeparator) |> List.ofArray

        let known =
            [ for name in names do
                  for folder in folders -> Path.Combine(folder, name) ]

        Option.toList (variable "UBARFS_CHROMIUM") @ known |> List.tryFind File.Exists

    /// What to do when there is none.
    let missing =
        "PDF and PNG are made by Chromium or Chrome, and none is on the path. Install it (Debian: apt-get install "
        + "chromium), name one in UBARFS_CHROMIUM, or take --format svg"

    let private run (browser: string) (arguments: string list) =
        let profile = Path.Combine(Path.GetTempPath(), $"ubarfs-chromium-{Guid.NewGuid():N}")

        // Chromium refuses to run its sandbox as root.
        let unsandboxed =
            if Environment.UserName = "root" then
                [ "--no-sandbox" ]
            else
                []

        let fixed' =
            [ "--headless"
              "--disable-gpu"
              "--hide-scrollbars"
              $"--user-data-dir={profile}" ]
            @ unsandboxed

        let info =
            ProcessStartInfo(browser, fixed' @ arguments, RedirectStandardOutput = true, RedirectStandardError = true)

        try
            match Process.Start info with
            | null -> Error $"'{browser}' does not start"
            | started ->
                use started = started
                let complaints = started.StandardError.ReadToEndAsync()
                started.StandardOutput.ReadToEnd() |> ignore

                if not (started.WaitForExit 60_000) then
                    started.Kill true
                    Error $"'{browser}' does not end"
                elif started.ExitCode <> 0 then
                    Error $"'{browser}' fails: {complaints.Result.Trim()}"
                else
                    Ok()
        finally
            if Directory.Exists profile then
                Directory.Delete(profile, true)

    let private whole (value: float) = (ceil value).ToString("0", CultureInfo.InvariantCulture)

    // A page of just the drawing's size with nothing else on it.
    let private page (drawing: Drawing) (svg: string) =
        let size = $"{whole drawing.Width}px {whole drawing.Height}px"

        let style = $"@page{{size:{size};margin:0}}body{{margin:0}}svg{{display:block}}"
        $"<!DOCTYPE html><meta charset=\"utf-8\"><style>{style}</style>" + svg

    /// Writes a drawing's SVG file as PDF ("pdf") or PNG ("png", twice the size) beside it. Gives the new file.
    let convert (browser: string) (format: string) (drawing: Drawing) (svgFile: string) : Result<string, string> =
        let target = Path.GetFullPath(Path.ChangeExtension(svgFile, format))
        let source = Path.GetFullPath(svgFile + ".html")
        File.WriteAllText(source, page drawing (File.ReadAllText svgFile))

        try
            let arguments =
                if format = "pdf" then
                    [ $"--print-to-pdf={target}"; "--no-pdf-header-footer" ]
                else
                    [ $"--screenshot={target}"
                      $"--window-size={whole drawing.Width},{whole drawing.Height}"
                      "--force-device-scale-factor=2" ]

            run browser (arguments @ [ Uri(source).AbsoluteUri ])
            |> Result.bind (fun () ->
                if File.Exists target then
                    Ok target
                else
                    Error $"'{browser}' has written no '{target}'")
        finally
            File.Delete source
