/// What every rule has to keep without promising it.
[<RequireQualifiedAccess>]
module UbarFs.Testing.Universal

open TorchSharp
open UbarFs.Core
open UbarFs.Testing.Application

/// What a rule remembers of a view, to be asked with it in the next iteration.
let private next (view: View) (aggregate: Aggregate) : View = { view with Iteration = 1L; Memory = aggregate.Memory }

/// R has the own estimate's shape and type, in some floating-point types; in the first iteration and, with what the rule
/// then remembers, in the second.
let keepsShape (dtypes: torch.ScalarType list) : LawCheck =
    fun rule view ->
        let described (tensor: torch.Tensor) = $"%A{List.ofArray tensor.shape} of {tensor.dtype}"

        let like (given: View) =
            let aggregate = Application.aggregate rule given
            let estimate = aggregate.Estimate

            if estimate.dtype = given.Own.dtype && estimate.shape = given.Own.shape then
                Ok aggregate
            else
                Error(Violation.create (described given.Own) (described estimate))

        dtypes
        |> Seq.map (fun dtype ->
            let given = Neighbourhood.toViewOf dtype view
            like given |> Result.bind (next given >> like) |> Result.map ignore)
        |> LawCheck.all

/// What the rule makes of the same estimates in its first iteration and, with what it then remembers, in its second.
let private twice rule view : Outcome list =
    let first = Neighbourhood.toView view
    let aggregate = Application.aggregate rule first
    let second = Application.aggregate rule (next first aggregate)
    [ outcomeOf aggregate; outcomeOf second ]

let private same change (expected: Outcome list) (actual: Outcome list) =
    match List.zip expected actual |> List.tryFind (fun (one, other) -> not (identical one other)) with
    | None -> Ok()
    | Some(one, other) -> Error { Violation.create (described one) (described other) with Change = change }

/// How often the same question is asked in a row. A rule that does something else at every n-th question is found for n
/// up to this in one test, and for any n that is smaller than the number of questions in all tests: the odd one is
/// among others.
let private inARow = 5

let private isDeterministic: LawCheck =
    fun rule view ->
        let first = Neighbourhood.toView view
        // Nobody asked this one before: what goes by the question before shows here alone.
        let asked = Application.aggregate rule first

        [ first, [ outcomeOf asked ], "the first iteration"
          next first asked, [], "the second iteration" ]
        |> Seq.map (fun (view, known, iteration) ->
            let answers = known @ List.init (inARow - known.Length) (fun _ -> ofView rule view)

            answers
            |> Seq.indexed
            |> Seq.tail
            |> Seq.map (fun (index, answer) ->
                same $"asked {index + 1} times in a row, in {iteration}" [ answers.Head ] [ answer ])
            |> LawCheck.all)
        |> LawCheck.all

let private leavesItsInput: LawCheck =
    fun rule view ->
        let asked (given: View) =
            let inputs () =
                [ "the own estimate", values given.Own
                  "what was received", values given.Received
                  "the gradient", values given.Gradient
                  for entry in given.Memory do
                      $"the memory's '{entry.Key}'", values entry.Value ]

            let before = inputs ()
            let aggregate = Application.aggregate rule given

            let kept =
                List.zip before (inputs ())
                |> Seq.map (fun ((what, before), (_, after)) ->
                    if close 0.0 before after then
                        Ok()
                    else
                        Error
                            { Violation.create (written before) (written after) with
                                Change = $"{what} after the rule was asked" })
                |> LawCheck.all

            kept |> Result.map (fun () -> aggregate)

        let first = Neighbourhood.toView view
        asked first |> Result.bind (next first >> asked) |> Result.map ignore

/// Other neighbourhoods: with far larger distances in the other order, with far smaller ones, and with fewer neighbours.
let private others (view: Neighbourhood) =
    let rows = [| 0 .. Neighbourhood.count view - 1 |]

    let spread (factor: float) =
        Neighbourhood.map (Array.map2 (fun own value -> 3.0 - own + factor * (value - own)) view.Own)

    [ spread 64.0 (Neighbourhood.choose (Array.rev rows) view)
      spread 0.015625 view
      spread 64.0 (Neighbourhood.choose (Array.truncate (rows.Length / 2) rows) view) ]

/// What is asked before the neighbourhood is asked again: others, in numbers that have no common divisor, so that no
/// count of questions comes back to where it was.
let private histories view =
    match others view with
    | [ far; near; few ] -> [ [ far ]; [ near; near ]; [ few; far; near ]; [ far; few; few; near; far ] ]
    | others -> List.map List.singleton others

let private hasNoHistory: LawCheck =
    fun rule view ->
        let first = twice rule view

        histories view
        |> Seq.map (fun history ->
            for other in history do
                // Once, and not in both iterations: the questions are to be odd in number as well.
                outcome rule other |> ignore

            same "asked after other neighbourhoods than before" first (twice rule view))
        |> LawCheck.all

/// The rule says what one says that was never asked anything before, and so does one that was asked about the same own
/// estimate with something else received. `anew` makes such rules.
let saysWhatNew (anew: unit -> Rule) : LawCheck =
    fun rule view ->
        let expected = twice (anew ()) view

        let other =
            { view with
                Received = view.Received |> Array.rev |> Array.map (Array.map (fun value -> 5.0 - 2.0 * value)) }

        let experienced = anew ()
        outcome experienced other |> ignore

        LawCheck.all
            [ same "asked after many others, against the same rule loaded anew" expected (twice rule view)
              same "asked after others with the same own estimate" expected (twice experienced view) ]

/// What a rule makes of a neighbourhood, to be compared with what it makes of it later; nothing if it makes nothing.
let internal recollection rule view : (Neighbourhood * Outcome list) option =
    try
        use _ = torch.NewDisposeScope()
        Some(view, twice rule view)
    with _ ->
        // That is another law's finding.
        None

/// Whether a rule still makes of a neighbourhood what it made of it before.
let internal stillMakes (expected: Outcome list) : LawCheck =
    fun rule view -> same "asked again later, after other laws" expected (twice rule view)

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

let private combined (weights: (float * torch.Tensor) list) =
    weights
    |> List.map (fun (weight, tensor) -> values tensor |> Array.map ((*) weight))
    |> List.reduce (Array.map2 (+))

/// x_{k+1} is what equation 2 says, with 0 ≤ α ≤ 1; without neighbours a gradient step.
let private follows: LawCheck =
    fun rule view ->
        let given = Neighbourhood.toView view
        let aggregate = Application.aggregate rule given
        let updated = Rule.stepped rule given aggregate

        let expected =
            let mixed alpha =
                combined
                    [ alpha, given.Own
                      1.0 - alpha, aggregate.Estimate
                      -given.Rate, given.Gradient ]

            match rule.Update with
            | Update.Guf alpha ->
                let alpha = alpha (Neighbourhood.count view)

                if 0.0 <= alpha && alpha <= 1.0 then
                    Ok(mixed alpha)
                else
                    Error(Violation.create "0 ≤ α ≤ 1" $"α = {number alpha}")
            | Update.Mixed -> Ok(mixed given.OwnWeight)
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
