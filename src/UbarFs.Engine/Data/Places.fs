namespace UbarFs.Engine.Data

open System
open System.IO
open System.Security.Cryptography
open System.Text
open UbarFs.Core

/// A folder under which datasets are looked for.
type Place =
    {
        /// Who names the folder, as the user knows it.
        Origin: string
        Root: string
        /// Whether the program may write there.
        Writable: bool
    }

[<RequireQualifiedAccess>]
module Places =

    [<Literal>]
    let Variable = "UBARFS_DATA"

    let private userCache = "the user's cache"

    /// The places in the order in which they are looked at; the first that has a dataset wins: the `--data` argument,
    /// `UBARFS_DATA`, the user's cache, and where Debian's packages put datasets. `variable` reads the environment.
    let find onWindows (variable: string -> string option) (argument: string option) : Place list =
        let variable = variable >> Option.filter (String.IsNullOrWhiteSpace >> not)
        let own origin root = { Origin = origin; Root = root; Writable = true }

        [ argument |> Option.map (own "--data")
          variable Variable |> Option.map (own Variable)
          UserCache.find onWindows variable "data" |> Option.map (own userCache)
          if not onWindows then
              Some
                  { Origin = "the system's packages"
                    Root = "/usr/share/datasets"
                    Writable = false } ]
        |> List.choose id

    /// The places for this process, as full paths.
    let current (argument: string option) =
        let variable name = Environment.GetEnvironmentVariable name |> Option.ofObj

        find (OperatingSystem.IsWindows()) variable argument
        |> List.map (fun place -> { place with Root = Path.GetFullPath place.Root })
        |> List.distinctBy _.Root

    /// The same for an argument that a user wrote: a folder that is named and is not there is a mistake, not a reason to
    /// look elsewhere.
    let named (argument: string option) : Result<Place list, string> =
        match argument with
        | Some folder when not (Directory.Exists folder) ->
            Error $"--data is '{folder}': there is no such folder. Create it, or name another"
        | argument -> Ok(current argument)

    /// Where a dataset of this name may lie in a place: in a folder of its own, or in the place itself.
    let folders name (place: Place) =
        let own = Path.Combine(place.Root, name)
        if place.Writable then [ own; place.Root ] else [ own ]

    /// The folder that a dataset is downloaded to: its own one in the first place that may be written to.
    let destination name (places: Place list) =
        places |> List.tryFind _.Writable |> Option.map (fun place -> Path.Combine(place.Root, name))

    /// The file that keeps the decoded images of a dataset in a folder.
    let decoded name (folder: string) = Path.Combine(folder, $"{name}.images")

    /// The file that keeps the decoded images of a folder elsewhere, which is not written to: in the user's cache, where
    /// there is one.
    let decodedElsewhere (folder: string) (places: Place list) =
        let digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes folder))
        let name = $"{Path.GetFileName folder}-{digest.Substring(0, 16)}"

        places
        |> List.tryFind (fun place -> place.Origin = userCache)
        |> Option.orElse (places |> List.tryFind _.Writable)
        |> Option.map (fun place -> Path.Combine(place.Root, "folders") |> decoded name)
