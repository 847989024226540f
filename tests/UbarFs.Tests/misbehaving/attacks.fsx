// Attacks that break their contract, each in its own way.
open TorchSharp
open UbarFs.Core

let private alone (send: OwnState -> Sent) = Attack.alone send
let private honest = Attack.honest

let private freed (state: OwnState) =
    let made = state.Estimate.clone ()
    made.Dispose()
    made

let private remembering remember =
    Adversary.sending (fun () (state: OwnState) -> Sent.Everyone state.Estimate)
    |> Adversary.remembering remember
    |> Strategy.OwnState
    |> Attack.by

let private knowing (answer: Omniscience -> OwnState -> Sent) =
    Adversary.sending answer |> Strategy.Omniscient |> Attack.by

let private misbehaving how =
    match how with
    | "null" -> alone (fun _ -> Unchecked.defaultof<Sent>)
    | "null-vector" -> alone (fun _ -> Sent.Everyone Unchecked.defaultof<torch.Tensor>)
    | "number" -> alone (fun state -> Sent.Everyone(state.Estimate.sum ()))
    | "other-type" -> alone (fun state -> Sent.Everyone(state.Estimate.to_type torch.int64))
    | "freed" -> alone (freed >> Sent.Everyone)
    | "throws" -> alone (fun _ -> failwith "no luck")
    | "each-null" -> alone (fun _ -> Sent.Each Unchecked.defaultof<int -> torch.Tensor>)
    | "each-number" -> alone (fun state -> Sent.Each(fun _ -> state.Estimate.sum ()))
    | "each-throws" -> alone (fun _ -> Sent.Each(fun _ -> failwith "no luck"))
    | "knowledge-throws" -> knowing (fun _ -> failwith "no luck")
    | "memory-null" -> remembering (fun () _ -> Unchecked.defaultof<Memory>)
    | "memory-freed" -> remembering (fun () state -> Map [ "last", freed state ])
    | "memory-throws" -> remembering (fun () _ -> failwith "no luck")
    | "label-far" -> { honest with Label = fun classes _ -> classes }
    | "label-throws" -> { honest with Label = fun _ _ -> failwith "no luck" }
    | "objection-throws" -> { honest with Objection = fun _ _ -> failwith "no luck" }
    | "null-strategy" -> Attack.by Unchecked.defaultof<Strategy>
    | "null-attack" -> Unchecked.defaultof<Behaviour>
    | other -> failwith $"there is no '{other}' here"

let attack =
    settings {
        let! how = Setting.text "how" "number" "what is wrong"
        return misbehaving how
    }
