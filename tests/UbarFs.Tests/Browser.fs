/// The browser of tests that open pages.
module UbarFs.Tests.Browser

open System
open System.IO

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
