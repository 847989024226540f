namespace UbarFs.Scenario

open System

/// What a wrong text should have been: in words, and as texts that could stand in its place.
type Correction =
    {
        Text: string
        Values: string list
        /// The key that they belong to, if it is another one.
        Key: string option
        /// What has to stand at other paths as well.
        Also: (string * string) list
    }

[<RequireQualifiedAccess>]
module Correction =

    let private either (texts: string list) = String.concat " or " texts

    let says text = { Text = text; Values = []; Key = None; Also = [] }

    /// Texts that need no quotes, such as numbers.
    let values texts = { says $"did you mean {either texts}?" with Values = texts }

    let words (texts: string list) =
        let quoted = texts |> List.map (fun text -> $"'{text}'")
        { says $"did you mean {either quoted}?" with Values = texts }

    /// Another key with a value.
    let entry key value =
        { says $"write '{key}: {value}' instead" with
            Values = [ value ]
            Key = Some key }

    let private bounds =
        Text.RegularExpressions.Regex @"^\s*(\d{1,9})\s*(?:-|–|\.\.\.?|:|to)\s*(\d{1,9})\s*$"

    /// The first and the last number of a range such as `1-5`.
    let ends (text: string) =
        let found = bounds.Match text

        if found.Success then
            let first, last = int found.Groups[1].Value, int found.Groups[2].Value
            if first <= last then Some(first, last) else None
        else
            None

    /// The numbers of a short range, with commas between them.
    let range text =
        match ends text with
        | Some(first, last) when last - first < 20 -> [ first..last ] |> List.map string |> String.concat ", " |> Some
        | _ -> None

    /// The diagnostic of a node with a correction as its hint. `key` is the key that the node belongs to.
    let apply (key: Span option) (node: Node) correction diagnostic =
        let fix value : Fix =
            [ match correction.Key, key with
              | Some other, Some key -> Change.Replace(key, other)
              | _ -> ()

              Change.Replace(node.Span, value)

              for path, value in correction.Also do
                  Change.Set(path, value) ]

        diagnostic |> Diagnostic.fixedBy (List.map fix correction.Values) correction.Text
