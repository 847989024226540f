namespace UbarFs.Report

/// One run that a search may ask for: a rule under an attack, at a place in the list of Byzantine ratios, with a seed. At
/// place 0 nobody lies, and the attack does not count.
type Probe = { Rule: string; Attack: string; Place: int; Seed: int64 }

/// What is known of a probe.
[<RequireQualifiedAccess>]
type Answer =
    /// The seed under the rule and under the baseline.
    | Measured of Pair
    | Unknown
    /// There will be no result, for this reason.
    | Without of string

/// A question whose answer may need runs that were not done yet.
[<RequireQualifiedAccess>]
type Search<'answer> =
    | Found of 'answer
    | Needs of Probe list

[<RequireQualifiedAccess>]
module Search =

    let bind (next: 'one -> Search<'other>) (search: Search<'one>) : Search<'other> =
        match search with
        | Search.Found answer -> next answer
        | Search.Needs probes -> Search.Needs probes

    let map (change: 'one -> 'other) search = bind (change >> Search.Found) search

    /// All the answers; what any of them needs is asked for at once.
    let all (searches: Search<'answer> list) : Search<'answer list> =
        let needs =
            searches
            |> List.collect (function
                | Search.Needs probes -> probes
                | Search.Found _ -> [])

        if needs.IsEmpty then
            searches
            |> List.choose (function
                | Search.Found answer -> Some answer
                | Search.Needs _ -> None)
            |> Search.Found
        else
            Search.Needs(List.distinct needs)

    type Builder() =
        member _.Bind(search, next) = bind next search
        member _.Return answer = Search.Found answer
        member _.ReturnFrom(search: Search<_>) = search

[<AutoOpen>]
module SearchBuilder =

    /// Searches in steps.
    let search = Search.Builder()
