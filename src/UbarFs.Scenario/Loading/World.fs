namespace UbarFs.Scenario

open UbarFs.Core
open UbarFs.Pictures

/// What a scenario may ask of the machine that it is read on. Everything else about reading one is pure.
type World =
    {
        /// The text of a file that another one extends.
        Read: string -> Result<string, Diagnostic>
        /// An environment variable.
        Variable: string -> string option
        /// What the images or tables are like that a scenario's file names: a dataset that is still unread comes back with
        /// its shape and sizes known, or as it is where nobody may look; and what is odd about them.
        Survey: string -> Dataset -> Result<Dataset * string list, string>
        /// The code that a scenario's file names; paths count from its folder.
        Code: string -> CodeAccess
    }

[<RequireQualifiedAccess>]
module World =

    /// No files and no environment variables.
    let none =
        { Read = fun path -> Error(Diagnostic.fileError path "no such file")
          Variable = fun _ -> None
          Survey = fun _ dataset -> Ok(dataset, [])
          Code = fun _ -> CodeAccess.none }

    /// The files and the environment of this machine, but no code.
    let machine =
        { Read = ScenarioFile.read
          Variable = System.Environment.GetEnvironmentVariable >> Option.ofObj
          Survey =
            fun file dataset ->
                let folder = System.IO.Path.GetDirectoryName file |> string

                if dataset.Storage.IsUnreadTable then
                    TableFile.survey folder dataset
                else
                    ImageFolder.survey folder dataset
          Code = fun _ -> CodeAccess.none }
