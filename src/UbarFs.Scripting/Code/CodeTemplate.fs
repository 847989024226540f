/// Rules, stages and attacks to start from, as F# scripts and as C# projects, for `ubarfs new`.
[<RequireQualifiedAccess>]
module UbarFs.Scripting.CodeTemplate

open System
open System.IO

/// What a template is for.
[<RequireQualifiedAccess>]
type Purpose =
    | Rule
    | Stage
    | Attack

/// A file to write: its path, and its text.
type File = { Path: string; Text: string }

let word purpose =
    match purpose with
    | Purpose.Rule -> "rule"
    | Purpose.Stage -> "stage"
    | Purpose.Attack -> "attack"

let private folder purpose = word purpose + "s"

/// What editors need to know of; the compiler of ubarfs knows it anyway.
let private assemblies = [ "TorchSharp.dll"; "UbarFs.Kernels.dll"; "UbarFs.Core.dll" ]

let private rule =
    """/// R = the mean of the share of the neighbours that is nearest to the own estimate. An estimate that is not finite is
/// infinitely far, and does not count.
let private nearest share (view: View) =
    let distances = Estimate.distances view.Own view.Received

    let kept =
        [| 0 .. distances.Length - 1 |]
        |> Array.sortBy (fun row -> struct (distances[row], row))
        |> Array.truncate (Ubar.shortlistSize share distances.Length)
        |> Array.filter (fun row -> System.Double.IsFinite distances[row])
        |> Array.sort

    let mean = if kept.Length = 0 then view.Own.clone () else Estimate.meanOf kept view.Received
    Aggregate.ofSelection "nearest" kept mean

let rule =
    settings {
        let! share = Setting.ratio "share" 0.5 "how many of the neighbours count; at least one does"

        return
            Rule.aggregating 0.5 (nearest share)
            |> Rule.selecting [ "nearest" ]
            |> Rule.tolerating (fun _ neighbours -> neighbours)
            |> Rule.claiming
                [ Law.NeighbourOrder
                  Law.Translation
                  Law.Scaling
                  Law.CoordinateRange
                  Law.Containment
                  Law.Fixpoint ]
    }
"""

let private stage =
    """/// Every received estimate on its way to the own one: x_j ← x_j + s(x_i − x_j).
let private drawn share (view: View) =
    Prepared.oneByOne (view.Received + share * (view.Own - view.Received))

let stage =
    settings {
        let! share = Setting.ratio "share" 0.5 "s, the part of the way to the own estimate"

        return
            PipelineStage.preparing (drawn share)
            |> PipelineStage.claiming
                [ Law.NeighbourOrder
                  Law.Translation
                  Law.Scaling
                  Law.Rotation
                  Law.Mirroring
                  Law.CoordinateRange
                  Law.Containment
                  Law.Fixpoint ]
    }
"""

let private attack =
    """/// x̂ = x̄ − s(x_k − x̄): the own estimate, mirrored at the mean of the benign ones and stretched.
let private mirrored stretch (knowledge: Omniscience) =
    match Omniscience.benign knowledge with
    | [||] -> fun (state: OwnState) -> Sent.Everyone state.Estimate
    | benign ->
        let mean = Estimate.meanOf benign knowledge.Estimates
        fun state -> Sent.Everyone(mean - stretch * (state.Estimate - mean))

let attack =
    settings {
        let! stretch = Setting.real "stretch" Interval.positive 5.0 "s, how much farther than the own estimate"
        return Adversary.sending (mirrored stretch) |> Strategy.Omniscient |> Attack.by
    }
"""

let private quoted (path: string) = path.Replace("\\", "\\\\").Replace("\"", "\\\"")

// How a scenario names it: a stage stands before a rule.
let private used purpose code =
    match purpose with
    | Purpose.Rule
    | Purpose.Attack -> $"{word purpose}: {code}"
    | Purpose.Stage -> $"rule: [{code}, dmedian]"

/// The lines at the head of a script: how it is used, and the references that editors go by.
let private head purpose path library =
    let parameter =
        match purpose with
        | Purpose.Rule
        | Purpose.Stage -> "share: 0.3"
        | Purpose.Attack -> "stretch: 2"

    let code = $"{{ script: {path}, with: {{ {parameter} }} }}"

    [ yield $"// In a scenario:  {used purpose code}"
      match purpose with
      | Purpose.Rule -> yield $"// Property tests: ubarfs test-rule {path}"
      | Purpose.Stage -> yield $"// Property tests: ubarfs test-rule '[{{ script: {path} }}, dmedian]'"
      | Purpose.Attack -> ()
      yield ""
      yield "// For editors: ubarfs itself needs no references, and ignores those to its own assemblies."
      for assembly in assemblies do
          yield $"#r \"{quoted (Path.Combine(library, assembly))}\""
      yield ""
      yield "open TorchSharp"
      yield "open UbarFs.Core"
      yield ""
      yield "" ]
    |> String.concat "\n"

/// A script that defines a rule, a stage or an attack. `library` is the folder of the library's assemblies.
let script purpose (name: string) (library: string) : File list =
    let path = $"{folder purpose}/{name}.fsx"

    let body =
        match purpose with
        | Purpose.Rule -> rule
        | Purpose.Stage -> stage
        | Purpose.Attack -> attack

    [ { Path = path; Text = head purpose path library + body } ]

/// `my-rule` as `MyRule`.
let private className (name: string) =
    let capital (part: string) = part.Substring(0, 1).ToUpperInvariant() + part.Substring 1
    let parts = name.Split([| '-'; '_'; '.' |], StringSplitOptions.RemoveEmptyEntries) |> Array.map capital
    let joined = String.Join("", parts)

    if joined = "" || Char.IsAsciiDigit joined[0] then
        $"Own{joined}"
    else
        joined

let private classRule =
    """using System.Collections.Generic;
using System.ComponentModel;
using TorchSharp;
using UbarFs.Api;

/// <summary>R = x + the mean of the differences to x, each shortened to the length τ if it is longer.</summary>
[Description("the mean of the received estimates, each clipped to a ball around the own")]
public sealed class NAME : IAggregationRule
{
    [Parameter("τ, how far a neighbour may be", Minimum = 0)]
    public double Radius { get; set; } = 1;

    public IReadOnlyList<Claim> Claims => [Claim.NeighbourOrder, Claim.Translation, Claim.Containment, Claim.Fixpoint];

    public int Tolerance(double benignRatio, int neighbours) => neighbours;

    public Aggregation Aggregate(NodeView view)
    {
        // An estimate with a coordinate that is not finite is as good as none.
        var finite = view.Received.isfinite().all(1, keepdim: true);
        var differences = torch.where(finite, view.Received - view.Own, torch.zeros_like(view.Received));
        var lengths = differences.norm(1, keepdim: true);
        var shares = torch.where(lengths > Radius, Radius / lengths, torch.ones_like(lengths));
        return new Aggregation(view.Own + (differences * shares).mean([0]));
    }
}
"""

let private classStage =
    """using System.Collections.Generic;
using System.ComponentModel;
using TorchSharp;
using UbarFs.Api;

/// <summary>Every received estimate on its way to the own one: x_j ← x_j + s(x_i − x_j).</summary>
[Description("every received estimate, drawn to the own one")]
public sealed class NAME : IPipelineStage
{
    [Parameter("s, the part of the way to the own estimate", Minimum = 0, Maximum = 1)]
    public double Share { get; set; } = 0.5;

    public IReadOnlyList<Claim> Claims => [Claim.NeighbourOrder, Claim.Translation, Claim.Scaling, Claim.Fixpoint];

    public Preparation Prepare(NodeView view) => new(view.Received + Share * (view.Own - view.Received));
}
"""

let private classAttack =
    """using System.Linq;
using System.ComponentModel;
using TorchSharp;
using UbarFs.Api;

/// <summary>x̂ = x̄ − s(x_k − x̄): the own estimate, mirrored at the mean of the benign ones and stretched.</summary>
[Description("the own estimate, mirrored at the mean of the benign ones")]
public sealed class NAME : IAttack
{
    [Parameter("s, how much farther than the own estimate", Minimum = 0)]
    public double Stretch { get; set; } = 5;

    public Message Send(AttackerView view)
    {
        var benign = torch.tensor(view.Benign.Select(node => (long)node).ToArray());
        var mean = view.AllEstimates.index_select(0, benign).mean([0]);
        return Message.ToAll(mean - Stretch * (view.Estimate - mean));
    }
}
"""

let private project purpose path typeName library =
    let code = $"{{ assembly: {path}/bin/{typeName}.dll, type: {typeName} }}"

    $"""<Project Sdk="Microsoft.NET.Sdk">
  <!--
    dotnet build {path}
    In a scenario:  {used purpose code}
  -->
  <PropertyGroup>
    <TargetFramework>net10.0</TargetFramework>
    <Nullable>enable</Nullable>
    <OutputPath>bin/</OutputPath>
    <AppendTargetFrameworkToOutputPath>false</AppendTargetFrameworkToOutputPath>
    <!-- Assemblies of packages are put beside the own one. -->
    <EnableDynamicLoading>true</EnableDynamicLoading>
    <!-- The same sources make the same assembly in every folder and at every commit: it takes part in the runs' ids. -->
    <PathMap>$(MSBuildProjectDirectory)=/_/</PathMap>
    <IncludeSourceRevisionInInformationalVersion>false</IncludeSourceRevisionInInformationalVersion>
    <!-- The folder of ubarfs; dotnet build -p:UbarFs=FOLDER names another. -->
    <UbarFs Condition="'$(UbarFs)' == ''">{Security.SecurityElement.Escape library}</UbarFs>
  </PropertyGroup>
  <ItemGroup>
    <Reference Include="$(UbarFs)/UbarFs.Api.dll" Private="false" />
    <Reference Include="$(UbarFs)/UbarFs.Kernels.dll" Private="false" />
    <Reference Include="$(UbarFs)/TorchSharp.dll" Private="false" />
  </ItemGroup>
</Project>
"""

/// A C# project that makes an assembly with a rule, a stage or an attack, in a folder of its own.
let csharp purpose (name: string) (library: string) : File list =
    let path = $"{folder purpose}/{name}"
    let typeName = className name

    let text =
        match purpose with
        | Purpose.Rule -> classRule
        | Purpose.Stage -> classStage
        | Purpose.Attack -> classAttack

    [ { Path = $"{path}/{typeName}.csproj"
        Text = project purpose path typeName library }
      { Path = $"{path}/{typeName}.cs"; Text = text.Replace("NAME", typeName) } ]
