namespace UbarFs.Scenario

open UbarFs.Core

/// A component without its type: what suggestions and help pages show of it.
type Described =
    {
        Name: string
        Summary: string
        Meaning: string
        Source: string
        Parameters: Parameter list
        /// Subjects and what is to be said of them.
        Facts: (string * string) list
    }

/// The components of one kind: a rule, an attack, …
type Family =
    {
        /// As the language calls one of them.
        Name: string
        /// As lists call all of them.
        Plural: string
        Members: Described list
    }

/// Every family of the catalogue.
[<RequireQualifiedAccess>]
module Family =

    let private define name plural facts (components: Component<'value> list) =
        let described (component': Component<'value>) : Described =
            { Name = component'.Name
              Summary = component'.Summary
              Meaning = component'.Meaning
              Source = component'.Source
              Parameters = component'.Settings.Parameters
              Facts = facts (Component.choose Map.empty component').Value }

        { Name = name; Plural = plural; Members = List.map described components }

    let private none _ = []

    let rules = define "rule" "rules" Facts.ofRule Catalogue.rules

    let all: Family list =
        [ rules
          define "stage" "stages" Facts.ofStage Catalogue.stages
          define "attack" "attacks" Facts.ofAttack Catalogue.attacks
          define "topology" "topologies" Facts.ofTopology Catalogue.topologies
          define "placement" "placements" none Catalogue.placements
          define "dataset" "datasets" Facts.ofDataset Catalogue.datasets
          define "partition" "partitions" none Catalogue.partitions
          define "decay" "decays" none Catalogue.decays
          define "start" "starts" none Catalogue.starts
          define "protocol" "protocols" none Catalogue.protocols
          define "model" "models" Facts.ofModel Catalogue.models
          define "layer" "layers" none Catalogue.layers ]
