/// The laws of aggregation rules as checks of one rule on one neighbourhood. They draw nothing at random.
[<RequireQualifiedAccess>]
module UbarFs.Testing.Laws

open System
open TorchSharp
open UbarFs.Core
open UbarFs.Testing.Application

/// What a rule makes of a neighbourhood after a change, against what it should be.
let private afterwards rule change asked expected =
    estimate rule asked |> agree asked expected |> Result.mapError (Violation.after change asked)

let private neighbourOrder: LawCheck =
    fun rule view ->
        let rows = [| 0 .. Neighbourhood.count view - 1 |]
        let expected = estimate rule view

        [ Array.rev rows; Array.permute (fun row -> (row + 1) % rows.Length) rows ]
        |> Seq.map (fun order ->
            afterwards
                rule
                $"with the neighbours in the order {Application.rows order}"
                (Neighbourhood.choose order view)
                expected)
        |> LawCheck.all

/// A power of two of the own estimate's magnitude: adding a few of it to the estimates rounds little or nothing.
let private unit (view: Neighbourhood) =
    match Seq.fold (fun largest value -> max largest (abs value)) 0.0 view.Own with
    | magnitude when magnitude > 0.0 && Double.IsFinite magnitude -> Math.ScaleB(1.0, Math.ILogB magnitude)
    | _ -> 1.0

let private translation: LawCheck =
    fun rule view ->
        let by (steps: float[]) =
            let shift =
                Array.init (Neighbourhood.dimension view) (fun index -> unit view * steps[index % steps.Length])

            afterwards
                rule
                $"after a translation by {written shift}"
                (Neighbourhood.map (Array.map2 (+) shift) view)
                (Array.map2 (+) (estimate rule view) shift)

        // The long way shows what only cancels near the origin.
        LawCheck.all (Seq.map by [ [| 1.0; -1.0 |]; [| 2.5; -1.25; 0.75 |]; [| 4096.0 |] ])

let private scaling: LawCheck =
    fun rule view ->
        // By powers of two, which leave ties what they are.
        let by (factor: float) =
            afterwards
                rule
                $"after scaling by {number factor}"
                (Neighbourhood.map (Array.map ((*) factor)) view)
                (estimate rule view |> Array.map ((*) factor))

        LawCheck.all (Seq.map by [ 4.0; 0.125 ])

/// Turns every pair of coordinates by the angle of the triangle 3, 4, 5, and mirrors the coordinate that is left over.
let private turned (estimate: float[]) =
    Array.init estimate.Length (fun index ->
        if index % 2 = 1 then
            0.8 * estimate[index - 1] + 0.6 * estimate[index]
        elif index + 1 < estimate.Length then
            0.6 * estimate[index] - 0.8 * estimate[index + 1]
        else
            -estimate[index])

let private rotation: LawCheck =
    fun rule view ->
        let expected = turned (estimate rule view)
        afterwards rule "after a rotation by the angle of the triangle 3, 4, 5" (Neighbourhood.map turned view) expected

let private mirroring: LawCheck =
    fun rule view ->
        let mirrored = Array.map (~-)
        afterwards rule "after negating all" (Neighbourhood.map mirrored view) (mirrored (estimate rule view))

let private coordinateRange: LawCheck =
    fun rule view ->
        let bound choose =
            Array.init (Neighbourhood.dimension view) (fun coordinate ->
                Neighbourhood.estimates view |> Array.map (Array.item coordinate) |> choose)

        let lowest, highest = bound Array.min, bound Array.max
        let result = estimate rule view
        // No tolerance for a bound that cannot be exceeded by rounding: it would overflow to infinity.
        let margin bound = min (tolerance view) (Double.MaxValue - abs bound)

        let inside =
            Array.forall2 (fun low value -> value >= low - margin low) lowest result
            && Array.forall2 (fun high value -> value <= high + margin high) highest result

        if inside then
            Ok()
        else
            Error(Violation.create $"between {written lowest} and {written highest}" (written result))

/// What can be made of the value in a coordinate.
let private poisons: (int -> float -> float) list =
    [ fun _ _ -> nan
      fun index value -> if index = 0 then infinity else value
      fun _ _ -> -infinity
      fun index _ -> [| nan; infinity; -infinity |][index % 3] ]

let private containment: LawCheck =
    fun rule view ->
        let count = Neighbourhood.count view
        let tolerated = min count (rule.Tolerance view.BenignRatio count)

        let poisoned (rows: int[]) poison =
            { view with
                Received =
                    view.Received |> Array.mapi (fun row -> if Array.contains row rows then Array.mapi poison else id) }

        Seq.allPairs [ [| 0 .. tolerated - 1 |]; [| count - tolerated .. count - 1 |] ] poisons
        |> Seq.map (fun (rows, poison) ->
            let asked = poisoned rows poison
            let result = estimate rule asked

            if Array.forall Double.IsFinite result then
                Ok()
            else
                let senders = rows |> Array.map (fun row -> $"{row} sends {written asked.Received[row]}")

                Violation.create $"finite numbers, as n̂ = {tolerated}" (written result)
                |> Violation.after ("when neighbour " + String.concat ", " senders) asked
                |> Error)
        |> LawCheck.all

let private fixpoint: LawCheck =
    fun rule view ->
        let equal = { view with Received = view.Received |> Array.map (fun _ -> view.Own) }
        afterwards rule "when all estimates are equal" equal view.Own

let private ownApart: LawCheck =
    fun rule view ->
        let expected = estimate rule view

        let moved =
            { view with
                Own = view.Own |> Array.map (fun coordinate -> unit view - 2.0 * coordinate) }

        afterwards rule $"with {written moved.Own} for the own estimate" moved expected

let private weightless: LawCheck =
    fun rule view ->
        let last = Neighbourhood.count view - 1
        // The own estimate has two shares, the others have one and two in turn, and the last has none.
        let shares = Array.init (last + 1) (fun row -> if row = last then 0.0 else 1.0 + float (row % 2))
        let total = 2.0 + Array.sum shares

        let made (view: Neighbourhood) =
            use _ = torch.NewDisposeScope()

            let weighed =
                { Neighbourhood.toView view with
                    Weights = shares |> Array.map (fun share -> share / total)
                    OwnWeight = 2.0 / total }

            (ofView rule weighed).Estimate

        let moved =
            { view with
                Received =
                    view.Received
                    |> Array.updateAt last (view.Own |> Array.map (fun coordinate -> 3.0 * unit view - coordinate)) }

        made moved
        |> agree moved (made view)
        |> Result.mapError (Violation.after $"with {written moved.Received[last]} from the one without weight" moved)

let private precision: LawCheck =
    fun rule view ->
        let wide, narrow = inType torch.float64 rule view, inType torch.float32 rule view
        let rounding = 16.0 * torch.finfo(torch.float32).eps * largest view

        if wide.Stages = narrow.Stages && close rounding wide.Estimate narrow.Estimate then
            Ok()
        else
            Error
                { Violation.create (described wide) (described narrow) with
                    Change = "in float32, against float64" }

/// The rule that another one claims to be, with its defaults.
let reference name : Rule option =
    Catalogue.rules
    |> List.tryFind (fun rule -> rule.Name = name)
    |> Option.map (fun rule -> (Component.choose Map.empty rule).Value)

/// Selections are compared if both rules tell them.
let private sameAs name : LawCheck =
    match reference name with
    | None -> fun _ _ -> Error(Violation.create $"a rule of the catalogue by the name {name}" "none")
    | Some other ->
        fun rule view ->
            let inType (dtype: torch.ScalarType) =
                let theirs, ours = Application.inType dtype other view, Application.inType dtype rule view
                let kept (outcome: Outcome) = List.map snd outcome.Stages
                let rounding = max (tolerance view) (16.0 * torch.finfo(dtype).eps * largest view)

                if
                    close rounding theirs.Estimate ours.Estimate
                    && (theirs.Stages.IsEmpty || ours.Stages.IsEmpty || kept theirs = kept ours)
                then
                    Ok()
                else
                    let violation = Violation.create $"{described theirs} as from {name}" (described ours)

                    Error(
                        if dtype = torch.float64 then
                            violation
                        else
                            { violation with Change = "in float32" }
                    )

            LawCheck.all (Seq.map inType [ torch.float64; torch.float32 ])

/// The check of one law.
let check (law: Law) : LawCheck =
    match law with
    | Law.NeighbourOrder -> neighbourOrder
    | Law.Translation -> translation
    | Law.Scaling -> scaling
    | Law.Rotation -> rotation
    | Law.Mirroring -> mirroring
    | Law.CoordinateRange -> coordinateRange
    | Law.Containment -> containment
    | Law.Fixpoint -> fixpoint
    | Law.OwnApart -> ownApart
    | Law.Weightless -> weightless
    | Law.MeanOfKept -> Selection.meanOfKept
    | Law.TwoStages -> Selection.twoStages
    | Law.Precision -> precision
    | Law.SameAs rule -> sameAs rule
