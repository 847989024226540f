/// No code of ours leaves a number to the garbage collector that native code is about to read.
module UbarFs.Tests.NativeNumberTests

open System
open System.Collections.Generic
open System.IO
open Expecto
open Mono.Cecil
open TorchSharp

let rec private withNested (definition: TypeDefinition) : TypeDefinition seq =
    seq {
        definition
        yield! Seq.collect withNested definition.NestedTypes
    }

/// The methods of an assembly that have code, each with the names of what it calls.
let private calls (assembly: string) : (string * MethodReference list) list =
    use read = ModuleDefinition.ReadModule assembly

    [ for definition in Seq.collect withNested read.Types do
          for method in definition.Methods do
              if method.HasBody then
                  method.FullName,
                  [ for instruction in method.Body.Instructions do
                        match instruction.Operand with
                        | :? MethodReference as called -> called
                        | _ -> () ] ]

let private name (called: MethodReference) = called.GetElementMethod().FullName

let private makesScalar (called: MethodReference) =
    called.ReturnType.FullName = typeof<Scalar>.FullName
    && List.contains called.Name [ "op_Implicit"; "ToScalar" ]

/// The methods of TorchSharp that make such a number, or call one that does.
let private careless =
    lazy
        (let methods = calls typeof<torch.Tensor>.Assembly.Location
         let callers = Dictionary<string, HashSet<string>>()

         for caller, called in methods do
             for called in called do
                 if not (callers.ContainsKey(name called)) then
                     callers[name called] <- HashSet()

                 callers[name called].Add caller |> ignore

         let found = HashSet<string>()

         let rec add caller =
             if found.Add caller then
                 match callers.TryGetValue caller with
                 | true, further -> Seq.iter add further
                 | false, _ -> ()

         for caller, called in methods do
             if List.exists makesScalar called then
                 add caller

         found)

/// Calls that may fail, or compute with another number, when a garbage collection comes in between. `ToScalar` alone is
/// for the caller to hold.
let private risks (assembly: string) : string list =
    [ for caller, called in calls assembly do
          for called in called do
              if called.Name = "op_Implicit" && makesScalar called || careless.Value.Contains(name called) then
                  $"{caller} calls {name called}" ]

let private ours =
    let beside name = Path.Combine(AppContext.BaseDirectory, name)

    [ yield! Directory.EnumerateFiles(AppContext.BaseDirectory, "UbarFs*.dll")
      beside "ubarfs.dll"
      beside "scenarios/rules/csharp/bin/UbarFs.Examples.dll" ]

[<Tests>]
let tests =
    testList
        "native numbers"
        [ testCase "TorchSharp's own sum of tensors makes one"
          <| fun () ->
              Expect.exists careless.Value (fun name -> name.Contains "op_Addition") "the reason for Numbers.Sum"

          for assembly in ours do
              testCase (Path.GetFileName assembly |> string)
              <| fun () -> Expect.equal (risks assembly) [] "hold the number: Native (F#), Numbers (C#)" ]
