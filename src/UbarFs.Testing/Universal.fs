/// What every rule has to keep without promising it.
[<RequireQualifiedAccess>]
module UbarFs.Testing.Universal

open TorchSharp
open UbarFs.Core
open UbarFs.Testing.Application

/// R has the own estimate's shape and type, in some floating-point types.
let keepsShape (dtypes: torch.ScalarType list) : LawCheck =
    fun rule view ->
        dtypes
        |> Seq.map (fun dtype ->
            let given = Neighbourhood.toViewOf dtype view
            let estimate = (Rule.aggregate rule given).Estimate
            let described (tensor: torch.Tensor) = $"%A{List.ofArray tensor.shape} of {tensor.dtype}"

            if estimate.dtype = dtype && estimate.shape = given.Own.shape then
                Ok()
            else
                Error(Violation.create (described given.Own) (described estimate)))
        |> LawCheck.all

/// What the rule makes of the same estimates in its first iteration and, with what it then remembers, in its second.
let private twice rule view : Outcome list =
    let first = Neighbourhood.toView view
    let aggregate = Rule.aggregate rule first
    let second = Rule.aggregate rule { first with Iteration = 1L; Memory = aggregate.Memory }
    [ outcomeOf aggregate; outcomeOf second ]

let private same change (expected: Outcome list) (actual: Outcome list) =
    match List.zip expected actual |> List.tryFind (fun (one, other) -> not (identical one other)) with
    | None -> Ok()
    | Some(one, other) -> Error { Violation.create (described one) (described other) with Change = change }

let private isDeterministic: LawCheck =
    fun rule view ->
        let first = twice rule view
        same "asked a second time" first (twice rule view)

let private leavesItsInput: LawCheck =
    fun rule view ->
        let given = Neighbourhood.toView view
        let remembered = (Rule.aggregate rule (Neighbourhood.toView view)).Memory

        let inputs () =
            [ "the own estimate", values given.Own
              "what was received", values given.Received
              "the gradient", values given.Gradient
              for entry in remembered do
                  $"the memory's '{entry.Key}'", values entry.Value ]

        let before = inputs ()
        Rule.aggregate rule { given with Memory = remembered; Iteration = 1L } |> ignore

        List.zip before (inputs ())
        |> Seq.map (fun ((what, before), (_, after)) ->
            if close 0.0 before after then
                Ok()
            else
                Error
                    { Violation.create (written before) (written after) with
                        Change = $"{what} after the rule was asked" })
        |> LawCheck.all

/// Other neighbourhoods: with far larger distances in the other order, with far smaller ones, and with fewer neighbours.
let private others (view: Neighbourhood) =
    let rows = [| 0 .. Neighbourhood.count view - 1 |]

    let spread (factor: float) =
        Neighbourhood.map (Array.map2 (fun own value -> 3.0 - own + factor * (value - own)) view.Own)

    [ spread 64.0 (Neighbourhood.choose (Array.rev rows) view)
      spread 0.015625 view
      spread 64.0 (Neighbourhood.choose (Array.truncate (rows.Length / 2) rows) view) ]

let private hasNoHistory: LawCheck =
    fun rule view ->
        let after other =
            twice rule other |> ignore
            twice rule view

        match List.map after (others view) with
        | first :: later -> later |> Seq.map (same "asked after other neighbourhoods than before" first) |> LawCheck.all
        | [] -> Ok()

let private hasItsStages: LawCheck =
    fun rule view ->
        let stages = (outcome rule view).Stages
        let rows = set [ 0 .. Neighbourhood.count view - 1 ]
        let names = List.map fst stages

        let wrong =
            stages
            |> List.tryFind (fun (_, kept) -> not (Set.isSubset (set kept) rows) || Array.distinct kept <> kept)

        match wrong with
        | _ when names <> rule.Stages -> Error(Violation.create $"the stages %A{rule.Stages}" $"the stages %A{names}")
        | Some(name, kept) ->
            Error(Violation.create $"{name} keeps each received row at most once" $"{Application.rows kept}")
        | None -> Ok()

/// x_{k+1} is what equation 2 says, with 0 ≤ α ≤ 1; without neighbours a gradient step.
let private follows: LawCheck =
    fun rule view ->
        let given = Neighbourhood.toView view

        let combined (weights: (float * torch.Tensor) list) =
            weights
            |> List.map (fun (weight, tensor) -> values tensor |> Array.map ((*) weight))
            |> List.reduce (Array.map2 (+))

        let updated, aggregate = Rule.update rule given

        let expected =
            match rule.Update with
            | Update.Guf alpha ->
                let alpha = alpha (Neighbourhood.count view)

                if 0.0 <= alpha && alpha <= 1.0 then
                    Ok(
                        combined
                            [ alpha, given.Own
                              1.0 - alpha, aggregate.Estimate
                              -given.Rate, given.Gradient ]
                    )
                else
                    Error(Violation.create "0 ≤ α ≤ 1" $"α = {number alpha}")
            | Update.Replaced when view.Received.Length = 0 ->
                Ok(combined [ 1.0, given.Own; -given.Rate, given.Gradient ])
            | Update.Replaced -> Ok(values aggregate.Estimate)

        expected |> Result.bind (fun expected -> agree view expected (values updated))

/// The name of each, what it says, and its check.
let all: (string * string * LawCheck) list =
    [ "shape",
      "R has the own estimate's shape and type, in float32 and float64",
      keepsShape [ torch.float64; torch.float32 ]
      "determinism", "the same view has the same result, bit for bit", isDeterministic
      "purity", "the tensors of the view and of the memory stay as they are", leavesItsInput
      "no-history", "nothing but the view matters: not what the rule was asked before", hasNoHistory
      "stages", "each stage that the rule names keeps some of the received rows", hasItsStages
      "update", "the update is αx + (1−α)R − λ∇l with 0 ≤ α ≤ 1; a plain step without neighbours", follows ]
