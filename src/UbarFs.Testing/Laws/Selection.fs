/// Laws of rules that select among the received estimates.
[<RequireQualifiedAccess>]
module internal UbarFs.Testing.Selection

open System
open UbarFs.Testing.Application

let private mean (estimates: float[][]) =
    // Parts first: a sum can overflow where the mean does not.
    let share = 1.0 / float estimates.Length

    Array.init estimates[0].Length (fun coordinate ->
        estimates |> Array.sumBy (fun estimate -> share * estimate[coordinate]))

/// R is the mean of some rows; the own estimate if there are none.
let private isMeanOf (kept: int[]) view (outcome: Outcome) =
    match kept with
    | [||] ->
        agree view view.Own outcome.Estimate
        |> Result.mapError (fun violation -> { violation with Change = "with nothing kept, R is the own estimate" })
    | kept ->
        agree view (mean (kept |> Array.map (fun row -> view.Received[row]))) outcome.Estimate
        |> Result.mapError (fun violation -> { violation with Change = $"the mean of the kept rows {rows kept}" })

let meanOfKept: LawCheck =
    fun rule view ->
        let outcome = outcome rule view

        match List.tryLast outcome.Stages with
        | Some(_, kept) -> isMeanOf kept view outcome
        | None -> Error(Violation.create "a stage that tells what it keeps" "no stage")

let private expect what (expected: int[]) (actual: int[]) why =
    if expected = Array.sort actual then
        Ok()
    else
        Error
            { Violation.create (rows expected) (rows actual) with
                Change = $"the rows that {what} keeps, {why}" }

/// Stage 1 of UBAR's definition 3: the max(1, ⌊ρm + 1e-9⌋) nearest, ties to the lowest row.
let private shortlist (view: Neighbourhood) =
    let count = Neighbourhood.count view
    let size = min count (max 1 (int (floor (view.BenignRatio * float count + 1e-9))))

    view.Received
    |> Array.mapi (fun row received -> struct (Neighbourhood.distance view.Own received, row))
    |> Array.sort
    |> Array.truncate size
    |> Array.map (fun struct (_, row) -> row)
    |> Array.sort

/// Stage 2: of the finite candidates those with a loss that is at most the own, or else the one with the least; ties to
/// the lowest row. An own loss that is not finite admits all.
let private accepted (view: Neighbourhood) (candidates: int[]) =
    let usable =
        candidates
        |> Array.filter (fun row -> Array.forall Double.IsFinite view.Received[row] && Double.IsFinite view.Losses[row])

    let bound =
        if Double.IsFinite view.OwnLoss then
            view.OwnLoss
        else
            infinity

    match usable |> Array.filter (fun row -> view.Losses[row] <= bound) with
    | [||] when Array.isEmpty usable -> [||], "nothing usable being left"
    | [||] ->
        [| usable |> Array.minBy (fun row -> struct (view.Losses[row], row)) |], "the least loss, for want of better"
    | kept -> kept, "those with no greater loss than the own"

let twoStages: LawCheck =
    fun rule view ->
        let outcome = outcome rule view

        match outcome.Stages with
        | [ one, first; two, second ] ->
            let near = shortlist view
            let kept, why = accepted view near

            let size = $"max(1, ⌊{number view.BenignRatio}·{Neighbourhood.count view}⌋) = {near.Length} nearest"

            expect one near first $"the {size}"
            |> Result.bind (fun () -> expect two kept second why)
            |> Result.bind (fun () -> isMeanOf kept view outcome)
        | stages -> Error(Violation.create "two stages" $"{stages.Length}")
