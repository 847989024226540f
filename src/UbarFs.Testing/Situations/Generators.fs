/// Generators made for this field: neighbourhoods with clusters, outliers, ties and numbers that are not finite.
module UbarFs.Testing.Generators

open FsCheck
open FsCheck.FSharp
open UbarFs.Core

/// Eighths between −8 and 8: sums and differences of a few of them are exact in float32.
let private dyadic = Gen.choose (-64, 64) |> Gen.map (fun eighths -> float eighths / 8.0)

let private vector dimension coordinate = Gen.arrayOfLength dimension coordinate

/// A coordinate that is not finite.
let notFinite = Gen.elements [ nan; infinity; -infinity ]

let private hostile dimension =
    gen {
        let! estimate = vector dimension dyadic
        let! position = Gen.choose (0, dimension - 1)
        let! poison = notFinite
        return Array.updateAt position poison estimate
    }

let private near own =
    own
    |> Array.map (fun coordinate -> Gen.choose (-2, 2) |> Gen.map (fun eighths -> coordinate + float eighths / 8.0))
    |> List.ofArray
    |> Gen.sequenceToList
    |> Gen.map Array.ofList

let private neighbourhood fewest most estimate =
    gen {
        let! dimension = Gen.choose (1, 5)
        let! count = Gen.choose (fewest, most)
        let! own = vector dimension dyadic
        let! received = Gen.arrayOfLength count (estimate dimension own)
        // Few distinct losses, so that ties with the own loss are common.
        let! losses = Gen.arrayOfLength (count + 1) (Gen.elements [ 0.25; 0.5; 0.75; 1.0; 1.25; 1.5 ])
        let! benignRatio = Gen.elements [ 0.1; 0.25; 0.4; 0.5; 0.6; 0.75; 0.9; 1.0 ]

        return
            { Own = own
              Received = received
              OwnLoss = losses[0]
              Losses = Array.tail losses
              BenignRatio = benignRatio }
    }

/// Finite estimates, some close to the own one, with many ties in distance and in loss.
let finite =
    neighbourhood 1 12 (fun dimension own -> Gen.oneof [ vector dimension dyadic; near own; Gen.constant own ])

/// Finite estimates mixed with hostile ones.
let mixed =
    neighbourhood 1 12 (fun dimension own -> Gen.oneof [ vector dimension dyadic; near own; hostile dimension ])

// Numbers of the own magnitude, far away: the benign ones stay close together.
let private far dimension =
    vector dimension dyadic |> Gen.map (Array.map (fun coordinate -> 1024.0 * coordinate))

/// A node that received nothing.
let alone = neighbourhood 0 0 (fun _ own -> Gen.constant own)

/// A cluster around the own estimate with some outliers.
let clustered =
    neighbourhood 1 12 (fun dimension own -> Gen.frequency [ 3, near own; 1, far dimension ])

/// Estimates on one line through the own one.
let collinear =
    let onLine (own: float[]) =
        Gen.choose (-8, 8)
        |> Gen.map (fun step ->
            own |> Array.mapi (fun index coordinate -> coordinate + float step * float (index % 3 - 1) / 8.0))

    neighbourhood 1 12 (fun _ own -> onLine own)

/// Few distinct estimates, each received several times.
let duplicates =
    gen {
        let! (view: Neighbourhood) = finite
        let! rows = Gen.arrayOfLength view.Received.Length (Gen.choose (0, min 2 (view.Received.Length - 1)))
        return { view with Received = rows |> Array.map (fun row -> view.Received[row]) }
    }

/// The view with all estimates multiplied by one of some powers of two, which rounds nothing.
let scaledBy exponents views =
    gen {
        let! (view: Neighbourhood) = views
        let! exponent = Gen.elements exponents
        return Neighbourhood.map (Array.map (fun coordinate -> System.Math.ScaleB(coordinate, exponent))) view
    }

/// The view with all estimates tiny or huge, but numbers of float32: from 10⁻³⁶ to 10³⁶.
let scaled views = scaledBy [ -120; -30; 30; 120 ] views

/// Estimates with much in common and tiny differences: whole numbers up to 64 beside a large power of two. Float32
/// holds them, but not their squares.
let cancelling =
    let whole = Gen.choose (-8, 8) |> Gen.map float

    gen {
        let! exponent = Gen.choose (12, 20)
        let common = System.Math.ScaleB(1.0, exponent)
        let! (view: Neighbourhood) = neighbourhood 1 8 (fun dimension _ -> vector dimension whole)
        let own = view.Own |> Array.map round
        return Neighbourhood.map (Array.map ((+) common)) { view with Own = own }
    }

/// Finite neighbourhoods of every kind. Their differences are exact, and so is every tie.
let several =
    Gen.frequency
        [ 2, finite
          2, clustered
          1, collinear
          2, duplicates
          1, cancelling
          2, scaled (Gen.oneof [ finite; clustered; collinear ]) ]

/// Up to 10³⁰¹ in float64, where squares overflow.
let enormous = scaledBy [ 600; 1000 ] (Gen.oneof [ finite; clustered; collinear ])

/// Estimates at the ends of what float64 can hold.
let extreme =
    let coordinate =
        Gen.elements [ System.Double.MaxValue; -System.Double.MaxValue; 1e300; -1e-300; 0.0; 1.0 ]

    neighbourhood 1 12 (fun dimension _ -> vector dimension coordinate)

/// Neighbourhoods without ties: no two coordinates, distances or losses are equal. Four neighbours at least, for
/// among two or three the two closest ones are always tied.
let generalPosition =
    let real =
        Gen.choose (-1_000_000_000, 1_000_000_000) |> Gen.map (fun number -> float number / 123_456_789.0)

    gen {
        let! (view: Neighbourhood) = neighbourhood 4 12 (fun dimension _ -> vector dimension real)
        let! own = vector view.Own.Length real
        let! losses = vector (view.Losses.Length + 1) real

        return
            { view with
                Own = own
                OwnLoss = abs losses[0]
                Losses = Array.map abs (Array.tail losses) }
    }

let private argument (parameter: Parameter) =
    let between interval =
        let high =
            if System.Double.IsFinite interval.High then
                interval.High
            else
                interval.Low + 10.0

        [ 0.0; 0.1; 0.3; 0.5; 0.75; 1.0 ]
        |> List.map (fun share -> interval.Low + share * (high - interval.Low))
        |> List.filter (Interval.contains interval)
        |> List.map Value.Real

    let others =
        match parameter.Kind with
        | Kind.Real interval -> between interval
        | Kind.RealOrWord(interval, words) -> between interval @ List.map Value.Word words
        | Kind.Whole(low, high) -> [ low; min high (low + 3L) ] |> List.map Value.Whole
        | Kind.WholeOrWord(low, high, words) ->
            ([ low; min high (low + 3L) ] |> List.map Value.Whole) @ List.map Value.Word words
        | Kind.Truth -> [ Value.Truth true; Value.Truth false ]
        | Kind.Choice words -> List.map Value.Word words
        | Kind.Wholes(low, high) -> [ Value.Wholes [ low ]; Value.Wholes [ low; min high (low + 3L) ] ]
        | Kind.WholesOrWord(low, high, words) -> Value.Wholes [ low; min high (low + 3L) ] :: List.map Value.Word words
        | Kind.Names words -> Value.Word(Kind.listed (List.truncate 2 words)) :: List.map Value.Word words
        | Kind.Text -> [ Value.Word "some text" ]
        | Kind.Layers ->
            [ Value.Word "[relu]"
              Value.Word "[{ conv: { channels: 3 } }, { residual: { layers: [tanh] } }]" ]

    Gen.frequency [ 2, Gen.constant parameter.Default; 1, Gen.elements others ]
    |> Gen.map (fun value -> parameter.Name, value)

/// A component with arguments that it allows, often the default ones.
let chosen (component': Component<'value>) =
    component'.Settings.Parameters
    |> List.map argument
    |> Gen.sequenceToList
    |> Gen.map (fun arguments -> Component.choose (Map.ofList arguments) component')

/// States a property over generated values.
let forAll (generator: Gen<'value>) (property: 'value -> bool) = Prop.forAll (Arb.fromGen generator) property
