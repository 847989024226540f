/// The parameters of a rule or an attack that is a class: its public properties that can be set.
[<RequireQualifiedAccess>]
module internal UbarFs.Scripting.ClassParameters

open System
open System.Globalization
open System.Reflection
open System.Text
open FsToolkit.ErrorHandling
open UbarFs.Api
open UbarFs.Core

/// A property, as the language sees it.
type Property = { Parameter: Parameter; Set: obj -> Value -> unit }

/// `BenignRatio` as `benign-ratio`.
let hyphenated (name: string) : string =
    let word = StringBuilder()

    for index in 0 .. name.Length - 1 do
        let startsWord =
            index > 0
            && Char.IsUpper name[index]
            && (not (Char.IsUpper name[index - 1]) || (index + 1 < name.Length && Char.IsLower name[index + 1]))

        if startsWord then
            word.Append '-' |> ignore

        word.Append(Char.ToLowerInvariant name[index]) |> ignore

    word.Replace("_", "").ToString()

let private interval (bounds: ParameterAttribute) : Interval =
    { Low = bounds.Minimum
      High = bounds.Maximum
      LowClosed = Double.IsFinite bounds.Minimum
      HighClosed = Double.IsFinite bounds.Maximum }

let private whole (bounds: ParameterAttribute) (low: int64) (high: int64) =
    let low =
        if Double.IsFinite bounds.Minimum then
            max low (int64 (ceil bounds.Minimum))
        else
            low

    let high =
        if Double.IsFinite bounds.Maximum then
            min high (int64 (floor bounds.Maximum))
        else
            high

    Kind.Whole(low, high)

let private wordOf (value: obj) = hyphenated (string value)

/// What values a property takes, how the language writes one, and how to read it; none for other types.
let private conversion (bounds: ParameterAttribute) (kind: Type) : (Kind * (obj -> Value) * (Value -> obj)) option =
    let invariant = CultureInfo.InvariantCulture
    let convert (value: obj) = Convert.ChangeType(value, kind, invariant) |> nonNull

    let plain value =
        match value with
        | Value.Real number -> convert number
        | Value.Whole number -> convert number
        | Value.Truth truth -> box truth
        | Value.Word word -> box word
        | Value.Wholes numbers -> box (Array.ofList numbers)

    if kind = typeof<float> || kind = typeof<float32> then
        Some(Kind.Real(interval bounds), (fun value -> Value.Real(Convert.ToDouble(value, invariant))), plain)
    elif kind = typeof<int> || kind = typeof<int64> then
        let low, high =
            if kind = typeof<int> then
                int64 Int32.MinValue, int64 Int32.MaxValue
            else
                Int64.MinValue, Int64.MaxValue

        Some(whole bounds low high, (fun value -> Value.Whole(Convert.ToInt64(value, invariant))), plain)
    elif kind = typeof<bool> then
        Some(Kind.Truth, (fun value -> Value.Truth(unbox value)), plain)
    elif kind = typeof<string> then
        Some(Kind.Text, (fun value -> Value.Word(string value)), plain)
    elif kind.IsEnum then
        let values = Enum.GetValues kind |> Seq.cast<obj> |> List.ofSeq
        let find word = values |> List.find (fun value -> wordOf value = string word)
        Some(Kind.Choice(List.map wordOf values), wordOf >> Value.Word, find)
    else
        None

let private described (property: PropertyInfo) =
    property.GetCustomAttribute<ParameterAttribute>()
    |> Option.ofObj
    |> Option.defaultWith (fun () -> ParameterAttribute())

let private ofProperty (fresh: obj) (property: PropertyInfo) : Result<Property, string> =
    let bounds = described property

    match conversion bounds property.PropertyType with
    | None ->
        Error
            $"the property '{property.Name}' cannot be a parameter: its type is {property.PropertyType.Name}, and \
              parameters are double, float, int, long, bool, string or an enumeration"
    | Some(kind, write, read) ->
        let initial = property.GetValue fresh |> Option.ofObj |> Option.map write

        match initial |> Option.bind (fun value -> Kind.read kind (string value)) with
        | None ->
            let initial = initial |> Option.map string |> Option.defaultValue ""

            Error $"a new object has '{initial}' for the parameter '{property.Name}': expected {Kind.describe kind}"
        | Some initial ->
            Ok
                { Parameter =
                    { Name = hyphenated property.Name
                      Kind = kind
                      Default = initial
                      Meaning = bounds.Meaning }
                  Set = fun target value -> property.SetValue(target, read value) }

let private isSettable (property: PropertyInfo) =
    property.CanRead
    && property.GetIndexParameters().Length = 0
    && property.SetMethod |> Option.ofObj |> Option.exists _.IsPublic

/// The parameters of a class, given a new object of it; the first problem otherwise.
let read (fresh: obj) : Result<Property list, string> =
    fresh.GetType().GetProperties(BindingFlags.Public ||| BindingFlags.Instance)
    |> Array.filter isSettable
    |> List.ofArray
    |> List.traverseResultM (ofProperty fresh)
