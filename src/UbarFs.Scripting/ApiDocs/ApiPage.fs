/// docs/api.md: what rules and attacks see of the library, out of its documentation comments.
[<RequireQualifiedAccess>]
module UbarFs.Scripting.ApiPage

open System
open System.Reflection
open Microsoft.FSharp.Reflection
open UbarFs.Api
open UbarFs.Core
open UbarFs.Kernels

/// A part of the page: what it is about, and what it lists.
type private Chapter = { Title: string; Says: string; Types: Type list }

let private core = typeof<Rule>.Assembly

/// A module of the library by its name.
let private moduleOf (name: string) : Type =
    [ $"UbarFs.Core.{name}"; $"UbarFs.Core.{name}Module" ]
    |> List.choose (core.GetType >> Option.ofObj)
    |> List.find FSharpType.IsModule

let private chapters =
    [ { Title = "What a rule knows and gives"
        Says = "A rule in F# is a function from a `View` to an `Aggregate`, with what it promises."
        Types =
          [ typeof<View>
            typeof<Aggregate>
            typeof<Stage>
            moduleOf "Aggregate"
            typeof<Rule>
            moduleOf "Rule"
            typeof<Update>
            typeof<Cost>
            typeof<Headcount>
            typeof<Assumption>
            typeof<Law> ] }
      { Title = "What a stage of a pipeline knows and gives"
        Says = "A stage in F# is a function from a `View` to what it hands on, with what a rule behind it keeps."
        Types =
          [ typeof<PipelineStage>
            moduleOf "PipelineStage"
            typeof<Prepared>
            moduleOf "Prepared"
            typeof<UbarFs.Core.Provenance>
            moduleOf "Provenance" ] }
      { Title = "Estimates"
        Says =
          "Tensors are TorchSharp's: `0.5 * a + b - 1.0` is computed as it is written. These functions answer what every \
           rule asks."
        Types = [ moduleOf "Estimate"; moduleOf "OrderStatistics"; moduleOf "Native" ] }
      { Title = "Parameters"
        Says =
          "`settings { let! share = Setting.ratio \"share\" 0.5 \"what it means\" and! … return … }` makes a rule or an \
           attack with parameters."
        Types = [ moduleOf "Setting"; moduleOf "Interval" ] }
      { Title = "What an attack knows and sends"
        Says = "An attack in F# is a `Behaviour`: a strategy, whose case says what the adversary knows."
        Types =
          [ typeof<OwnState>
            typeof<Sent>
            typeof<Strategy>
            typeof<Overheard>
            typeof<Collusion>
            typeof<Omniscience>
            typeof<Rehearsal>
            moduleOf "Omniscience"
            moduleOf "Adversary"
            typeof<Behaviour>
            moduleOf "Attack"
            typeof<Network>
            moduleOf "Network"
            typeof<MixingWeights>
            typeof<KeyedRandom> ] }
      { Title = "All nodes at once"
        Says =
          "A rule can have a second form that is faster, for all nodes of a network (`Rule.allAtOnce`). `ubarfs test-rule` \
           holds it against the first."
        Types =
          [ typeof<NetworkView>
            typeof<NetworkAggregate>
            moduleOf "NetworkView"
            moduleOf "Selection"
            typeof<UbarFs.Kernels.Estimates.RowOperations> ] }
      { Title = "In C#"
        Says = "The interfaces of `UbarFs.Api.dll` have no types of F#."
        Types =
          [ typeof<IAggregationRule>
            typeof<NodeView>
            typeof<Aggregation>
            typeof<Selection>
            typeof<Claim>
            typeof<Growth>
            typeof<IPipelineStage>
            typeof<Preparation>
            typeof<UbarFs.Api.Provenance>
            typeof<IAttack>
            typeof<AttackerView>
            typeof<Message>
            typeof<ParameterAttribute> ] } ]

/// A line of a list: what it is, and what is said of it.
type private Entry = { Name: string; Doc: string }

let private declared =
    BindingFlags.Public ||| BindingFlags.DeclaredOnly ||| BindingFlags.Instance ||| BindingFlags.Static

let private functions (owner: Type) =
    [ for method in owner.GetMethods declared do
          if not method.IsSpecialName then
              { Name = ApiText.signature owner method
                Doc = ApiText.ofMethod owner method.Name }

      for property in owner.GetProperties declared do
          { Name = $"{ApiText.nameOf owner}.{property.Name}: {ApiText.fsharp property.PropertyType}"
            Doc = ApiText.ofProperty owner property.Name } ]

let private fields (owner: Type) =
    [ for field in FSharpType.GetRecordFields owner ->
          { Name = $"{field.Name}: {ApiText.fsharp field.PropertyType}"
            Doc = ApiText.ofProperty owner field.Name } ]

let private cases (owner: Type) =
    [ for case in FSharpType.GetUnionCases owner ->
          let fields =
              case.GetFields()
              |> Array.map (fun field ->
                  if field.Name.StartsWith "Item" then
                      ApiText.fsharp field.PropertyType
                  else
                      $"{field.Name}: {ApiText.fsharp field.PropertyType}")

          let content =
              if fields.Length = 0 then
                  ""
              else
                  " of " + String.concat " * " fields

          { Name = $"{owner.Name}.{case.Name}{content}"
            Doc = ApiText.ofCase owner case.Name } ]

let private isWritten (method: MethodInfo) =
    not method.IsSpecialName
    && not (method.Name.Contains '<')
    && not (List.contains method.Name [ "Equals"; "GetHashCode"; "ToString"; "Deconstruct"; "GetType" ])

let private members (owner: Type) =
    [ for property in owner.GetProperties declared do
          if property.Name <> "EqualityContract" && not (isNull property.GetMethod) then
              // What a constructor of a record takes is described with the record.
              match ApiText.ofProperty owner property.Name with
              | "" when owner.GetConstructors() |> Array.exists (fun made -> made.GetParameters().Length > 0) -> ()
              | doc -> { Name = $"{ApiText.csharp property.PropertyType} {property.Name}"; Doc = doc }

      for method in owner.GetMethods declared |> Array.filter isWritten do
          let parameters =
              method.GetParameters()
              |> Array.map (fun parameter -> $"{ApiText.csharp parameter.ParameterType} {parameter.Name}")
              |> String.concat ", "

          { Name = $"{ApiText.csharp method.ReturnType} {method.Name}({parameters})"
            Doc = ApiText.ofMethod owner method.Name } ]

let private names (owner: Type) =
    [ for name in Enum.GetNames owner -> { Name = name; Doc = ApiText.ofField owner name } ]

let private entries (owner: Type) =
    if FSharpType.IsModule owner then functions owner
    elif FSharpType.IsRecord owner then fields owner
    elif FSharpType.IsUnion owner then cases owner
    elif owner.IsEnum then names owner
    else members owner

let private isOfModule (owner: Type) = FSharpType.IsModule owner

let private examplesOf (entry: Entry) =
    ApiExamples.all |> List.filter (fun example -> entry.Name.StartsWith(example.Of + ":"))

let private ofType (owner: Type) =
    let kind = if isOfModule owner then "### Functions of " else "### "

    [ $"{kind}{ApiText.nameOf owner}"
      ""
      match ApiText.ofType owner with
      | "" -> ()
      | text ->
          text
          ""
      for entry in entries owner do
          let said = if entry.Doc = "" then "" else $": {entry.Doc}"
          $"- `{entry.Name}`{said}"

          for example in examplesOf entry do
              $"  `{example.Code}` is `{example.Gives}`."
      "" ]

let private ofChapter (chapter: Chapter) =
    [ $"## {chapter.Title}"
      ""
      chapter.Says
      ""
      yield! List.collect ofType chapter.Types ]

let private example language (text: string) = [ $"```{language}"; text.TrimEnd(); "```"; "" ]

let private templates =
    let text (files: CodeTemplate.File list) = (List.last files).Text

    // The lines at the head are for editors, and name folders of this machine.
    let body (script: string) =
        script.Split '\n'
        |> Array.skipWhile (fun line -> not (line.StartsWith "open "))
        |> String.concat "\n"

    let purposes =
        [ CodeTemplate.Purpose.Rule
          CodeTemplate.Purpose.Stage
          CodeTemplate.Purpose.Attack ]

    [ "## Whole examples"
      ""
      "What `ubarfs new` writes: a rule, a stage and an attack in F#, and the same in C#."
      ""
      for purpose in purposes do
          yield! example "fsharp" (body (text (CodeTemplate.script purpose "mine" "")))
      for purpose in purposes do
          yield! example "csharp" (text (CodeTemplate.csharp purpose "mine" "")) ]

/// What is listed without a word about it.
let undocumented () : string list =
    [ for chapter in chapters do
          for owner in chapter.Types do
              if not (isOfModule owner) && ApiText.ofType owner = "" then
                  owner.Name

              for entry in entries owner do
                  if entry.Doc = "" then
                      entry.Name ]

/// The page, as Markdown.
let document () : string =
    [ "# What rules and attacks see"
      ""
      "Everything that a rule or an attack of your own is given, gives and can ask. [Writing a rule](writing-a-rule.md) \
       leads there step by step. This page is made from the library's own comments: `ubarfs api > docs/api.md`."
      ""
      "Scripts find `TorchSharp` and `UbarFs.Core` open. In the examples `own` is [0, 0] and `received` has the rows \
       [3, 4], [1, 0] and [NaN, 1]; `numbers` reads a tensor."
      ""
      yield! List.collect ofChapter chapters
      yield! templates ]
    |> String.concat "\n"
    |> _.TrimEnd()
    |> fun text -> text + "\n"
