/// The command line, as Argu reads it: the help text is on the cases.
module UbarFs.Cli.Arguments

open Argu
open UbarFs.Cli.RuleArguments

type RunArguments =
    | [<MainCommand; ExactlyOnce>] Files of file: string list
    | [<Unique>] Out of dir: string
    | [<Unique>] Device of device: string
    | [<Unique>] Data of dir: string
    | [<Unique>] Libtorch of dir: string
    | Set of assignment: string
    | [<Unique>] Jobs of count: int
    | [<Unique>] Shard of part: string
    | [<Unique; CustomCommandLine "--checkpoint-every">] CheckpointEvery of interval: string
    | [<Unique; CustomCommandLine "--rule-timeout">] RuleTimeout of time: string
    | [<Unique; CustomCommandLine "--rule-memory">] RuleMemory of GiB: float
    | [<Unique>] Fresh
    | [<Unique>] Retry
    | [<Unique; CustomCommandLine "--no-models">] NoModels
    | [<Unique>] Quiet
    | [<Unique>] Json
    | [<Unique>] Watch of port: int option
    | [<Unique>] Tensorboard
    | [<Unique; CustomCommandLine "--no-scripts">] NoScripts

    interface IArgParserTemplate with
        member argument.Usage =
            match argument with
            | Files _ -> "scenario files (.yaml), or F# scripts that yield scenarios (.fsx)"
            | Out _ -> "folder of the run store (default: runs)"
            | Device _ -> "auto, cpu, cuda or cuda:N (default: auto)"
            | Data _ -> "folder with datasets, before UBARFS_DATA and the per-user cache"
            | Libtorch _ -> "folder of an existing libtorch, such as that of a PyTorch (default: UBARFS_LIBTORCH)"
            | Set _ -> "path=value: overrides one key of every scenario; may be repeated"
            | Jobs _ -> "runs side by side, as far as their memory allows (default: 1)"
            | Shard _ -> "I/N: only part I of N; all machines divide the runs in the same way"
            | CheckpointEvery _ ->
                "how often runs are saved: iterations (50), a time (30s, 2min) or never (default: 1min)"
            | RuleTimeout _ ->
                "how long one call of a rule or an attack of your own may take, and loading it: a time (30s, 10min) or \
                 never (default: 5min)"
            | RuleMemory _ ->
                "how much memory a process may take that runs code of your own (default: nine tenths of what is free, \
                 divided by --jobs)"
            | Fresh -> "run again what is already complete"
            | Retry -> "run again what has failed"
            | NoModels -> "do not keep the trained models that 'ubarfs export' writes"
            | Quiet -> "no progress"
            | Json -> "print the results as JSON"
            | Watch _ -> "serve the report on this machine while the runs go on (default port: 8042)"
            | Tensorboard -> "write event files for TensorBoard too, into DIR/NAME/tensorboard"
            | NoScripts -> noScripts

type BreakArguments =
    | [<MainCommand; ExactlyOnce>] File of file: string
    | [<Unique>] Ratios of ratios: string
    | [<Unique>] Budget of budget: string
    | [<Unique>] Format of format: string
    | [<Unique>] Out of dir: string
    | [<Unique>] Device of device: string
    | [<Unique>] Data of dir: string
    | [<Unique>] Libtorch of dir: string
    | Set of assignment: string
    | [<Unique>] Jobs of count: int
    | [<Unique; CustomCommandLine "--rule-timeout">] RuleTimeout of time: string
    | [<Unique; CustomCommandLine "--rule-memory">] RuleMemory of GiB: float
    | [<Unique>] Retry
    | [<Unique>] Quiet
    | [<Unique>] Json
    | [<Unique; CustomCommandLine "--no-scripts">] NoScripts

    interface IArgParserTemplate with
        member argument.Usage =
            match argument with
            | File _ -> "a scenario file (.yaml) with rules and attacks"
            | Ratios _ -> "the Byzantine ratios to search, separated by commas (default: one liar, 10%, 20%, ... 80%)"
            | Budget _ ->
                "how long to search at most: a number of runs (200) or a time (20min); the same command with more goes on"
            | Format _ -> "svg, pdf or png: the format of the figure (default: svg)"
            | Out _ -> "folder of the run store, in which NAME-break is this search's (default: runs)"
            | Device _ -> "auto, cpu, cuda or cuda:N (default: auto)"
            | Data _ -> "folder with datasets, before UBARFS_DATA and the per-user cache"
            | Libtorch _ -> "folder of an existing libtorch (default: UBARFS_LIBTORCH)"
            | Set _ -> "path=value: overrides one key of the scenario; may be repeated"
            | Jobs _ -> "runs side by side, as far as their memory allows (default: 1)"
            | RuleTimeout _ -> "how long one call of a rule or an attack of your own may take (default: 5min)"
            | RuleMemory _ -> "how much memory a process may take that runs code of your own"
            | Retry -> "run again what has failed"
            | Quiet -> "no progress"
            | Json -> "print what was found as JSON"
            | NoScripts -> noScripts

type CheckArguments =
    | [<MainCommand; ExactlyOnce>] Files of file: string list
    | [<Unique>] Device of device: string
    | [<Unique>] Libtorch of dir: string
    | Set of assignment: string
    | [<Unique>] Time
    | [<Unique; CustomCommandLine "--no-scripts">] NoScripts

    interface IArgParserTemplate with
        member argument.Usage =
            match argument with
            | Files _ -> "scenario files (.yaml), or F# scripts that yield scenarios (.fsx)"
            | Device _ -> "auto, cpu, cuda or cuda:N (default: auto)"
            | Libtorch _ -> "folder of an existing libtorch (default: UBARFS_LIBTORCH)"
            | Time -> "time a trial of every combination, which can take minutes; without it, times are estimates"
            | Set _ -> "path=value: overrides one key of every scenario; may be repeated"
            | NoScripts -> noScripts

type ShowArguments =
    | [<MainCommand; ExactlyOnce>] File of file: string
    | Set of assignment: string
    | [<Unique; CustomCommandLine "--no-scripts">] NoScripts

    interface IArgParserTemplate with
        member argument.Usage =
            match argument with
            | File _ -> "a scenario file, or an F# script"
            | Set _ -> "path=value: overrides one key of the scenario; may be repeated"
            | NoScripts -> noScripts

type NewArguments =
    | [<MainCommand>] Template of templateAndName: string list
    | [<Unique>] Csharp

    interface IArgParserTemplate with
        member argument.Usage =
            match argument with
            | Template _ -> "TEMPLATE [NAME] of the scenario, rule or attack; without any, the templates are listed"
            | Csharp -> "a rule or an attack as a C# project, not as an F# script"

type ListArguments =
    | [<MainCommand>] Family of family: string

    interface IArgParserTemplate with
        member argument.Usage =
            match argument with
            | Family _ ->
                let families = UbarFs.Scenario.Family.all |> List.map _.Plural |> String.concat ", "
                $"one of {families} (default: all)"

type DescribeArguments =
    | [<MainCommand; ExactlyOnce>] Name of name: string

    interface IArgParserTemplate with
        member argument.Usage =
            match argument with
            | Name _ -> "name of a component, as 'ubarfs list' prints it, or a script or an assembly of your own"

type DataListArguments =
    | [<Unique>] Data of dir: string

    interface IArgParserTemplate with
        member argument.Usage =
            match argument with
            | Data _ -> "folder with datasets, before UBARFS_DATA and the per-user cache"

type DataGetArguments =
    | [<MainCommand; ExactlyOnce>] Dataset of name: string
    | [<Unique>] Data of dir: string

    interface IArgParserTemplate with
        member argument.Usage =
            match argument with
            | Dataset _ -> "name of a dataset, as 'ubarfs data list' prints it"
            | Data _ -> "folder to put it into (default: UBARFS_DATA, or the per-user cache)"

type DataImportArguments =
    | [<MainCommand; ExactlyOnce>] Source of name: string * source: string
    | [<Unique>] Data of dir: string

    interface IArgParserTemplate with
        member argument.Usage =
            match argument with
            | Source _ -> "name of a dataset, and an archive (.tar, .tar.gz, .tar.zst, .zip) or a folder with it"
            | Data _ -> "folder to put it into (default: UBARFS_DATA, or the per-user cache)"

type DataArguments =
    | [<CliPrefix(CliPrefix.None)>] List of ParseResults<DataListArguments>
    | [<CliPrefix(CliPrefix.None)>] Get of ParseResults<DataGetArguments>
    | [<CliPrefix(CliPrefix.None)>] Import of ParseResults<DataImportArguments>

    interface IArgParserTemplate with
        member argument.Usage =
            match argument with
            | List _ -> "show the datasets and whether they are on this machine"
            | Get _ -> "download a dataset, verified"
            | Import _ -> "take a dataset out of an archive or a folder"

type RunsListArguments =
    | [<MainCommand; ExactlyOnce>] Store of dir: string
    | [<Unique>] Json

    interface IArgParserTemplate with
        member argument.Usage =
            match argument with
            | Store _ -> "folder of a scenario, such as runs/NAME"
            | Json -> "print them as JSON"

type RunsShowArguments =
    | [<MainCommand; ExactlyOnce>] Run of dir: string * id: string
    | [<Unique>] Json

    interface IArgParserTemplate with
        member argument.Usage =
            match argument with
            | Run _ -> "folder of a scenario, such as runs/NAME, and the id of a run in it, or its first digits"
            | Json -> "print it as JSON"

type RunsPruneArguments =
    | [<MainCommand; ExactlyOnce>] Store of dir: string
    | [<Unique>] Yes
    | [<Unique; CustomCommandLine "--dry-run">] DryRun
    | [<Unique>] Json

    interface IArgParserTemplate with
        member argument.Usage =
            match argument with
            | Store _ -> "folder of a scenario, such as runs/NAME"
            | Yes -> "do not ask"
            | DryRun -> "only show what would be removed"
            | Json -> "print what was removed as JSON"

type RunsArguments =
    | [<CliPrefix(CliPrefix.None)>] List of ParseResults<RunsListArguments>
    | [<CliPrefix(CliPrefix.None)>] Show of ParseResults<RunsShowArguments>
    | [<CliPrefix(CliPrefix.None)>] Prune of ParseResults<RunsPruneArguments>

    interface IArgParserTemplate with
        member argument.Usage =
            match argument with
            | List _ -> "list every run in a store, and whether its scenario still has it"
            | Show _ -> "show a run's settings and result, and what the scenario has changed since"
            | Prune _ -> "remove the runs that are no longer in the scenario"

type ReportArguments =
    | [<MainCommand; ExactlyOnce>] Stores of dir: string list
    | [<Unique>] All
    | [<Unique>] Out of file: string
    | [<Unique>] Figures of dir: string
    | [<Unique>] Format of format: string
    | [<Unique>] Baseline of rule: string
    | [<Unique>] Tensorboard
    | [<Unique>] Json
    | [<Unique>] Quiet
    // What --figures writes.
    | [<Unique>] Metric of metrics: string
    | Where of setting: string
    | Rules of rules: string
    | [<Unique>] Width of width: string

    interface IArgParserTemplate with
        member argument.Usage =
            match argument with
            | Stores _ -> "folders of scenarios, such as runs/NAME, or a folder of such folders"
            | All -> "report on everything in the stores: also on runs that their scenarios have no more"
            | Out _ ->
                "write one report on all of them into this file; without it, several folders go to report.html here"
            | Figures _ -> "write figures, the data behind them and tables for papers into this folder"
            | Format _ -> "svg, pdf or png: the format of the figures (default: svg)"
            | Baseline _ ->
                "the rule to compare the others with, by name or label (default: the scenario's, or average)"
            | Tensorboard -> "write event files for TensorBoard into each folder's 'tensorboard'"
            | Json -> "print the results as JSON"
            | Quiet -> "print no tables"
            | Metric _ ->
                "what figures show, separated by commas: worst, mean or best (accuracy), consensus-error, test-loss, \
                 training-loss (default: worst)"
            | Where _ ->
                "figures of runs with these values only, such as network.byzantine=10%,30%: panels come in this order"
            | Rules _ ->
                "figures of these rules only, separated by commas, in this order; may be repeated. A label with a \
                 comma stands in double quotes, or has a backslash before the comma"
            | Width _ ->
                "how wide figures are: single or double (column of a paper), or millimetres; text keeps its size \
                 (default: 70 mm for each panel, four to a row at most; times 180 mm, overview 224 mm)"

type DoctorArguments =
    | [<Unique>] Data of dir: string
    | [<Unique>] Libtorch of dir: string

    interface IArgParserTemplate with
        member argument.Usage =
            match argument with
            | Data _ -> "folder with datasets, before UBARFS_DATA and the per-user cache"
            | Libtorch _ -> "folder of an existing libtorch (default: UBARFS_LIBTORCH)"

type Command =
    | [<CliPrefix(CliPrefix.None)>] Run of ParseResults<RunArguments>
    | [<CliPrefix(CliPrefix.None); Hidden>] Worker of ParseResults<RunArguments>
    | [<CliPrefix(CliPrefix.None)>] Check of ParseResults<CheckArguments>
    | [<CliPrefix(CliPrefix.None)>] Break of ParseResults<BreakArguments>
    | [<CliPrefix(CliPrefix.None)>] Report of ParseResults<ReportArguments>
    | [<CliPrefix(CliPrefix.None)>] Runs of ParseResults<RunsArguments>
    | [<CliPrefix(CliPrefix.None)>] Show of ParseResults<ShowArguments>
    | [<CliPrefix(CliPrefix.None)>] New of ParseResults<NewArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] Schema
    | [<CliPrefix(CliPrefix.None)>] List of ParseResults<ListArguments>
    | [<CliPrefix(CliPrefix.None)>] Describe of ParseResults<DescribeArguments>
    | [<SubCommand; CliPrefix(CliPrefix.None)>] Reference
    | [<SubCommand; CliPrefix(CliPrefix.None)>] Api
    | [<CliPrefix(CliPrefix.None)>] Data of ParseResults<DataArguments>
    | [<CliPrefix(CliPrefix.None); CustomCommandLine "test-rule">] TestRule of ParseResults<TestRuleArguments>
    | [<CliPrefix(CliPrefix.None)>] Export of ParseResults<ExportArguments>
    | [<CliPrefix(CliPrefix.None)>] Apply of ParseResults<ApplyArguments>
    | [<CliPrefix(CliPrefix.None)>] Doctor of ParseResults<DoctorArguments>
    | [<Unique>] Version

    interface IArgParserTemplate with
        member argument.Usage =
            match argument with
            | Run _ -> "run scenarios; 'ubarfs FILE…' is the same"
            | Worker _ -> "do runs for another process"
            | Check _ -> "validate scenarios; show their runs, networks, memory and time; nothing is executed"
            | Break _ -> "search the Byzantine ratios at which each rule of a scenario is degraded and destroyed"
            | Report _ -> "rebuild the reports of run stores, merge them, and write figures and tables"
            | Runs _ -> "list, show and prune the runs that a store holds"
            | Show _ -> "print a scenario in full: inherited keys, defaults, references resolved"
            | New _ -> "write a scenario, a rule or an attack to start from"
            | Schema -> "print the JSON Schema of scenarios, for editors"
            | List _ -> "list what scenarios can name"
            | Describe _ -> "explain one component: meaning, parameters, source, an example"
            | Reference -> "print the keys of scenarios and all components as Markdown"
            | Api -> "print what rules and attacks of your own see of the library, as Markdown"
            | Data _ -> "list, get and import datasets"
            | TestRule _ -> "test a rule against its laws; print the smallest counterexamples"
            | Export _ -> "write trained models of nodes as safetensors, with the names of PyTorch's state_dict"
            | Apply _ -> "apply a rule to given vectors and print what it does"
            | Doctor _ -> "show what was found on this machine, and what to do about anything missing"
            | Version -> "print the version"
