namespace UbarFs.Scripting

open System
open UbarFs.Core
open UbarFs.Scenario

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
        /// The same value, with what it throws translated.
        Guarded: (exn -> exn) -> 'value -> 'value
    }

[<RequireQualifiedAccess>]
module internal Part =

    let private ofSettings name word (settings: Settings<'value>) =
        Component.define name settings |> Component.describedBy $"a {word} of your own" "" "a script"

    let private translated (translate: exn -> exn) action =
        try
            action ()
        with error ->
            raise (translate error)

    let private guardedRule translate (rule: Rule) =
        let guarded call view = translated translate (fun () -> call view)

        { rule with
            Reference = guarded rule.Reference
            Network = rule.Network |> Option.map guarded
            OnDevice = rule.OnDevice |> Option.map guarded }

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
          Guarded = guardedRule }

    let private guardedAdversary translate (adversary: Adversary<'knowledge>) : Adversary<'knowledge> =
        let guarded call knowledge =
            let call = translated translate (fun () -> call knowledge)
            fun state -> translated translate (fun () -> call state)

        { Send = guarded adversary.Send; Remember = guarded adversary.Remember }

    let private guardedAttack translate attack =
        match attack with
        | Attack.Absent -> Attack.Absent
        | Attack.Present behaviour ->
            let strategy =
                match behaviour.Strategy with
                | Strategy.OwnState adversary -> Strategy.OwnState(guardedAdversary translate adversary)
                | Strategy.NeighboursMessages adversary ->
                    Strategy.NeighboursMessages(guardedAdversary translate adversary)
                | Strategy.Colluding adversary -> Strategy.Colluding(guardedAdversary translate adversary)
                | Strategy.Omniscient adversary -> Strategy.Omniscient(guardedAdversary translate adversary)

            Attack.Present { behaviour with Strategy = strategy }

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
                | :? Component<Behaviour> as component' -> Attack.timed component'
                | :? Settings<Behaviour> as settings -> Attack.timed (ofSettings name "attack" settings)
                | value -> Attack.timed (ofSettings name "attack" (Setting.none (unbox<Behaviour> value)))
          Guarded = guardedAttack }

    /// The component with everything that its code throws told by a diagnostic.
    let guarded (part: Part<'value>) (thrown: exn -> Diagnostic) (component': Component<'value>) : Component<'value> =
        let translate error =
            match error with
            | CodeException _ -> error
            | _ -> CodeException(thrown error, error)

        let read arguments =
            translated translate (fun () -> part.Guarded translate (component'.Settings.Read arguments))

        { component' with Settings = { component'.Settings with Read = read } }
