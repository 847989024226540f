/// The `--set path=value` options.
module UbarFs.Cli.Overriding

open FsToolkit.ErrorHandling

/// Splits each assignment at its first '='.
let read (assignments: string list) : Result<(string * string) list, string> =
    assignments
    |> List.traverseResultM (fun assignment ->
        match assignment.IndexOf '=' with
        | position when position > 0 -> Ok(assignment.Substring(0, position), assignment.Substring(position + 1))
        | _ -> Error $"--set {assignment}: expected path=value, such as training.epochs=5")
