module UbarFs.Tests.Main

open System
open Expecto
open Expecto.Impl
open UbarFs.LibTorch

[<EntryPoint>]
let main arguments =
    LibTorchLoader.Load() |> ignore

    let tests =
        testFromThisAssembly ()
        |> Option.defaultWith (fun () -> invalidOp "there are no tests in this program")

    match Hunting.parse (List.ofArray arguments) with
    | Result.Error reason ->
        eprintfn "%s" reason
        2
    | Result.Ok { Hunt = Some time; Others = others } ->
        Hunting.hunt (printfn "%s") (fun () -> uint64 (Random.Shared.NextInt64 1_000_000_000L)) time others tests
    | Result.Ok request -> runTestsWithCLIArgs [] (Array.ofList request.Others) (Seeds.give request.Seed tests)
