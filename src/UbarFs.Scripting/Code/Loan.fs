/// What code of the user's own is lent for a call: it must leave it as it was, for others go on with it.
[<RequireQualifiedAccess>]
module internal UbarFs.Scripting.Loan

open System
open System.IO.Hashing
open System.Runtime.InteropServices
open TorchSharp
open UbarFs.Core
open UbarFs.Kernels
open UbarFs.Scenario

/// Something that is lent, by its name. Arrays can say a hash of what they hold.
[<RequireQualifiedAccess>]
type Item =
    | Tensor of string * torch.Tensor
    | Arrays of string * (unit -> uint64)

/// How an item was before the call. A copy serves for one comparison, and is freed by it.
[<RequireQualifiedAccess>]
type private Mark =
    | Hash of uint64
    | Copy of torch.Tensor

let private name item =
    match item with
    | Item.Tensor(name, _)
    | Item.Arrays(name, _) -> name

let private arrays<'element when 'element: struct and 'element: (new: unit -> 'element) and 'element :> ValueType>
    name
    (rows: 'element[] seq)
    =
    let hash () =
        let hash = XxHash3()

        for row in rows do
            hash.Append(MemoryMarshal.AsBytes(ReadOnlySpan row))

        hash.GetCurrentHashAsUInt64()

    Item.Arrays(name, hash)

let private longest = int64 Array.MaxLength

// The bytes of what lies in one piece in main memory can be read where they are; of anything else a copy is compared.
let private isPlain (tensor: torch.Tensor) =
    tensor.device_type = DeviceType.CPU
    && tensor.is_contiguous ()
    && tensor.numel () * int64 (tensor.element_size ()) <= longest

let private mark item =
    match item with
    | Item.Tensor(_, tensor) when isPlain tensor -> Mark.Hash(XxHash3.HashToUInt64(Span.op_Implicit tensor.bytes))
    | Item.Tensor(_, tensor) -> Mark.Copy(tensor.clone().DetachFromDisposeScope())
    | Item.Arrays(_, hash) -> Mark.Hash(hash ())

let private isAsBefore item mark' =
    match item, mark' with
    | Item.Tensor(_, tensor), _ when tensor.IsInvalid -> false
    | Item.Tensor(_, tensor), Mark.Hash hash -> isPlain tensor && mark item = Mark.Hash hash
    | Item.Tensor(_, tensor), Mark.Copy copy ->
        use copy = copy
        // NaN is like itself here.
        use same = (tensor.eq copy).logical_or(tensor.ne(tensor).logical_and(copy.ne copy))
        use all = same.all ()
        Transfers.Read<bool>(all)[0]
    | Item.Arrays(_, hash), Mark.Hash before -> hash () = before
    | Item.Arrays _, Mark.Copy _ -> false

let private memory (memory: Memory) = [ for entry in memory -> Item.Tensor($"Memory['{entry.Key}']", entry.Value) ]

let private ofView (view: View) : Item list =
    [ Item.Tensor("Own", view.Own)
      Item.Tensor("Received", view.Received)
      Item.Tensor("Gradient", view.Gradient)
      arrays "Senders" [ view.Senders ]
      arrays "Weights" [ view.Weights ] ]
    @ memory view.Memory

let private ofNetworkView (view: NetworkView) : Item list =
    [ Item.Tensor("Pool", view.Pool)
      Item.Tensor("Gradients", view.Gradients)
      Item.Tensor("OwnLosses", view.OwnLosses)
      arrays "Own" [ view.Own ]
      arrays "Received" view.Received.Lists
      arrays "Senders" view.Senders
      arrays "Weights" view.Weights
      arrays "OwnWeights" [ view.OwnWeights ]
      arrays "Neighbours" [ view.Neighbours ]
      arrays "Nodes" [ view.Nodes ] ]
    @ (view.Memories |> List.ofArray |> List.collect memory)

let private ofState (state: OwnState) : Item list =
    [ Item.Tensor("Estimate", state.Estimate)
      Item.Tensor("Gradient", state.Gradient) ]
    @ memory state.Memory

let private ofOverheard (overheard: Overheard) =
    [ Item.Tensor("Estimates", overheard.Estimates)
      arrays "Senders" [ overheard.Senders ] ]

let private ofNetwork (network: Network) =
    [ arrays "Network.Neighbours" network.Neighbours
      arrays "Network.Byzantine" [ network.Byzantine ] ]

let private ofCollusion (collusion: Collusion) =
    [ Item.Tensor("Estimates", collusion.Estimates)
      arrays "Colluders" [ collusion.Colluders ] ]
    @ ofNetwork collusion.Network

let private ofOmniscience (all: Omniscience) =
    [ Item.Tensor("Estimates", all.Estimates)
      Item.Tensor("Gradients", all.Gradients) ]
    @ ofNetwork all.Network

let private isFreed item =
    match item with
    | Item.Tensor(_, tensor) -> tensor.IsInvalid
    | Item.Arrays _ -> false

/// What is wrong with how items come back, and with where the process is.
let private problem (folder: string) (items: (Item * Mark) list) : string option =
    let changed =
        items |> List.filter (fun (item, before) -> not (isAsBefore item before)) |> List.map (fst >> name)

    match changed with
    | [] when Environment.CurrentDirectory <> folder ->
        Environment.CurrentDirectory <- folder
        Some "it changes the current folder of the process, which others need as it is"
    | [] -> None
    | names ->
        let names = String.concat ", " names

        Some
            $"it changes what it is lent (the law 'purity'): {names}. Operations whose names end with _ write into their \
              tensor: take those without, or a clone()"

/// Lends what is marked for a call of code of a file.
let private lentMarked file word (loan: (Item * Mark) list) (call: unit -> 'result) : 'result =
    let folder = Environment.CurrentDirectory
    let items = List.map fst loan

    let refuse problem =
        let problem = $"the {word}: {problem}"
        raise (CodeException(Diagnostic.fileError file problem, Thrown.Breach(problem, [])))

    let refuseFreed () =
        let names = items |> List.filter isFreed |> List.map name |> String.concat ", "
        refuse $"it frees what it is lent (the law 'purity'): {names}"

    let result =
        try
            call ()
        with _ when List.exists isFreed items ->
            // Whatever it failed of then, this is why.
            refuseFreed ()

    if List.exists isFreed items then
        refuseFreed ()

    match problem folder loan with
    | None -> result
    | Some problem -> refuse problem

let private marked items = items |> List.map (fun item -> item, mark item)

/// Lends some items for a call of code of a file.
let private lent file word (items: Item list) (call: unit -> 'result) : 'result =
    lentMarked file word (marked items) call

/// The rule of a file, watched at each call.
let rule file (rule: Rule) : Rule =
    { rule with
        Reference = fun view -> lent file "rule" (ofView view) (fun () -> rule.Reference view)
        Network =
            rule.Network
            |> Option.map (fun network view -> lent file "rule" (ofNetworkView view) (fun () -> network view)) }

/// The stage of a pipeline, likewise.
let stage file (stage: PipelineStage) : PipelineStage =
    { stage with
        Reference = fun view -> lent file "stage" (ofView view) (fun () -> stage.Reference view) }

/// What is lent again: hashes still hold, and copies are made anew.
let private again (loan: (Item * Mark) list) =
    loan
    |> List.map (fun (item, before) ->
        match before with
        | Mark.Hash _ -> item, before
        | Mark.Copy _ -> item, mark item)

let private adversary file (items: 'knowledge -> Item list) (adversary: Adversary<'knowledge>) : Adversary<'knowledge> =
    let inCall loan call = lentMarked file "attack" loan call

    let watched (call: 'knowledge -> OwnState -> 'answer) knowledge =
        let loan = marked (items knowledge)
        let each = inCall loan (fun () -> call knowledge)
        fun state -> inCall (again loan @ marked (ofState state)) (fun () -> each state)

    let watchedSent (sent: Sent) (state: OwnState) : Sent =
        match sent with
        | Sent.Each vector -> Sent.Each(fun receiver -> lent file "attack" (ofState state) (fun () -> vector receiver))
        | Sent.Everyone _
        | Sent.Nothing -> sent

    { Adversary.Send =
        fun knowledge ->
            let send = watched adversary.Send knowledge
            fun state -> watchedSent (send state) state
      Remember = watched adversary.Remember }

/// The attack of a file, likewise.
let attack file (attack: Attack) : Attack =
    match attack with
    | Attack.Absent -> Attack.Absent
    | Attack.Present behaviour ->
        let strategy =
            match behaviour.Strategy with
            | Strategy.OwnState own -> Strategy.OwnState(adversary file (fun () -> []) own)
            | Strategy.NeighboursMessages own -> Strategy.NeighboursMessages(adversary file ofOverheard own)
            | Strategy.Colluding own -> Strategy.Colluding(adversary file ofCollusion own)
            | Strategy.Omniscient own -> Strategy.Omniscient(adversary file ofOmniscience own)
            | Strategy.Rehearsing own ->
                Strategy.Rehearsing(adversary file (fun rehearsal -> ofOmniscience rehearsal.All) own)

        Attack.Present { behaviour with Strategy = strategy }
