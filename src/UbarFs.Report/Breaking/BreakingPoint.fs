namespace UbarFs.Report

/// What a search for breaking points goes through.
type BreakingQuestion =
    {
        Attacks: string list
        /// How many Byzantine ratios there are, ascending, behind place 0: the places 1, 2, …
        Places: int
        /// At least `Interval.fewest`; the first alone decides where to look closer.
        Seeds: int64 list
        /// The accuracy of guessing.
        Chance: float
        Sample: Sample option
    }

/// A rule at a place under the attack that hurts it most there, with all seeds.
type Confirmed = { Place: int; Attack: string; Comparison: Comparison; Verdict: Verdict }

/// Where a rule begins to do as badly as some standing.
type Threshold =
    {
        /// The largest place up to which it is decided that it does better.
        Holds: Confirmed option
        /// The smallest place from which it is decided that it does as badly; none up to the last one.
        Falls: Confirmed option
        /// The places between, ascending, that all seeds leave open.
        Open: Confirmed list
    }

/// What the search found of a rule.
[<RequireQualifiedAccess>]
type Finding =
    | Points of degraded: Threshold * destroyed: Threshold
    /// There are no results to go by.
    | NoResult of reason: string
    /// The search has not come to an end: it asks for more runs at these places.
    | Unfinished of places: int list

/// The search for the Byzantine ratios at which a rule is degraded and destroyed. It takes for granted that more liars hurt
/// more. A bisection with one seed, under all attacks, says where to look; there all seeds decide, under the attack that
/// is left of the others by successive halving; and where they decide otherwise, it looks beside.
[<RequireQualifiedAccess>]
module BreakingPoint =

    exception private WithoutResultException of string

    /// How a rule does at a place under some attacks with the first seeds: the shares kept of each, the lowest first.
    let private look answer rule place (attacks: string list) (seeds: int64 list) : Search<(string * Pair list) list> =
        let ofAttack attack =
            let answers =
                seeds
                |> List.map (fun seed ->
                    let probe = { Rule = rule; Attack = attack; Place = place; Seed = seed }
                    probe, answer probe)

            let without =
                answers
                |> List.tryPick (function
                    | _, Answer.Without reason -> Some reason
                    | _ -> None)

            let unknown = answers |> List.filter (fun (_, answer) -> answer = Answer.Unknown) |> List.map fst

            match without, unknown with
            | Some reason, _ -> Search.Found(Error reason)
            | None, _ :: _ -> Search.Needs unknown
            | None, [] ->
                let pairs =
                    answers
                    |> List.choose (function
                        | _, Answer.Measured pair -> Some pair
                        | _ -> None)

                Search.Found(Ok(attack, pairs))

        // An attack that cannot run at a place says nothing; if none can, there is nothing to go by.
        Search.all (List.map ofAttack attacks)
        |> Search.map (fun results ->
            match results |> List.choose Result.toOption, results with
            | [], Error reason :: _ -> raise (WithoutResultException reason)
            | found, _ -> found)

    let private kept (question: BreakingQuestion) (pairs: Pair list) =
        pairs |> List.map _.Kept(question.Chance) |> Interval.median

    let private attacksAt (question: BreakingQuestion) place =
        if place = 0 then
            List.truncate 1 question.Attacks
        else
            question.Attacks

    let private weakestFirst question results =
        results |> List.sortBy (fun (attack: string, pairs) -> kept question pairs, attack)

    let private standing share =
        if share < Comparison.destroyedBelow then Standing.Destroyed
        elif share < Comparison.asGoodFrom then Standing.Degraded
        else Standing.AsGood

    /// Whether one seed does as badly as that under any attack.
    let private seemsToFall answer (question: BreakingQuestion) rule limit place =
        look answer rule place (attacksAt question place) [ List.head question.Seeds ]
        |> Search.map (List.exists (fun (_, pairs) -> standing (kept question pairs) <= limit))

    /// The smallest place from which on it seems to fall; the number of places if there is none.
    let private bisect answer (question: BreakingQuestion) rule limit first : Search<int> =
        let rec between low high =
            search {
                if low = high then
                    return low
                else
                    let middle = (low + high) / 2
                    let! falls = seemsToFall answer question rule limit middle

                    return!
                        if falls then
                            between low middle
                        else
                            between (middle + 1) high
            }

        between first (question.Places + 1)

    /// The attack that hurts most: half of them go on with twice as many seeds, until one is left with all.
    let private confirm answer (question: BreakingQuestion) rule place : Search<Confirmed> =
        let rec halve attacks count =
            search {
                let! results = look answer rule place attacks (List.truncate count question.Seeds)

                match weakestFirst question results with
                | (attack, pairs) :: _ when pairs.Length = question.Seeds.Length && results.Length = 1 ->
                    let comparison = Comparison.ofPairs question.Chance question.Sample pairs

                    return
                        { Place = place
                          Attack = attack
                          Comparison = comparison
                          Verdict = Verdict.ofComparison question.Sample comparison }
                | [ attack, _ ] -> return! halve [ attack ] question.Seeds.Length
                | several ->
                    let half = several |> List.map fst |> List.truncate ((several.Length + 1) / 2)
                    return! halve half (min question.Seeds.Length (2 * count))
            }

        halve (attacksAt question place) 1

    [<RequireQualifiedAccess>]
    type private Decision =
        | Falls
        | Holds
        | Open

    let private decide limit (confirmed: Confirmed) =
        let possible = confirmed.Verdict.Possible

        if possible |> List.forall (fun standing -> standing <= limit) then
            Decision.Falls
        elif possible |> List.forall (fun standing -> standing > limit) then
            Decision.Holds
        else
            Decision.Open

    /// From a guess upwards to a place where it falls, and downwards from the guess to one where it holds.
    let private threshold answer (question: BreakingQuestion) rule limit first : Search<Threshold> =
        let rec upwards place =
            search {
                if place > question.Places then
                    return None
                else
                    let! confirmed = confirm answer question rule place

                    match decide limit confirmed with
                    | Decision.Falls -> return Some confirmed
                    | Decision.Holds
                    | Decision.Open -> return! upwards (place + 1)
            }

        // What is open above a place where it falls is not told: more liars hurt more.
        let rec downwards place falls left =
            search {
                if place < 0 then
                    return { Holds = None; Falls = falls; Open = left }
                else
                    let! confirmed = confirm answer question rule place

                    match decide limit confirmed with
                    | Decision.Falls -> return! downwards (place - 1) (Some confirmed) []
                    | Decision.Holds -> return { Holds = Some confirmed; Falls = falls; Open = left }
                    | Decision.Open -> return! downwards (place - 1) falls (confirmed :: left)
            }

        search {
            let! guess = bisect answer question rule limit first
            let! falls = upwards guess
            let start = falls |> Option.map _.Place |> Option.defaultValue (question.Places + 1)
            return! downwards (start - 1) falls []
        }

    /// What is found of a rule so far, or which runs come next.
    let find (answer: Probe -> Answer) (question: BreakingQuestion) (rule: string) : Search<Finding> =
        try
            search {
                let! degraded = threshold answer question rule Standing.Degraded 0

                let first = degraded.Falls |> Option.map _.Place |> Option.defaultValue (question.Places + 1)

                let! destroyed =
                    match degraded.Falls with
                    | None -> Search.Found { Holds = degraded.Holds; Falls = None; Open = [] }
                    | Some _ -> threshold answer question rule Standing.Destroyed first

                return Finding.Points(degraded, destroyed)
            }
        with WithoutResultException reason ->
            Search.Found(Finding.NoResult reason)
