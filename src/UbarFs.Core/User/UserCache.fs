/// The folder for what can be had again: downloads, compiled scripts.
[<RequireQualifiedAccess>]
module UbarFs.Core.UserCache

open System
open System.IO

/// The user's folder for one purpose, by the customs of the system; nothing where the environment tells of no home.
let find onWindows (variable: string -> string option) (purpose: string) : string option =
    let variable = variable >> Option.filter (String.IsNullOrWhiteSpace >> not)

    let home =
        if onWindows then
            variable "LOCALAPPDATA"
        else
            // The XDG specification ignores a relative path.
            variable "XDG_CACHE_HOME"
            |> Option.filter Path.IsPathRooted
            |> Option.orElse (variable "HOME" |> Option.map (fun home -> Path.Combine(home, ".cache")))

    home |> Option.map (fun home -> Path.Combine(home, "ubarfs", purpose))

/// The folder for this process.
let current purpose =
    find (OperatingSystem.IsWindows()) (Environment.GetEnvironmentVariable >> Option.ofObj) purpose
