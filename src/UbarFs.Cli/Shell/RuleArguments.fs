/// The part of the command line that is about one rule or the models of one run.
module UbarFs.Cli.RuleArguments

open Argu

/// What `--no-scripts` does, wherever it stands.
let noScripts = "run no code: refuse scenarios that are F# scripts or that name scripts or assemblies"

type TestRuleArguments =
    | [<MainCommand; ExactlyOnce>] Rule of rule: string
    | [<Unique>] Type of name: string
    | Property of name: string
    | [<Unique>] Tests of number: int
    | [<Unique; CustomCommandLine "--time-limit">] TimeLimit of seconds: float
    | [<Unique>] Seed of seed: int64
    | [<Unique>] Dimension of number: int
    | [<Unique>] Byzantine of number: int
    | Set of assignment: string
    | [<Unique>] Out of dir: string
    | [<Unique>] Json
    | [<Unique>] Libtorch of dir: string

    interface IArgParserTemplate with
        member argument.Usage =
            match argument with
            | Rule _ ->
                "name of a rule, a pipeline ('[nnm, dmedian]'), or an F# script (.fsx) or an assembly (.dll) that defines \
                 one"
            | Type _ -> "the class in the assembly that is the rule"
            | Property _ -> "test this law alone, by its name in the output; may be repeated"
            | Tests _ -> "tests of each law (default: 100, and fewer for laws that the rule does not claim)"
            | TimeLimit _ -> "ends after so many seconds; laws that are not tested to the end are undecided"
            | Seed _ -> "everything random follows from it (default: 1)"
            | Dimension _ -> "numbers in an estimate (default: 1 to 5)"
            | Byzantine _ -> "Byzantine neighbours in the search for the worst ratio (default: 1)"
            | Set _ -> "parameter=value: sets a parameter of the rule; may be repeated"
            | Out _ -> "folder for counterexamples: a case for 'ubarfs apply' and a test of each"
            | Json -> "print the results as JSON"
            | Libtorch _ -> "folder of an existing libtorch (default: UBARFS_LIBTORCH)"

type ApplyArguments =
    | [<MainCommand>] Case of file: string
    | [<Unique>] Rule of rule: string
    | [<Unique>] Own of npy: string
    | [<Unique>] Received of npy: string
    | [<Unique>] Losses of npy: string
    | [<Unique; CustomCommandLine "--own-loss">] OwnLoss of number: float
    | [<Unique>] Rho of number: float
    | [<Unique>] Out of npy: string
    | [<Unique>] Json
    | [<Unique; CustomCommandLine "--no-scripts">] NoScripts
    | [<Unique>] Libtorch of dir: string

    interface IArgParserTemplate with
        member argument.Usage =
            match argument with
            | Case _ -> "JSON file with one case or a list of cases, or - for standard input"
            | Rule _ ->
                "without a case: a rule as in a scenario, such as ubar, '{ ubar: 0.3 }', a script (.fsx) or '{ script: \
                 mine.fsx, with: { share: 0.7 } }'"
            | Own _ -> "the own estimate, [d], as a NumPy file (.npy; float32 or float64), or - for standard input"
            | Received _ -> "the received estimates, [m, d], likewise"
            | Losses _ -> "their losses, [m], likewise (default: NaN)"
            | OwnLoss _ -> "the loss of the own estimate (default: NaN)"
            | Rho _ -> "ρ, the assumed share of benign neighbours (default: 0.4)"
            | Out _ ->
                "a NumPy file for the result, of the type of the own estimate, with a summary in place of the numbers; - is \
                 standard output, without any text"
            | Json -> "print everything as JSON: beside --out, and with no list cut short on a terminal"
            | NoScripts -> noScripts
            | Libtorch _ -> "folder of an existing libtorch (default: UBARFS_LIBTORCH)"

type ExportArguments =
    | [<MainCommand; ExactlyOnce>] Run of folder: string
    | [<Unique>] Node of nodes: string
    | [<Unique>] Out of file: string
    | [<Unique>] Libtorch of dir: string

    interface IArgParserTemplate with
        member argument.Usage =
            match argument with
            | Run _ -> "folder of a complete run, such as runs/NAME/ID"
            | Node _ ->
                "whose models: a node's number, several with commas, benign or all (default: the first benign one)"
            | Out _ -> "file to write, or folder for those of several nodes (default: node-N.safetensors here)"
            | Libtorch _ -> "folder of an existing libtorch (default: UBARFS_LIBTORCH)"
