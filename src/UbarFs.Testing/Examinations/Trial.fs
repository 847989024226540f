namespace UbarFs.Testing

open System
open FsCheck
open FsCheck.FSharp
open TorchSharp
open UbarFs.Core

/// A law with the neighbourhoods on which it is checked.
type Trial =
    {
        Name: string
        /// What it says, in one line.
        Says: string
        /// The law that a rule claims or does not; none for what every rule has to keep.
        Law: Law option
        Views: Gen<Neighbourhood>
        /// Whether the law says anything of a rule on a neighbourhood.
        Fits: Rule -> Neighbourhood -> bool
        Check: LawCheck
    }

[<RequireQualifiedAccess>]
module Trial =

    let private attackedWithNumbers = Gen.where Neighbourhood.isFinite Attacked.views
    let private everyKind = Gen.frequency [ 4, Generators.several; 1, attackedWithNumbers ]
    let private hostile = Gen.frequency [ 4, Generators.several; 2, Generators.mixed; 1, Attacked.views ]
    let private orNobody = Gen.frequency [ 9, hostile; 1, Generators.alone ]

    let private distinct (numbers: float seq) =
        let ascending = Seq.sort numbers |> Array.ofSeq
        let scale = Seq.fold (fun largest number -> max largest (abs number)) 0.0 ascending
        ascending |> Array.pairwise |> Array.forall (fun (one, next) -> next - one > 1e-6 * scale)

    /// Whether nothing is tied: no two coordinates, losses or distances. Among three or fewer estimates the two that are
    /// closest to each other are always tied for a rule that compares neighbours with each other.
    let isWithoutTies (rule: Rule) (view: Neighbourhood) =
        let count = Neighbourhood.count view

        let columns =
            List.init (Neighbourhood.dimension view) (fun coordinate ->
                view.Received |> Array.map (Array.item coordinate))

        let pairs =
            [| for one in 0 .. count - 1 do
                   for other in one + 1 .. count - 1 -> Neighbourhood.distance view.Received[one] view.Received[other] |]

        distinct (view.Received |> Array.map (Neighbourhood.distance view.Own))
        && distinct (Array.append [| view.OwnLoss |] view.Losses)
        && List.forall distinct columns
        && (rule.Cost <> Cost.Quadratic || (count > 3 && distinct pairs))

    let private isSingle _ view =
        Neighbourhood.estimates view
        |> Array.forall (Array.forall (fun number -> float (float32 number) = number))

    let private viewsOf law =
        match law with
        | Law.NeighbourOrder
        | Law.Rotation -> Generators.generalPosition
        | Law.MeanOfKept
        | Law.TwoStages
        | Law.SameAs _ -> hostile
        | Law.Precision ->
            Gen.frequency
                [ 1, Generators.finite
                  1, Generators.clustered
                  1, Generators.duplicates
                  2, Generators.cancelling
                  1, attackedWithNumbers ]
        | _ -> everyKind

    let private fits law =
        match law with
        | Law.NeighbourOrder
        | Law.Rotation -> isWithoutTies
        | Law.OwnApart -> fun _ view -> Neighbourhood.count view > 0
        // The only message that there is has all of the weight.
        | Law.Weightless -> fun _ view -> Neighbourhood.count view > 1
        | Law.Precision -> isSingle
        | _ -> fun _ _ -> true

    /// The law as a trial.
    let ofLaw (law: Law) : Trial =
        { Name = Law.name law
          Says = Law.text law
          Law = Some law
          Views = viewsOf law
          Fits = fits law
          Check = Laws.check law }

    /// What every rule has to keep.
    let universal: Trial list =
        let trial (name, says, check) =
            { Name = name
              Says = says
              Law = None
              Views =
                if name = StageLaws.orderName then
                    Gen.frequency [ 4, Generators.generalPosition; 1, orNobody ]
                else
                    orNobody
              Fits = fun _ _ -> true
              Check = check }

        List.map
            trial
            (Universal.all
             @ StageLaws.all
             @ [ "network-form",
                 "the form for all nodes at once selects and gives what the reference does",
                 NetworkForm.check ])

    /// The neighbourhoods, with every estimate of d coordinates: the first ones, over and over.
    let ofDimension dimension (trial: Trial) =
        let resized (estimate: float[]) = Array.init dimension (fun index -> estimate[index % estimate.Length])
        { trial with Views = Gen.map (Neighbourhood.map resized) trial.Views }

    /// `Ok`, or how the rule breaks the law on a neighbourhood; `Ok` also where the law says nothing.
    let check (trial: Trial) : LawCheck =
        fun rule view ->
            if trial.Fits rule view then
                LawCheck.safely trial.Check rule view
            else
                Ok()

    /// Neighbourhoods for FsCheck, with the simpler ones of each.
    let arbitrary (trial: Trial) : Arbitrary<Neighbourhood> = Arb.fromGenShrink (trial.Views, Shrinking.simpler)

    /// One of what every rule has to keep, by its name.
    let named name : Trial = universal |> List.find (fun trial -> trial.Name = name)
