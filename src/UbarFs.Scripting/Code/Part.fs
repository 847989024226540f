namespace UbarFs.Scripting

open System
open UbarFs.Core
open UbarFs.Scenario

/// How what a user's code does wrong is told.
type internal Telling =
    {
        /// The exception for one that the code threw while it was asked for something ("its tolerance"; empty for the
        /// rule or the attack itself).
        Thrown: string -> exn -> exn
        /// The exception for what is wrong with something that the code gave, out of functions that may be to blame.
        Breach: obj list -> string -> exn
    }

[<RequireQualifiedAccess>]
module internal Telling =

    /// Asks the code for something, and looks at what it gives.
    let asked
        (telling: Telling)
        what
        (codes: obj list)
        (question: unit -> 'answer)
        (wrong: 'answer -> string option)
        : 'answer =
        let answer =
            try
                question ()
            with error ->
                raise (telling.Thrown what error)

        match wrong answer with
        | Some problem -> raise (telling.Breach codes problem)
        | None -> answer

/// What of a run a script can define.
type internal Part<'value> =
    {
        /// What the language calls it; it is also the name of the value that a script defines.
        Word: string
        /// How a script defines it, for hints.
        Example: string
        /// The types of values that define one.
        Types: Type list
        /// The component that a value of one of these types defines, under this name if it has none of its own.
        Read: string -> obj -> Component<'value>
        /// The same value, with every function of the code asked through `Telling.asked`.
        Guarded: Telling -> 'value -> 'value
    }

/// Rules whose functions are asked with care.
module internal GuardedRule =

    /// What is asked at once, so that what fails for every network is told before anything runs.
    let private probed (rule: Rule) =
        for neighbours in [ 1; 2; 5; 10 ] do
            let tolerated = rule.Tolerance 0.4 neighbours

            match rule.Update with
            | Update.Guf alpha -> alpha neighbours |> ignore
            | Update.Mixed
            | Update.Replaced -> ()

            rule.Kappa |> Option.iter (fun kappa -> kappa neighbours tolerated |> ignore)

        rule

    let create (telling: Telling) (rule: Rule) : Rule =
        let asked what (code: obj) question wrong = Telling.asked telling what [ code ] question wrong

        match Contract.rule rule with
        | Some problem -> raise (telling.Breach [] problem)
        | None ->
            { rule with
                Reference =
                    fun view -> asked "" rule.Reference (fun () -> rule.Reference view) (Contract.aggregate rule view)
                Network =
                    rule.Network
                    |> Option.map (fun network view ->
                        asked "" network (fun () -> network view) (Contract.networkAggregate rule view))
                Update =
                    match rule.Update with
                    | Update.Mixed -> Update.Mixed
                    | Update.Replaced -> Update.Replaced
                    | Update.Guf alpha ->
                        Update.Guf(fun neighbours ->
                            asked "its α" alpha (fun () -> alpha neighbours) (Contract.alpha neighbours))
                Tolerance =
                    fun benignRatio neighbours ->
                        asked
                            "its tolerance"
                            rule.Tolerance
                            (fun () -> rule.Tolerance benignRatio neighbours)
                            (Contract.tolerance neighbours)
                Kappa =
                    rule.Kappa
                    |> Option.map (fun kappa neighbours byzantine ->
                        asked
                            "its κ"
                            kappa
                            (fun () -> kappa neighbours byzantine)
                            (Contract.kappa neighbours byzantine))
                Assumes =
                    rule.Assumes
                    |> Option.map (fun assumes headcount ->
                        asked "what it assumes" assumes (fun () -> assumes headcount) (fun _ -> None))
                Objection =
                    rule.Objection
                    |> Option.map (fun objection headcount ->
                        asked "its objection" objection (fun () -> objection headcount) (fun _ -> None)) }
            |> probed

/// Stages whose functions are asked with care.
module internal GuardedStage =

    let create (telling: Telling) (stage: PipelineStage) : PipelineStage =
        let asked what (code: obj) question wrong = Telling.asked telling what [ code ] question wrong

        match Contract.pipelineStage stage with
        | Some problem -> raise (telling.Breach [] problem)
        | None ->
            let counted neighbours =
                asked "its count" stage.Count (fun () -> stage.Count neighbours) (Contract.tolerance neighbours)

            let tolerated ratio neighbours =
                asked
                    "its tolerance"
                    stage.Tolerance
                    (fun () -> stage.Tolerance ratio neighbours)
                    (Contract.tolerance neighbours)

            // What fails for every network is told before anything runs.
            for neighbours in [ 1; 2; 5; 10 ] do
                counted neighbours |> ignore
                tolerated 0.4 neighbours |> ignore

            { stage with
                Reference =
                    fun view -> asked "" stage.Reference (fun () -> stage.Reference view) (Contract.prepared stage view)
                // A form for all nodes that a script brings is not needed, and not looked at.
                Network = None
                Count = counted
                Tolerance = tolerated }

/// Attacks whose functions are asked with care.
module internal GuardedAttack =

    let private adversary (telling: Telling) (adversary: Adversary<'knowledge>) : Adversary<'knowledge> =
        let asked what codes question wrong = Telling.asked telling what codes question wrong
        let present _ = None

        // What the knowledge leads to is worked out once for all nodes, before any state is asked for.
        let together what knowledge (call: 'knowledge -> OwnState -> 'answer) wrong =
            let each = asked what [ box call ] (fun () -> call knowledge) present
            fun state -> asked what [ box each; box call ] (fun () -> each state) (wrong state)

        let receivers state answer =
            match answer with
            | Sent.Each toReceiver ->
                Sent.Each(fun receiver ->
                    asked "" [ box toReceiver ] (fun () -> toReceiver receiver) (Contract.vector state))
            | others -> others

        if isNull (box adversary) || isNull (box adversary.Send) || isNull (box adversary.Remember) then
            raise (telling.Breach [] "the adversary, or a function of it, is null")

        { Send =
            fun knowledge ->
                let send = together "" knowledge adversary.Send Contract.sent
                fun state -> receivers state (send state)
          Remember = fun knowledge -> together "its memory" knowledge adversary.Remember (fun _ -> Contract.memory) }

    let create (telling: Telling) attack =
        match attack with
        | Attack.Absent -> Attack.Absent
        | Attack.Present behaviour ->
            match Contract.behaviour behaviour with
            | Some problem -> raise (telling.Breach [] problem)
            | None -> ()

            let asked what (code: obj) question wrong = Telling.asked telling what [ code ] question wrong

            let strategy =
                match behaviour.Strategy with
                | Strategy.OwnState own -> Strategy.OwnState(adversary telling own)
                | Strategy.NeighboursMessages own -> Strategy.NeighboursMessages(adversary telling own)
                | Strategy.Colluding own -> Strategy.Colluding(adversary telling own)
                | Strategy.Omniscient own -> Strategy.Omniscient(adversary telling own)
                | Strategy.Rehearsing own -> Strategy.Rehearsing(adversary telling own)

            Attack.Present
                { behaviour with
                    Strategy = strategy
                    Label =
                        fun classes label ->
                            asked
                                "its labels"
                                behaviour.Label
                                (fun () -> behaviour.Label classes label)
                                (Contract.label classes label)
                    Objection =
                        fun network nodes ->
                            asked
                                "its objection"
                                behaviour.Objection
                                (fun () -> behaviour.Objection network nodes)
                                (fun _ -> None)
                    Feebleness =
                        fun network ->
                            asked
                                "its feebleness"
                                behaviour.Feebleness
                                (fun () -> behaviour.Feebleness network)
                                (fun _ -> None) }

[<RequireQualifiedAccess>]
module internal Part =

    let private ofSettings name word (settings: Settings<'value>) =
        Define.Named name settings |> Component.describedBy $"your own {word}" "" "a script"

    let rule: Part<Rule> =
        { Word = "rule"
          Example = "let rule = Rule.aggregating 0.5 (fun view -> Aggregate.ofEstimate (Estimate.mean view.Received))"
          Types = [ typeof<Component<Rule>>; typeof<Settings<Rule>>; typeof<Rule> ]
          Read =
            fun name value ->
                match value with
                | :? Component<Rule> as component' -> component'
                | :? Settings<Rule> as settings -> ofSettings name "rule" settings
                | value -> ofSettings name "rule" (Setting.none (unbox<Rule> value))
          Guarded = GuardedRule.create }

    let stage: Part<PipelineStage> =
        { Word = "stage"
          Example = "let stage = PipelineStage.preparing (fun view -> Prepared.oneByOne (0.5 * view.Received))"
          Types =
            [ typeof<Component<PipelineStage>>
              typeof<Settings<PipelineStage>>
              typeof<PipelineStage> ]
          Read =
            fun name value ->
                match value with
                | :? Component<PipelineStage> as component' -> component'
                | :? Settings<PipelineStage> as settings -> ofSettings name "stage" settings
                | value -> ofSettings name "stage" (Setting.none (unbox<PipelineStage> value))
          Guarded = GuardedStage.create }

    /// Settings that never make an attack out of nothing.
    let private present (settings: Settings<Behaviour>) : Settings<Behaviour> =
        let checked' behaviour =
            match Contract.behaviour behaviour with
            | Some problem -> raise (Thrown.Breach($"the attack: {problem}", []))
            | None -> behaviour

        { settings with Read = settings.Read >> checked' }

    let attack: Part<Attack> =
        { Word = "attack"
          Example = "let attack = Attack.alone (fun state -> Sent.Everyone(state.Estimate.neg ()))"
          Types =
            [ typeof<Component<Behaviour>>
              typeof<Settings<Behaviour>>
              typeof<Behaviour>
              typeof<Component<Attack>> ]
          Read =
            fun name value ->
                match value with
                | :? Component<Attack> as component' -> component'
                | :? Component<Behaviour> as component' ->
                    Attack.timed { component' with Settings = present component'.Settings }
                | :? Settings<Behaviour> as settings -> Attack.timed (ofSettings name "attack" (present settings))
                | value -> Attack.timed (ofSettings name "attack" (present (Setting.none (unbox<Behaviour> value))))
          Guarded = GuardedAttack.create }

    /// The component with everything that its code does wrong told by a diagnostic. `thrown` tells of an exception, given
    /// in what of the code it came up.
    let guarded (part: Part<'value>) (thrown: string -> exn -> Diagnostic) (component': Component<'value>) =
        let translated what (error: exn) : exn =
            match error with
            | CodeException _ -> error
            | _ -> CodeException(thrown what error, error)

        let telling =
            { Thrown = translated
              Breach = fun code problem -> translated "" (Thrown.Breach($"the {part.Word}: {problem}", code)) }

        let read arguments =
            let value =
                try
                    component'.Settings.Read arguments
                with error ->
                    raise (translated "" error)

            part.Guarded telling value

        { component' with Settings = { component'.Settings with Read = read } }
