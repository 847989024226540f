/// Types, members and their documentation as text, read off assemblies and the XML files beside them.
[<RequireQualifiedAccess>]
module internal UbarFs.Scripting.ApiText

open System
open System.Collections.Generic
open System.IO
open System.Reflection
open System.Text.RegularExpressions
open System.Xml.Linq
open Microsoft.FSharp.Core
open Microsoft.FSharp.Reflection

// ---- Documentation

let private documents = Dictionary<string, Map<string, XElement>>()

let private documentOf (assembly: Assembly) : Map<string, XElement> =
    let path = Path.ChangeExtension(assembly.Location, ".xml")

    match documents.TryGetValue path with
    | true, known -> known
    | false, _ ->
        let read =
            [ for element in XDocument.Load(path).Descendants "member" do
                  match element.Attribute "name" with
                  | null -> ()
                  | name -> name.Value, element ]
            |> Map.ofList

        documents[path] <- read
        read

let private blank = Regex(@"\s+", RegexOptions.CultureInvariant)

let private cref (reference: string) =
    let whole = reference.Substring(reference.IndexOf ':' + 1).Split '(' |> Array.head
    let parts: string[] = whole.Split '.'
    // A member is named with its type.
    let count = if reference.StartsWith "T:" then 1 else 2
    let named = parts |> Array.skip (parts.Length - count) |> String.concat "."
    $"`{named}`"

let rec private markdown (node: XNode) : string =
    match node with
    | :? XText as text -> text.Value
    | :? XElement as element ->
        let inner () = element.Nodes() |> Seq.map markdown |> String.concat ""

        match element.Name.LocalName, element.Attribute "cref", element.Attribute "name" with
        | ("see" | "seealso"), reference, _ when not (isNull reference) -> cref (nonNull reference).Value
        | ("paramref" | "typeparamref"), _, name when not (isNull name) -> (nonNull name).Value
        | ("c" | "code"), _, _ -> $"`{inner ()}`"
        | "para", _, _ -> $" {inner ()} "
        | "param", _, name when not (isNull name) -> $" {(nonNull name).Value}: {inner ()}"
        | _ -> inner ()
    | _ -> ""

let private tidy (text: string) = blank.Replace(text, " ").Trim()

/// What is said of something by its name in the XML file; empty if nothing is. A method's name is followed by the types
/// of its parameters there, which nobody has to write.
let documentation (assembly: Assembly) (name: string) : string =
    let document = documentOf assembly

    let found =
        match document.TryFind name with
        | Some found -> Some found
        | None ->
            document
            |> Seq.tryFind (fun entry -> entry.Key.StartsWith(name + "(") || entry.Key.StartsWith(name + "``"))
            |> Option.map _.Value

    match found with
    | Some element ->
        element.Elements()
        |> Seq.filter (fun part -> List.contains part.Name.LocalName [ "summary"; "param"; "remarks" ])
        |> Seq.map markdown
        |> String.concat " "
        |> tidy
    | None -> ""

let private idOf (owner: Type) = (string owner.FullName).Replace('+', '.')

let ofType (owner: Type) = documentation owner.Assembly $"T:{idOf owner}"
let ofProperty (owner: Type) (name: string) = documentation owner.Assembly $"P:{idOf owner}.{name}"
let ofMethod (owner: Type) (name: string) = documentation owner.Assembly $"M:{idOf owner}.{name}"
let ofField (owner: Type) (name: string) = documentation owner.Assembly $"F:{idOf owner}.{name}"
let ofCase (owner: Type) (name: string) = documentation owner.Assembly $"T:{idOf owner}.{name}"

// ---- Types

let private plain =
    dict
        [ typeof<float>, ("float", "double")
          typeof<float32>, ("float32", "float")
          typeof<int>, ("int", "int")
          typeof<int64>, ("int64", "long")
          typeof<uint32>, ("uint32", "uint")
          typeof<bool>, ("bool", "bool")
          typeof<string>, ("string", "string")
          typeof<unit>, ("unit", "void")
          typeof<Void>, ("unit", "void")
          typeof<obj>, ("obj", "object") ]

/// A type's name without its namespace and the number of its parameters.
let nameOf (kind: Type) : string =
    let name = kind.Name.Split('`')[0]

    if name.EndsWith "Module" && FSharpType.IsModule kind then
        name.Substring(0, name.Length - 6)
    else
        name

/// As F# writes it.
let rec fsharp (kind: Type) : string =
    match plain.TryGetValue kind with
    | true, (name, _) -> name
    | false, _ when kind.IsGenericParameter -> $"'{kind.Name}"
    | false, _ when FSharpType.IsFunction kind ->
        let from, result = FSharpType.GetFunctionElements kind

        let source =
            if FSharpType.IsFunction from then
                $"({fsharp from})"
            else
                fsharp from

        $"{source} -> {fsharp result}"
    | false, _ when FSharpType.IsTuple kind -> FSharpType.GetTupleElements kind |> Seq.map inner |> String.concat " * "
    | false, _ when kind.IsArray -> $"{inner (nonNull (kind.GetElementType()))}[]"
    | false, _ when kind.IsGenericType ->
        let arguments = kind.GetGenericArguments() |> Array.map fsharp
        let postfix word = $"{inner (Array.head (kind.GetGenericArguments()))} {word}"

        match nameOf kind, arguments with
        | "FSharpOption", [| _ |] -> postfix "option"
        | "FSharpList", [| _ |] -> postfix "list"
        | "FSharpMap", _ -> $"""Map<{String.concat ", " arguments}>"""
        | "FSharpResult", _ -> $"""Result<{String.concat ", " arguments}>"""
        | "IEnumerable", [| _ |] -> postfix "seq"
        | name, _ -> $"""{name}<{String.concat ", " arguments}>"""
    | _ -> nameOf kind

and private inner kind =
    let text = fsharp kind

    if text.Contains "->" || text.Contains " * " then
        $"({text})"
    else
        text

/// As C# writes it.
let rec csharp (kind: Type) : string =
    match plain.TryGetValue kind with
    | true, (_, name) -> name
    | false, _ when kind.IsArray -> $"{csharp (nonNull (kind.GetElementType()))}[]"
    | false, _ when kind.IsGenericType ->
        let arguments = kind.GetGenericArguments() |> Seq.map csharp |> String.concat ", "
        $"{nameOf kind}<{arguments}>"
    | _ -> nameOf kind

// ---- Functions

let private sourceName (method: MethodInfo) =
    match method.GetCustomAttribute<CompilationSourceNameAttribute>() |> box with
    | :? CompilationSourceNameAttribute as source -> source.SourceName
    | _ -> method.Name

/// The function of a module with its type: `Estimate.rows: selected: int[] -> estimates: Tensor -> Tensor`.
let signature (owner: Type) (method: MethodInfo) : string =
    let written (parameter: ParameterInfo) =
        let text = fsharp parameter.ParameterType
        let text = if text.Contains "->" then $"({text})" else text
        $"{parameter.Name}: {text}"

    let groups =
        match method.GetCustomAttribute<CompilationArgumentCountsAttribute>() |> box with
        | :? CompilationArgumentCountsAttribute as counts ->
            let parameters = Queue(method.GetParameters())
            [ for count in counts.Counts -> [| for _ in 1..count -> parameters.Dequeue() |] ]
        | _ ->
            match method.GetParameters() with
            | [||] -> []
            | [| _ |] as one -> [ one ]
            | several when FSharpType.IsModule owner -> several |> Array.map Array.singleton |> List.ofArray
            | several -> [ several ]

    let parameters = groups |> List.map (Array.map written >> String.concat " * ")

    String.concat " -> " (parameters @ [ fsharp method.ReturnType ])
    |> sprintf "%s.%s: %s" (nameOf owner) (sourceName method)
