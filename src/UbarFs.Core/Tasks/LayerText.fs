/// Lists of layers as text: `[{ conv: { channels: 4, kernel: 3 } }, relu, { residual: [{ conv: 4 }] }]`.
[<RequireQualifiedAccess>]
module UbarFs.Core.LayerText

open System

/// A layer, with its parameters by name: values, and lists of layers as they are written.
type Item = { Name: string; Given: (string option * string) list }

/// Texts without what encloses them, at commas that no bracket encloses.
let private parts (text: string) : string list =
    let mutable depth, start = 0, 0

    [ for index in 0 .. text.Length - 1 do
          match text[index] with
          | '['
          | '{' -> depth <- depth + 1
          | ']'
          | '}' -> depth <- depth - 1
          | ',' when depth = 0 ->
              text.Substring(start, index - start).Trim()
              start <- index + 1
          | _ -> ()

      text.Substring(start).Trim() ]
    |> List.filter ((<>) "")

let private within (opening: char) (closing: char) (text: string) =
    let text = text.Trim()

    if text.Length >= 2 && text[0] = opening && text[text.Length - 1] = closing then
        Some(text.Substring(1, text.Length - 2))
    else
        None

/// `key: value`, or a value by itself.
let private pair (text: string) =
    let bracket = text.IndexOfAny [| '['; '{' |]

    match text.IndexOf ':' with
    | place when place > 0 && (bracket < 0 || bracket > place) ->
        Some(text.Substring(0, place).Trim()), text.Substring(place + 1).Trim()
    | _ -> None, text.Trim()

let private item (text: string) : Item =
    match within '{' '}' text |> Option.map pair with
    | Some(Some name, value) ->
        let given =
            match within '{' '}' value with
            | Some inner -> parts inner |> List.map pair
            | None -> [ None, value ]

        { Name = name; Given = given }
    | _ -> { Name = text.Trim(); Given = [] }

/// The layers of a list.
let items (text: string) : Item list =
    within '[' ']' text |> Option.map (parts >> List.map item) |> Option.defaultValue []

/// The layers that such a list says, each made of the catalogue's component of its name.
let read (catalogue: Component<'layer> list) (text: string) : 'layer list =
    let made (item: Item) =
        let component' =
            catalogue
            |> List.tryFind (fun component' -> component'.Name = item.Name)
            |> Option.defaultWith (fun () -> invalidArg (nameof text) $"there is no layer '{item.Name}'")

        let argument (name: string option, value: string) =
            let parameters = component'.Settings.Parameters

            let parameter =
                match name with
                | Some name -> parameters |> List.tryFind (fun parameter -> parameter.Name = name)
                | None -> List.tryHead parameters

            match
                parameter
                |> Option.bind (fun known -> Kind.read known.Kind value |> Option.map (fun v -> known.Name, v))
            with
            | Some argument -> argument
            | None -> invalidArg (nameof text) $"'{value}' is nothing that '{item.Name}' takes"

        component'.Settings.Read(item.Given |> List.map argument |> Map.ofList)

    items text |> List.map made
