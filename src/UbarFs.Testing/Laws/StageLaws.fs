/// What every stage of a pipeline has to keep.
[<RequireQualifiedAccess>]
module UbarFs.Testing.StageLaws

open System
open TorchSharp
open UbarFs.Core
open UbarFs.Testing.Application

/// What a stage handed on: its estimates, and where each comes from.
type private Handed = { Estimates: float[][]; Origins: Provenance[] }

let private countName, provenanceName = "stage-count", "stage-provenance"

/// The name of the law that says something only where nothing is tied.
let orderName = "stage-order"

/// Whether a name is that of one of these laws.
let isOne name = List.contains name [ countName; orderName; provenanceName ]

let private rowsOf (estimates: torch.Tensor) =
    let width = int estimates.shape[1]
    values estimates |> Array.chunkBySize (max 1 width)

let private handed (stage: PipelineStage) (view: View) : Prepared * Handed =
    let prepared = stage.Reference view

    match Contract.prepared stage view prepared with
    | Some problem -> raise (NoResultException problem)
    | None -> prepared, { Estimates = rowsOf prepared.Estimates; Origins = prepared.Origins }

/// Whether each stage in turn keeps a law, on what the stages before it hand on.
let private ofEach (law: PipelineStage -> View -> Handed -> Result<unit, Violation>) : LawCheck =
    fun rule view ->
        use _ = torch.NewDisposeScope()

        let rec from (stages: PipelineStage list) (view: View) =
            match stages with
            | [] -> Ok()
            | _ when view.Received.shape[0] = 0L -> Ok()
            | stage :: rest ->
                let prepared, found = handed stage view
                law stage view found |> Result.bind (fun () -> from rest (PipelineStage.next prepared view))

        from rule.Before (Neighbourhood.toView view)

let private count: LawCheck =
    ofEach (fun stage view found ->
        let expected = stage.Count(int view.Received.shape[0])

        if found.Estimates.Length = expected then
            Ok()
        else
            Error(Violation.create $"{expected} estimates" $"{found.Estimates.Length}"))

let private agrees (one: float[]) (other: float[]) =
    let scale =
        Array.append one other
        |> Seq.filter Double.IsFinite
        |> Seq.fold (fun largest value -> max largest (abs value)) 0.0

    Array.forall2 (fun one other -> (one: float).Equals other || abs (one - other) <= 1e-9 * scale) one other

// Whether no two distances are the same: ties go by the order.
let private isWithoutTies (view: View) =
    let squares = Estimate.pairwiseSquares (torch.cat ([| view.Own.unsqueeze 0L; view.Received |], 0L))

    let ascending =
        [| for one in 0 .. squares.Length - 1 do
               for other in one + 1 .. squares.Length - 1 -> squares[one][other] |]
        |> Array.sort

    ascending |> Array.pairwise |> Array.forall (fun (one, next) -> next - one > 1e-6 * next)

// What a stage handed on, by where it comes from.
let private sorted (rowOf: int -> int) (found: Handed) =
    let rows places = places |> Array.map rowOf |> Array.sort |> List.ofArray

    Array.zip found.Origins found.Estimates
    |> Array.map (fun (origin, estimate) -> (rows origin.StandsFor, rows origin.MadeOf), estimate)
    |> Array.sortBy fst

// The view with what was received in another order.
let private reordered (order: int[]) (view: View) : View =
    let inOrder (items: 'item[]) = order |> Array.map (fun row -> items[row])

    { view with
        Received = Estimate.rows order view.Received
        Senders = inOrder view.Senders
        Weights = inOrder view.Weights
        Losses = fun rows -> view.Losses(rows |> Array.map (fun row -> order[row])) }

/// What comes in backwards is handed on as the same estimates, made of the same ones.
let private order: LawCheck =
    ofEach (fun stage view found ->
        let m = int view.Received.shape[0]
        let backwards = [| m - 1 .. -1 .. 0 |]

        if not (List.contains Law.NeighbourOrder stage.Claims && isWithoutTies view) then
            Ok()
        else
            let expected = sorted id found
            let got = handed stage (reordered backwards view) |> snd |> sorted (fun row -> backwards[row])

            let isSame =
                expected.Length = got.Length
                && Array.forall2 (fun (one, these) (other, those) -> one = other && agrees these those) expected got

            if isSame then
                Ok()
            else
                let told (rows: (_ * float[])[]) = rows |> Seq.map (snd >> written) |> String.concat "; "
                let got = $"{told got}, or of other estimates, with the neighbours backwards"
                Error(Violation.create (told expected) got))

/// Nothing is stood for twice, and an estimate is finite if and only if what it is made of is.
let private provenance: LawCheck =
    ofEach (fun _ view found ->
        let finite, isOwnFinite = Estimate.finiteRows view.Received, Estimate.isFinite view.Own

        let twice =
            found.Origins
            |> Seq.collect _.StandsFor
            |> Seq.countBy id
            |> Seq.tryFind (fun (_, times) -> times > 1)

        let spoilt =
            Array.zip found.Origins found.Estimates
            |> Array.tryFindIndex (fun (origin, estimate) ->
                let isMadeOfFinite = isOwnFinite && Array.forall (fun row -> finite[row]) origin.MadeOf
                isMadeOfFinite && not (Array.forall Double.IsFinite estimate))

        let healed =
            Array.zip found.Origins found.Estimates
            |> Array.tryFindIndex (fun (origin, estimate) ->
                Array.forall Double.IsFinite estimate && Array.exists (fun row -> not finite[row]) origin.MadeOf)

        match twice, spoilt, healed with
        | Some(row, _), _, _ -> Error(Violation.create $"received estimate {row} stood for once" "more than once")
        | None, Some row, _ ->
            Error(
                Violation.create $"finite numbers in row {row}, which is made of such" (written found.Estimates[row])
            )
        | None, None, Some row ->
            Error(
                Violation.create
                    $"row {row} not to be made of what is not finite"
                    $"made of {rows found.Origins[row].MadeOf}"
            )
        | None, None, None -> Ok())

/// Each law with its name and what it says.
let all: (string * string * LawCheck) list =
    [ countName, "each stage of a pipeline hands on as many estimates as it says", count
      orderName, "a stage that keeps the order of the neighbours out hands on the same, and from the same", order
      provenanceName, "nothing is stood for twice, and what is made of finite estimates is finite", provenance ]
