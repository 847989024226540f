// Rules that break their contract, each in its own way.
open TorchSharp
open UbarFs.Core

/// An exception that cannot even say what is wrong.
type Silent() =
    inherit System.Exception()
    override _.Message = failwith "no message"

let private mean (view: View) = Estimate.mean view.Received
let private giving make = Rule.aggregating 0.5 (fun view -> Aggregate.ofEstimate (make view))
let private plain = giving mean

let private telling (stages: View -> Stage list) =
    Rule.aggregating 0.5 (fun view -> { Aggregate.ofEstimate (mean view) with Stages = stages view })
    |> Rule.selecting [ "near" ]

let private keeping rows = telling (fun _ -> [ { Name = "near"; Kept = rows } ])

let private remembering (memory: View -> Memory) =
    Rule.aggregating 0.5 (fun view -> { Aggregate.ofEstimate (mean view) with Memory = memory view })

let private freed (view: View) =
    let made = mean view
    made.Dispose()
    made

let private inScope (view: View) =
    use _ = torch.NewDisposeScope()
    mean view

let private together (estimates: NetworkView -> torch.Tensor) =
    plain |> Rule.allAtOnce (fun network -> NetworkView.withoutStages network (estimates network))

let private misbehaving how =
    match how with
    | "received" -> giving _.Received
    | "number" -> giving _.Own.sum()
    | "other-type" -> giving (fun view -> (mean view).to_type torch.int64)
    | "null-estimate" -> giving (fun _ -> Unchecked.defaultof<torch.Tensor>)
    | "null-result" -> Rule.aggregating 0.5 (fun _ -> Unchecked.defaultof<Aggregate>)
    | "freed" -> giving freed
    | "scope" -> giving inScope
    | "stage-unnamed" -> Rule.aggregating 0.5 (fun view -> Aggregate.ofSelection "near" [| 0 |] (mean view))
    | "stage-untold" -> plain |> Rule.selecting [ "near" ]
    | "stage-null" -> keeping null
    | "stages-null" -> telling (fun _ -> Unchecked.defaultof<Stage list>)
    | "row-far" -> keeping [| 99 |]
    | "row-negative" -> keeping [| -1 |]
    | "row-twice" -> keeping [| 0; 0 |]
    | "memory-null" -> remembering (fun _ -> Unchecked.defaultof<Memory>)
    | "memory-of-null" -> remembering (fun _ -> Map [ "last", Unchecked.defaultof<torch.Tensor> ])
    | "memory-freed" -> remembering (fun view -> Map [ "last", freed view ])
    | "throws" -> giving (fun _ -> failwith "no luck")
    | "throws-silently" -> giving (fun _ -> raise (Silent()))
    | "index" -> giving (fun view -> view.Received[99L])
    | "losses" -> giving (fun view -> view.Own * (view.Losses [| 99 |])[0])
    | "tolerance-throws" -> plain |> Rule.tolerating (fun _ _ -> failwith "no luck")
    | "tolerance-negative" -> plain |> Rule.tolerating (fun _ _ -> -1)
    | "alpha-throws" -> { plain with Update = Update.Guf(fun _ -> failwith "no luck") }
    | "alpha-large" -> { plain with Update = Update.Guf(fun _ -> 1.5) }
    | "alpha-nan" -> { plain with Update = Update.Guf(fun _ -> nan) }
    | "kappa-throws" -> plain |> Rule.boundedBy (fun _ _ -> failwith "no luck")
    | "kappa-nan" -> plain |> Rule.boundedBy (fun _ _ -> nan)
    | "claims-null" -> plain |> Rule.claiming Unchecked.defaultof<Law list>
    | "names-null" -> plain |> Rule.selecting [ null ]
    | "names-twice" -> plain |> Rule.selecting [ "near"; "near" ]
    | "null-rule" -> Unchecked.defaultof<Rule>
    | "null-function" -> Rule.aggregating 0.5 Unchecked.defaultof<View -> Aggregate>
    | "settings" -> failwith "no luck"
    | "together-shape" -> together (fun network -> network.Pool)
    | "together-throws" -> together (fun _ -> failwith "no luck")
    | "view-of-input" -> giving (fun view -> view.Received[0L])
    | "own" -> giving _.Own
    | other -> failwith $"there is no '{other}' here"

let rule =
    settings {
        let! how = Setting.text "how" "received" "what is wrong"
        return misbehaving how
    }
