namespace UbarFs.Report

open System

/// What the figures' style sheet says of an element: so much of CSS as `figure.css` uses, which is selectors of an element
/// and classes.
[<RequireQualifiedAccess>]
module Sheet =

    type private Rule =
        { Element: string option
          Classes: Set<string>
          Declarations: (string * string) list }

    let private selector (text: string) =
        match text.Trim().Split '.' |> List.ofArray with
        | element :: classes -> (if element = "" then None else Some element), Set.ofList classes
        | [] -> None, Set.empty

    let private declaration (text: string) =
        match text.IndexOf ':' with
        | -1 -> None
        | at -> Some(text.Substring(0, at).Trim(), text.Substring(at + 1).Trim())

    let private parse (sheet: string) =
        [ for block in sheet.Split('}', StringSplitOptions.TrimEntries ||| StringSplitOptions.RemoveEmptyEntries) do
              let at = block.IndexOf '{'
              let declarations = block.Substring(at + 1).Split ';' |> List.ofArray |> List.choose declaration

              for text in block.Substring(0, at).Split ',' do
                  let element, classes = selector text
                  { Element = element; Classes = classes; Declarations = declarations } ]

    let private rules = lazy (parse (Style.figure ()))

    let private applies element classes (rule: Rule) =
        (rule.Element.IsNone || rule.Element = Some element) && Set.isSubset rule.Classes classes

    let private resolve (element: string, classes: string) : Map<string, string> =
        let own = classes.Split(' ', StringSplitOptions.RemoveEmptyEntries) |> Set.ofArray

        rules.Value
        |> List.filter (applies element own)
        // The sort keeps the order of rules that are alike: the later one wins.
        |> List.sortBy (fun rule -> rule.Classes.Count, rule.Element.IsSome)
        |> List.collect _.Declarations
        |> Map.ofList

    let private known = Collections.Concurrent.ConcurrentDictionary<string * string, Map<string, string>>()

    /// The declarations for an element with classes, in the light colours.
    let declarations (element: string) (classes: string) : Map<string, string> =
        known.GetOrAdd((element, classes), resolve)
