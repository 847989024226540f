namespace UbarFs.Core

open System
open System.Globalization

/// An interval of real numbers. An end that is not `Closed` is excluded.
type Interval = { Low: float; High: float; LowClosed: bool; HighClosed: bool }

[<RequireQualifiedAccess>]
module Interval =
    /// [low, high]
    let closed low high = { Low = low; High = high; LowClosed = true; HighClosed = true }
    /// (low, high]
    let above low high = { closed low high with LowClosed = false }
    /// [low, high)
    let below low high = { closed low high with HighClosed = false }
    /// (0, ∞)
    let positive = { Low = 0.0; High = infinity; LowClosed = false; HighClosed = false }
    /// [0, ∞)
    let nonNegative = { positive with LowClosed = true }
    /// Every finite number.
    let unbounded = { positive with Low = -infinity }

    /// NaN is in no interval, and an infinite number only in one that names it.
    let contains interval number =
        (number > interval.Low || (interval.LowClosed && number = interval.Low))
        && (number < interval.High || (interval.HighClosed && number = interval.High))

    /// What is expected, as the object of "expected …".
    let describe interval =
        if Double.IsInfinity interval.Low && Double.IsInfinity interval.High then
            "a number"
        elif Double.IsInfinity interval.High then
            let relation = if interval.LowClosed then "at least" else "greater than"
            $"a number {relation} {interval.Low}"
        else
            let opening = if interval.LowClosed then "[" else "("
            let closing = if interval.HighClosed then "]" else ")"
            $"a number in {opening}{interval.Low}, {interval.High}{closing}"

/// The value of a parameter, as the language writes it.
[<RequireQualifiedAccess>]
type Value =
    | Real of float
    | Whole of int64
    | Truth of bool
    | Word of string
    | Wholes of int64 list

    /// The canonical text: reading it again gives the same value.
    override value.ToString() =
        match value with
        | Real number -> number.ToString("R", CultureInfo.InvariantCulture)
        | Whole number -> number.ToString CultureInfo.InvariantCulture
        | Truth truth -> if truth then "true" else "false"
        | Word word -> word
        | Wholes numbers ->
            let written = numbers |> List.map _.ToString(CultureInfo.InvariantCulture) |> String.concat ", "
            $"[{written}]"

/// What values a parameter takes.
[<RequireQualifiedAccess>]
type Kind =
    | Real of Interval
    /// A number, or one of some words that stand for a choice which isn't a number.
    | RealOrWord of Interval * words: string list
    | Whole of low: int64 * high: int64
    /// A whole number, or one of some words likewise.
    | WholeOrWord of low: int64 * high: int64 * words: string list
    | Truth
    | Choice of words: string list
    /// One or more whole numbers: a list, or one by itself.
    | Wholes of low: int64 * high: int64
    /// The same, or one of some words.
    | WholesOrWord of low: int64 * high: int64 * words: string list
    /// One of some words, or a list of several.
    | Names of words: string list
    /// Any text on one line, such as a path.
    | Text
    /// A list of layers, which their catalogue reads.
    | Layers

[<RequireQualifiedAccess>]
module Kind =

    /// What is expected, as the object of "expected …".
    let rec describe kind =
        let quoted words = words |> List.map (fun word -> $"'{word}'") |> String.concat ", "

        match kind with
        | Kind.Real interval -> Interval.describe interval
        | Kind.RealOrWord(interval, words) -> $"{Interval.describe interval}, or {quoted words}"
        | Kind.Whole(low, high) when high = int64 Int32.MaxValue || high = Int64.MaxValue ->
            $"a whole number, at least {low}"
        | Kind.Whole(low, high) -> $"a whole number from {low} to {high}"
        | Kind.WholeOrWord(low, high, words) -> $"{describe (Kind.Whole(low, high))}, or {quoted words}"
        | Kind.Truth -> "true or false"
        | Kind.Choice words -> $"one of {quoted words}"
        | Kind.Wholes(low, high) -> $"a list of whole numbers from {low} to {high}"
        | Kind.WholesOrWord(low, high, words) -> $"{describe (Kind.Wholes(low, high))}, or {quoted words}"
        | Kind.Names words -> $"one of {quoted words}, or a list of several"
        | Kind.Text -> "a text"
        | Kind.Layers -> "a list of layers"

    /// Names as one text: by itself, or a list of the language.
    let listed names =
        match names with
        | [ name ] -> name
        | names -> names |> String.concat ", " |> sprintf "[%s]"

    /// The names in such a text.
    let namesIn (text: string) : string list =
        if text.StartsWith '[' && text.EndsWith ']' then
            text.Substring(1, text.Length - 2).Split(',') |> Seq.map _.Trim() |> List.ofSeq
        else
            [ text ]

    let private number (text: string) =
        let plain (text: string) =
            match Double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture) with
            | true, number when Double.IsFinite number -> Some number
            | _ -> None

        if text.EndsWith '%' then
            plain (text.Substring(0, text.Length - 1)) |> Option.map (fun percent -> percent / 100.0)
        else
            plain text

    let private real interval text =
        number text |> Option.filter (Interval.contains interval) |> Option.map Value.Real

    let private whole low high (text: string) =
        match Int64.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture) with
        | true, whole when low <= whole && whole <= high -> Some whole
        | _ -> None

    let private wholes low high (text: string) =
        let inner =
            if text.StartsWith '[' && text.EndsWith ']' then
                text.Substring(1, text.Length - 2)
            else
                text

        let numbers = inner.Split ',' |> List.ofArray |> List.map (fun number -> whole low high (number.Trim()))

        if List.forall Option.isSome numbers then
            Some(Value.Wholes(List.choose id numbers))
        else
            None

    /// Reads the text of a scalar. A percentage ("10%") is a real number like any other.
    let rec read kind (text: string) : Value option =
        match kind with
        | Kind.Real interval -> real interval text
        | Kind.RealOrWord(_, words) when List.contains text words -> Some(Value.Word text)
        | Kind.RealOrWord(interval, _) -> real interval text
        | Kind.Whole(low, high) -> whole low high text |> Option.map Value.Whole
        | Kind.WholeOrWord(_, _, words) when List.contains text words -> Some(Value.Word text)
        | Kind.WholeOrWord(low, high, _) -> read (Kind.Whole(low, high)) text
        | Kind.Truth ->
            match text with
            | "true" -> Some(Value.Truth true)
            | "false" -> Some(Value.Truth false)
            | _ -> None
        | Kind.Choice words -> words |> List.tryFind ((=) text) |> Option.map Value.Word
        | Kind.Wholes(low, high) -> wholes low high text
        | Kind.WholesOrWord(_, _, words) when List.contains text words -> Some(Value.Word text)
        | Kind.WholesOrWord(low, high, _) -> wholes low high text
        | Kind.Names words ->
            let names = namesIn text
            let areKnown = names |> List.forall (fun name -> List.contains name words)

            if not names.IsEmpty && areKnown && (List.distinct names).Length = names.Length then
                Some(Value.Word(listed names))
            else
                None
        | Kind.Text when String.IsNullOrWhiteSpace text || String.exists Char.IsControl text -> None
        | Kind.Text -> Some(Value.Word text)
        // What is in it is read where layers are known.
        | Kind.Layers when text.StartsWith '[' && text.EndsWith ']' -> Some(Value.Word text)
        | Kind.Layers -> None

/// One parameter of a component: its name in the language, its range, its default and what it means.
type Parameter = { Name: string; Kind: Kind; Default: Value; Meaning: string }

/// Values for the parameters of one component, by name. A parameter that is missing has its default.
type Arguments = Map<string, Value>

/// A description of parameters together with the way to read them: the language, the help pages and the
/// constructor of a component all come from one value of this type. Build it with `settings { … }`.
type Settings<'value> = { Parameters: Parameter list; Read: Arguments -> 'value }

[<RequireQualifiedAccess>]
module Setting =

    let private define name kind initial meaning (project: Value -> 'value) =
        let parameter = { Name = name; Kind = kind; Default = initial; Meaning = meaning }

        { Parameters = [ parameter ]
          Read = Map.tryFind name >> Option.defaultValue initial >> project }

    let private mistyped name value =
        invalidOp $"the parameter '{name}' cannot be '{value}': arguments are typed where they are parsed"

    /// A real number in an interval.
    let real name interval (initial: float) meaning =
        define name (Kind.Real interval) (Value.Real initial) meaning (function
            | Value.Real number -> number
            | other -> mistyped name other)

    /// A ratio in [0, 1].
    let ratio name initial meaning = real name (Interval.closed 0.0 1.0) initial meaning

    /// A real number in an interval, or a word (`Error word`) that stands for another choice.
    let realOrWord name interval words (initial: string) meaning =
        define name (Kind.RealOrWord(interval, words)) (Value.Word initial) meaning (function
            | Value.Real number -> Ok number
            | Value.Word word -> Error word
            | other -> mistyped name other)

    /// The same with a number for its default.
    let numberOrWord name interval words (initial: float) meaning =
        define name (Kind.RealOrWord(interval, words)) (Value.Real initial) meaning (function
            | Value.Real number -> Ok number
            | Value.Word word -> Error word
            | other -> mistyped name other)

    /// A whole number from `low` to `high`, both included.
    let whole name (low: int) (high: int) (initial: int) meaning =
        define name (Kind.Whole(int64 low, int64 high)) (Value.Whole(int64 initial)) meaning (function
            | Value.Whole number -> int number
            | other -> mistyped name other)

    /// A whole number, or a word (`Error word`) that stands for another choice.
    let wholeOrWord name (low: int) (high: int) words (initial: string) meaning =
        define name (Kind.WholeOrWord(int64 low, int64 high, words)) (Value.Word initial) meaning (function
            | Value.Whole number -> Ok(int number)
            | Value.Word word -> Error word
            | other -> mistyped name other)

    /// One or more whole numbers from `low` to `high`, both included.
    let wholes name low high initial meaning =
        define name (Kind.Wholes(low, high)) (Value.Wholes initial) meaning (function
            | Value.Wholes numbers -> numbers
            | other -> mistyped name other)

    /// One or more whole numbers, or a word (`Error word`) that stands for another choice.
    let wholesOrWord name low high words (initial: string) meaning =
        define name (Kind.WholesOrWord(low, high, words)) (Value.Word initial) meaning (function
            | Value.Wholes numbers -> Ok numbers
            | Value.Word word -> Error word
            | other -> mistyped name other)

    /// Yes or no.
    let truth name initial meaning =
        define name Kind.Truth (Value.Truth initial) meaning (function
            | Value.Truth truth -> truth
            | other -> mistyped name other)

    /// One of several words.
    let choice name words initial meaning =
        define name (Kind.Choice words) (Value.Word initial) meaning (function
            | Value.Word word -> word
            | other -> mistyped name other)

    /// One of some words, or several.
    let names name words (initial: string) meaning =
        define name (Kind.Names words) (Value.Word initial) meaning (function
            | Value.Word names -> Kind.namesIn names
            | other -> mistyped name other)

    /// A text that is not empty, such as a path.
    let text name initial meaning =
        define name Kind.Text (Value.Word initial) meaning (function
            | Value.Word text -> text
            | other -> mistyped name other)

    /// A list of layers, which `read` makes of its text.
    let layers name initial meaning (read: string -> 'layers) =
        define name Kind.Layers (Value.Word initial) meaning (function
            | Value.Word text -> read text
            | other -> mistyped name other)

    /// No parameters at all.
    let none value = { Parameters = []; Read = fun _ -> value }

/// `settings { let! rho = … and! alpha = … return … }`: parameters are known without reading any value.
type SettingsBuilder() =
    member _.BindReturn(settings: Settings<'a>, project: 'a -> 'b) =
        { Parameters = settings.Parameters; Read = settings.Read >> project }

    member _.MergeSources(first: Settings<'a>, second: Settings<'b>) =
        { Parameters = first.Parameters @ second.Parameters
          Read = fun arguments -> first.Read arguments, second.Read arguments }

    member _.Return value = Setting.none value

[<AutoOpen>]
module SettingsBuilder =
    let settings = SettingsBuilder()
