/// No code of ours leaves a number to the garbage collector that native code is about to read.
module UbarFs.Tests.NativeNumberTests

open System
open System.Collections.Concurrent
open System.Collections.Generic
open System.IO
open System.Threading
open Expecto
open Mono.Cecil
open TorchSharp
open UbarFs.Core

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

    // The tests write arithmetic as it reads, to see that it is safe.
    let isProduct (file: string) = Path.GetFileName file <> "UbarFs.Tests.dll"

    [ yield! Directory.EnumerateFiles(AppContext.BaseDirectory, "UbarFs*.dll") |> Seq.filter isProduct
      beside "ubarfs.dll" ]

let private isFinalized (definition: TypeDefinition) =
    definition.Methods |> Seq.exists (fun method -> method.Name = "Finalize" && method.IsVirtual)

/// Types of the TorchSharp.dll in use whose objects are freed by the garbage collector, and have an address.
let private addressed read =
    [ use library = ModuleDefinition.ReadModule typeof<torch.Tensor>.Assembly.Location

      for definition in Seq.collect withNested library.Types do
          match definition.Methods |> Seq.tryFind (fun method -> method.Name = "get_Handle") with
          | Some handle when isFinalized definition -> yield read definition handle
          | _ -> () ]

/// Lets two threads do some work many times, while another one collects garbage without a pause.
let private besideCollections times (work: unit -> unit) =
    let failures = ConcurrentQueue<exn>()
    use stop = new CancellationTokenSource()

    let collect () =
        while not stop.IsCancellationRequested do
            GC.Collect 0
            GC.WaitForPendingFinalizers()

    let compute () =
        try
            for _ in 1..times do
                use _ = torch.NewDisposeScope()
                work ()
        with error ->
            failures.Enqueue error

    let start (body: unit -> unit) =
        let thread = Thread(ThreadStart body)
        thread.Start()
        thread

    let collecting = start collect
    let computing = [ start compute; start compute ]

    for thread in computing do
        thread.Join()

    stop.Cancel()
    collecting.Join()

    match failures.TryDequeue() with
    | true, error -> raise error
    | false, _ -> ()

let private natural =
    testSequenced
    <| testList
        "natural code"
        [ testCase "every address that TorchSharp passes on holds its object first"
          <| fun () ->
              let unheld =
                  addressed (fun definition handle ->
                      match List.ofSeq handle.Body.Instructions with
                      | _ :: call :: _ when (string call.Operand).Contains "HeldObjects" -> None
                      | _ -> Some definition.FullName)

              Expect.equal (List.choose id unheld) [] "objects that are freed while native code reads them"
              Expect.isGreaterThanOrEqual unheld.Length 2 "numbers and tensors, at least"

          testCase "and there is no other way to an address"
          <| fun () ->
              let fields =
                  addressed (fun _ handle ->
                      handle.Body.Instructions
                      |> Seq.choose (fun step ->
                          match step.Operand with
                          | :? FieldReference as field -> Some field.FullName
                          | _ -> None)
                      |> Seq.head)

              use library = ModuleDefinition.ReadModule typeof<torch.Tensor>.Assembly.Location

              let direct =
                  [ for definition in Seq.collect withNested library.Types do
                        for method in definition.Methods do
                            if
                                method.HasBody
                                && not (List.contains method.Name [ "get_Handle"; "Dispose"; "Finalize" ])
                            then
                                let reads =
                                    method.Body.Instructions
                                    |> Seq.exists (fun step ->
                                        match step.Operand with
                                        | :? FieldReference as field ->
                                            step.OpCode = Cil.OpCodes.Ldfld && List.contains field.FullName fields
                                        | _ -> false)

                                let callsNative =
                                    method.Body.Instructions
                                    |> Seq.exists (fun step ->
                                        match step.Operand with
                                        | :? MethodDefinition as called -> called.IsPInvokeImpl
                                        | _ -> false)

                                if reads && callsNative then
                                    method.FullName ]

              Expect.equal direct [] "methods that pass an address on by themselves"

          testCase "F# computes what is written, while garbage is collected"
          <| fun () ->
              let own, mean = torch.arange (8, dtype = torch.int32), torch.ones (8, dtype = torch.float64)
              let expected = [| for x in 0.0 .. 7.0 -> (x * 0.5 + 1.0 * 2.0 + 1.0 - 0.25 + x) ** 2.0 |]

              besideCollections 8000 (fun () ->
                  let moved = own * 0.5 + mean * 2.0 + 1.0 - 0.25 + own
                  let squares = moved.square().to_type torch.float64
                  let sum = squares.sum().ToDouble()
                  Expect.equal (squares.data<float>().ToArray()) expected "every number"
                  Expect.equal sum (Array.sum expected) "their sum")

          testCase "C# computes what is written, while garbage is collected"
          <| fun () ->
              let path = CommandProcess.beside "scenarios/rules/csharp/bin/UbarFs.Examples.dll"

              match UbarFs.Scripting.RuleAssembly.loadRule path "ClippedMean" with
              | Error problems -> failtest (problems |> List.map UbarFs.Scenario.Rendering.plain |> String.concat "")
              | Ok loaded ->
                  let rule = (Component.choose Map.empty loaded.Component).Value
                  let own = torch.zeros (2, dtype = torch.float64)

                  let view: View = View.evenly own (torch.tensor (array2D [ [ 3.0; 4.0 ]; [ 0.0; 0.5 ] ]))

                  besideCollections 4000 (fun () ->
                      let clipped = (Rule.aggregate rule view).Estimate.data<float>().ToArray()
                      Expect.equal (Array.map (fun (x: float) -> Math.Round(x, 12)) clipped) [| 0.3; 0.65 |] "the mean") ]

[<Tests>]
let tests =
    testList
        "native numbers"
        [ testCase "TorchSharp's own sum of tensors makes one"
          <| fun () ->
              Expect.exists careless.Value (fun name -> name.Contains "op_Addition") "the reason for Numbers.Sum"

          natural

          for assembly in ours do
              testCase (Path.GetFileName assembly |> string)
              <| fun () -> Expect.equal (risks assembly) [] "hold the number: Native (F#), Numbers (C#)" ]
