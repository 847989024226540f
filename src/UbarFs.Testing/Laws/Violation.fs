namespace UbarFs.Testing

open UbarFs.Core

/// How a rule broke a law on one neighbourhood.
type Violation =
    {
        /// What was done to the neighbourhood before the rule was asked again; empty if nothing was.
        Change: string
        Expected: string
        Got: string
        /// What the rule was asked in the end, if it is not the neighbourhood itself.
        Asked: Neighbourhood option
        /// The rule gave no result that could be held against the law: it threw, or broke its contract.
        IsWithoutResult: bool
    }

[<RequireQualifiedAccess>]
module Violation =

    /// A violation on the neighbourhood as it is.
    let create expected got : Violation =
        { Change = ""
          Expected = expected
          Got = got
          Asked = None
          IsWithoutResult = false }

    /// A rule that threw, or gave what is no result.
    let withoutResult got : Violation = { create "a result" got with IsWithoutResult = true }

    /// The violation, after a change that made `asked` of the neighbourhood.
    let after change asked (violation: Violation) = { violation with Change = change; Asked = Some asked }

    /// One line.
    let text (violation: Violation) =
        let change =
            if violation.Change = "" then
                ""
            else
                violation.Change + ": "

        $"{change}expected {violation.Expected}, got {violation.Got}"

/// What a rule gave is no result, for this reason.
type NoResultException(reason: string) =
    inherit System.Exception(reason)

/// `Ok`, or how a rule breaks a law on a neighbourhood. A check draws nothing at random.
type LawCheck = UbarFs.Core.Rule -> Neighbourhood -> Result<unit, Violation>

[<RequireQualifiedAccess>]
module LawCheck =

    /// The first violation of several checks.
    let all (results: Result<unit, Violation> seq) : Result<unit, Violation> =
        results |> Seq.tryFind Result.isError |> Option.defaultValue (Ok())

    /// Asks a rule something; what it throws is a violation.
    let attempt (ask: unit -> 'answer) : Result<'answer, Violation> =
        try
            use _ = TorchSharp.torch.NewDisposeScope()
            Ok(ask ())
        with
        | :? NoResultException as error -> Error(Violation.withoutResult error.Message)
        | error ->
            let message = error.Message.Split('\n')[0]

            // What scripts and assemblies throw comes with its own words.
            let told =
                match error with
                | :? UserCodeException -> message
                | _ -> $"{error.GetType().Name}: {message}"

            Error(Violation.withoutResult told)

    /// The check, with what a rule throws as a violation.
    let safely (check: LawCheck) : LawCheck = fun rule view -> attempt (fun () -> check rule view) |> Result.bind id
