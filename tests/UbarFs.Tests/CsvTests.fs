/// Laws of tables as comma-separated values: what is written is read again.
module UbarFs.Tests.CsvTests

open System
open System.IO
open Expecto
open FsCheck
open FsCheck.FSharp
open UbarFs.Engine
open UbarFs.Testing.Generators

// Formulas are defused on the way, which no reader undoes.
let private text =
    Gen.elements [ ","; "\""; "\n"; "a"; " "; "é"; "1"; "%"; "'"; "#" ]
    |> Gen.listOf
    |> Gen.map (String.concat "")

let private tables =
    gen {
        let! width = Gen.choose (1, 4)
        let! rows = text |> Gen.listOfLength width |> Gen.listOf
        return [ for column in 1..width -> $"column {column}" ], rows
    }

let private cells (headings: string list) (row: CsvRow) =
    headings |> List.map (fun heading -> row.TryCell heading |> Option.defaultValue "")

[<Tests>]
let tests =
    testList
        "csv"
        [ testProperty "a table is read as it was written"
          <| forAll tables (fun (headings, rows) ->
              let read = Csv.rows (Csv.table headings rows) |> List.map (cells headings)
              // An empty line is no row of a table with one column.
              read = (rows |> List.filter (fun row -> row <> [ "" ])))

          testProperty "numbers come back to the last bit"
          <| fun (NormalFloat number) ->
              let table = Csv.table [ "x" ] [ [ Csv.number number ] ]
              (Csv.rows table |> List.exactlyOne).TryNumber "x" = Some number

          testCase "so do numbers that are not finite"
          <| fun () ->
              for number in [ infinity; -infinity; nan ] do
                  let row = Csv.rows (Csv.table [ "x" ] [ [ Csv.number number ] ]) |> List.exactlyOne
                  Expect.equal (string (row.Number "x")) (string number) "the same"

          testProperty "a percentage is the number that it stands for"
          <| fun (NonNegativeInt percent) -> Csv.setting $"{percent}%%" = Csv.number (float percent / 100.0)

          testCase "no other setting changes"
          <| fun () ->
              for text in [ ""; "%"; "0.1"; "ubar"; "10%, 20%"; "{ random: 40% }"; "a%"; "10%%"; "[10%]" ] do
                  Expect.equal (Csv.setting text) text text

          testCase "a line that somebody is still writing is left out"
          <| fun () ->
              let rows = Csv.rows "a,b\n1,2\n3,"
              Expect.equal (rows |> List.map (cells [ "a"; "b" ])) [ [ "1"; "2" ] ] "whole lines"
              Expect.isEmpty (Csv.rows "a,b") "nor are headings whole"

          testCase "lines may end as on Windows, and a short one lacks its last cells"
          <| fun () ->
              let rows = Csv.rows "a,b\r\n1,2\r\n3\r\n"
              Expect.equal (rows |> List.map (cells [ "a"; "b" ])) [ [ "1"; "2" ]; [ "3"; "" ] ] "rows"

          testCase "what is no number says where it is"
          <| fun () ->
              let row = Csv.rows "a\nx\n" |> List.exactlyOne
              Expect.throwsT<InvalidDataException> (fun () -> row.Number "a" |> ignore) "a word"
              Expect.throwsT<InvalidDataException> (fun () -> row.Number "b" |> ignore) "no such column"
              Expect.isNone (row.TryNumber "b") "which may be asked for" ]
