/// What determines a run's numbers, as a hash: its settings, and the code that computes it. That is the code that every
/// run needs, and of the catalogue the files that define what the run names: another rule, the words of a message or the
/// loading of libtorch do not make another run of it. The device, the version of libtorch and its threads are recorded
/// with a result instead: they change its rounding, not the experiment.
[<RequireQualifiedAccess>]
module UbarFs.Engine.Identity

open System
open System.Security.Cryptography
open System.Text
open UbarFs.Core
open UbarFs.Kernels
open UbarFs.Pictures

/// The sources that can take part in a run, by the name of their project.
type ProjectSources = { Project: string; Sources: Sources.Source list }

let private hash (text: string) = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes text))

/// Folders and files without influence on any number, each with the reason. What is not listed counts.
let apart: (string * string) list =
    [ "UbarFs.Kernels/Drafts.cs", "files that are half written"
      "UbarFs.Core/Components", "names, parameters and texts: a run has the values that they come to"
      "UbarFs.Core/User", "where the user's files are kept, and what the user's code says"
      "UbarFs.Core/Telling", "what stores and reports say of runs"
      "UbarFs.Core/Aggregation/Law.fs", "what test-rule examines"
      "UbarFs.Core/Aggregation/Contract.fs", "messages about rules that misbehave"
      "UbarFs.Core/Graphs/Files", "reads graphs: a run has the checksum of its edges"
      "UbarFs.Core/Graphs/GraphFigures.fs", "what reports say of a graph"
      "UbarFs.Core/Graphs/Spectrum.fs", "what reports say of a graph"
      "UbarFs.Core/Graphs/Diameter.fs", "what reports say of a graph"
      "UbarFs.Core/Tasks/ShareFile.fs", "reads shares: a run has their checksum"
      "UbarFs.Pictures/ImageFolder.fs", "finds images: a result has the checksum of its data"
      "UbarFs.Pictures/Tables", "reads numbers: a result has the checksum of its data"
      "UbarFs.Engine/Data/Downloads", "fetches files: a result has the checksum of its data"
      "UbarFs.Engine/Data/Places.fs", "where data is looked for"
      "UbarFs.Engine/Data/Inventory.fs", "lists data"
      "UbarFs.Engine/Formats", "writes and reads files"
      "UbarFs.Engine/Store", "writes and reads files"
      "UbarFs.Engine/Planning", "foretells time and memory"
      "UbarFs.Engine/Sessions", "decides what runs when, and where" ]

/// Whether every run depends on a source: it is neither apart nor does it only define components of the catalogue.
let isShared (components: string list) (project: string) (file: string) =
    let path = $"{project}/{file}"

    let isIn (place: string) = path = place || path.StartsWith(place + "/", StringComparison.Ordinal)

    not (List.contains file components || apart |> List.exists (fst >> isIn))

let private files (components: Component<'value> list) = components |> List.choose _.File |> List.map _.File

/// The files that define the catalogue, by their paths in their project.
let components: string list =
    [ files Catalogue.rules
      files Catalogue.stages
      files Catalogue.attacks
      files Catalogue.topologies
      files Catalogue.datasets
      files Catalogue.models
      files Catalogue.layers
      files Catalogue.partitions ]
    |> List.concat
    |> List.distinct

/// The sources of this build.
let sources: ProjectSources list =
    [ typeof<KeyedRandom>
      typeof<Rule>
      typeof<Picture.Conversion>
      typeof<Schedule> ]
    |> List.map (fun representative ->
        let assembly = representative.Assembly

        { Project = string (assembly.GetName().Name)
          Sources = Sources.ofAssembly assembly })

/// A hash of the sources that every run depends on, and of the version of TorchSharp.
let codeOf (torchSharp: string) (components: string list) (projects: ProjectSources list) =
    [ torchSharp
      for project in projects do
          for source in project.Sources do
              if isShared components project.Project source.File then
                  $"{project.Project}/{source.File}={source.Checksum}" ]
    |> String.concat "\n"
    |> hash

/// The hash of this build. It does not depend on where or when it was built.
let code = codeOf (typeof<TorchSharp.torch>.Assembly.GetName().Version |> string) components sources

/// The version of the program.
let version = (typeof<Schedule>.Assembly.GetName().Version |> nonNull).ToString 3

// Of what the hash is made, in which order.
let private scheme = "ubarfs run 2"

let ofRun (run: Run) =
    let settings = Run.canonical run |> List.map (fun (path, value) -> $"{path}: {value}\n")
    hash (String.concat "" ($"{scheme}\n" :: $"code: {code}\n" :: settings))
