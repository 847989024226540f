namespace UbarFs.Testing

/// How a rule broke a law on one neighbourhood.
type Violation =
    {
        /// What was done to the neighbourhood before the rule was asked again; empty if nothing was.
        Change: string
        Expected: string
        Got: string
        /// What the rule was asked in the end, if it is not the neighbourhood itself.
        Asked: Neighbourhood option
    }

[<RequireQualifiedAccess>]
module Violation =

    /// A violation on the neighbourhood as it is.
    let create expected got : Violation = { Change = ""; Expected = expected; Got = got; Asked = None }

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

/// `Ok`, or how a rule breaks a law on a neighbourhood. A check draws nothing at random.
type LawCheck = UbarFs.Core.Rule -> Neighbourhood -> Result<unit, Violation>

[<RequireQualifiedAccess>]
module LawCheck =

    /// The first violation of several checks.
    let all (results: Result<unit, Violation> seq) : Result<unit, Violation> =
        results |> Seq.tryFind Result.isError |> Option.defaultValue (Ok())

    /// The check, with what a rule throws as a violation.
    let safely (check: LawCheck) : LawCheck =
        fun rule view ->
            try
                use _ = TorchSharp.torch.NewDisposeScope()
                check rule view
            with error ->
                let message = error.Message.Split('\n')[0]
                Error(Violation.create "an estimate" $"{error.GetType().Name}: {message}")
