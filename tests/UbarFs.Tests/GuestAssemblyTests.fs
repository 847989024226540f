/// Assemblies that were compiled elsewhere: with other versions of the library, or with others that lie beside them.
module UbarFs.Tests.GuestAssemblyTests

open System
open System.IO
open System.Reflection.Metadata
open System.Reflection.Metadata.Ecma335
open System.Reflection.PortableExecutable
open Expecto
open FSharp.Compiler.CodeAnalysis
open TorchSharp
open UbarFs.Api
open UbarFs.Core
open UbarFs.Scenario
open UbarFs.Scripting

let private examples = CommandProcess.beside "scenarios/rules/csharp/bin/UbarFs.Examples.dll"

let private complaint result =
    match result with
    | Ok _ -> failtest "accepted"
    | Error problems -> problems |> List.map Rendering.plain |> String.concat ""

/// An assembly's bytes, with version MAJOR.0 of an assembly that it refers to.
let private referring (name: string) (major: uint16) (assembly: byte[]) =
    use reader = new PEReader(new MemoryStream(assembly))
    let metadata = reader.GetMetadataReader()

    let row =
        metadata.AssemblyReferences
        |> Seq.findIndex (fun handle -> metadata.GetString(metadata.GetAssemblyReference(handle).Name) = name)

    // A row of the table of references begins with the major and the minor version.
    let table =
        reader.PEHeaders.MetadataStartOffset + metadata.GetTableMetadataOffset TableIndex.AssemblyRef

    let place = table + row * metadata.GetTableRowSize TableIndex.AssemblyRef
    let version = Array.append (BitConverter.GetBytes major) (BitConverter.GetBytes 0us)
    version.CopyTo(assembly, place)
    assembly

let private versions =
    [ for library in [ "TorchSharp"; "UbarFs.Api" ] do
          for major in [ 0us; 99us ] do
              testCase $"compiled with {library} {major}.0 it is refused, and says why"
              <| fun () ->
                  TinyDataset.inFolder (fun folder ->
                      let path = Path.Combine(folder, "Other.dll")
                      File.WriteAllBytes(path, File.ReadAllBytes examples |> referring library major)

                      for said in
                          [ complaint (RuleAssembly.loadRule path "ClippedMean")
                            complaint (RuleAssembly.classes path |> Result.mapError List.singleton) ] do
                          Expect.stringContains said $"it was compiled with {library} {major}.0." "why"
                          Expect.stringContains said $"compile it with the {library}.dll of this ubarfs" "what to do") ]

/// Compiles F# into an assembly in a folder, with references to the library and to others in the folder.
let private compile folder name (others: string list) (source: string) =
    let inFolder (file: string) = Path.Combine(folder, file)
    File.WriteAllText(inFolder $"{name}.fs", source)

    let references =
        [ typeof<torch>.Assembly.Location; typeof<IAggregationRule>.Assembly.Location ]
        @ List.map (fun other -> inFolder $"{other}.dll") others

    let arguments =
        [| "fsc.exe"
           "--target:library"
           "--nologo"
           "--targetprofile:netcore"
           // What is inlined is not loaded.
           "--optimize-"
           "--debug:portable"
           $"--pathmap:{folder}=/_"
           for reference in references do
               $"-r:{reference}"
           "-o"
           inFolder $"{name}.dll"
           inFolder $"{name}.fs" |]

    let messages, failed = FSharpChecker.Create().Compile arguments |> Async.RunSynchronously
    Expect.isNone failed (messages |> Array.map string |> String.concat "\n")

let private doubler factor = $"namespace Tools\ntype Doubler() =\n    static member Factor = {factor}.0\n"

let private doubled =
    """namespace Own
open TorchSharp
open UbarFs.Api

type Doubled() =
    interface IAggregationRule with
        member _.Aggregate view = Aggregation(view.Own * Tools.Doubler.Factor.ToScalar())
"""

let private view () : View =
    let own = torch.tensor [| 3.0 |]

    View.evenly own (torch.tensor (array2D [ [ 1.0 ] ]))

let private loaded path =
    match RuleAssembly.loadRule path "Doubled" with
    | Error problems -> failtest (problems |> List.map Rendering.plain |> String.concat "")
    | Ok loaded ->
        use _ = torch.NewDisposeScope()
        let rule = (Component.choose Map.empty loaded.Component).Value
        (Rule.aggregate rule (view ())).Estimate.data<float>().ToArray(), loaded.Fingerprint

let private dependencies =
    testCase "what lies beside it is loaded with it and takes part in its fingerprint; without it the reason is told"
    <| fun () ->
        TinyDataset.inFolder (fun folder ->
            let path = Path.Combine(folder, "Own.dll")
            compile folder "Tools" [] (doubler 2)
            compile folder "Own" [ "Tools" ] doubled
            let six, fingerprint = loaded path
            Expect.equal six [| 6.0 |] "twice the own estimate"
            Expect.equal (snd (loaded path)) fingerprint "the same files, the same fingerprint"

            compile folder "Tools" [] (doubler 4)
            let twelve, other = loaded path
            Expect.equal twelve [| 12.0 |] "the new one is loaded"
            Expect.notEqual other fingerprint "and counts"

            // Where there is one, .NET itself looks for nothing but what is in it.
            File.WriteAllText(
                Path.Combine(folder, "Own.deps.json"),
                """{ "runtimeTarget": { "name": ".NETCoreApp,Version=v10.0" },
                     "targets": { ".NETCoreApp,Version=v10.0": { "Own/1.0.0": { "runtime": { "Own.dll": {} } } } },
                     "libraries": { "Own/1.0.0": { "type": "project", "serviceable": false, "sha512": "" } } }"""
            )

            Expect.equal (fst (loaded path)) [| 12.0 |] "beside a deps.json, too"

            File.Delete(Path.Combine(folder, "Tools.dll"))
            let said = complaint (RuleAssembly.loadRule path "Doubled")
            Expect.stringContains said "it needs Tools 0.0.0.0, which does not lie beside it" "what is missing")

let private careless =
    """namespace Own
open TorchSharp
open UbarFs.Api

type Careless() =
    interface IAggregationRule with
        member _.Aggregate view =
            let none: torch.Tensor = Unchecked.defaultof<torch.Tensor>
            Aggregation(none.clone ())
"""

let private thrown =
    testCase "what it throws is told with its own line, also where the build has mapped the folder"
    <| fun () ->
        TinyDataset.inFolder (fun folder ->
            compile folder "Own" [] careless

            match RuleAssembly.loadRule (Path.Combine(folder, "Own.dll")) "Careless" with
            | Error problems -> failtest (problems |> List.map Rendering.plain |> String.concat "")
            | Ok loaded ->
                use _ = torch.NewDisposeScope()
                let rule = (Component.choose Map.empty loaded.Component).Value
                let error = Expect.throwsC (fun () -> Rule.aggregate rule (view ()) |> ignore) _.Message
                Expect.stringContains error "Own.fs:9:" "where"
                Expect.stringContains error "NullReferenceException" "what")

// One at a time: each holds a compiler.
[<Tests>]
let tests = testSequenced <| testList "assemblies from elsewhere" (dependencies :: thrown :: versions)
