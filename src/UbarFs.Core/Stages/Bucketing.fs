/// Means of random buckets.
[<RequireQualifiedAccess>]
module UbarFs.Core.Bucketing

open System

let private count size neighbours = (neighbours + size - 1) / size

// An estimate that is not finite spoils no bucket but one that has nothing else.
let private blends size (standing: LocalView) (lengths: float[]) : Blending.Blend[] =
    (standing.Random "bucketing").Permutation lengths.Length
    |> Array.chunkBySize size
    |> Array.map (fun bucket ->
        match bucket |> Array.filter (fun place -> Double.IsFinite lengths[place]) with
        | [||] -> { Blending.at bucket[0] with StandsFor = bucket }
        | finite -> Blending.mean bucket finite)

let stage: Component<PipelineStage> =
    settings {
        let! size = Setting.whole "size" 1 1_000_000 2 "s, the estimates of a bucket; the last can have fewer"

        return
            Blending.stage (FromZero(blends size))
            |> PipelineStage.counting (count size)
            |> PipelineStage.mergingSenders
            |> PipelineStage.claiming (List.except [ Law.NeighbourOrder ] PipelineStage.laws)
    }
    |> Define.Named "bucketing"
    |> Component.describedBy
        "the means of random buckets of estimates"
        "> a random order of what was received, cut into ⌈|N_i|/s⌉ buckets;\n\
         > each is replaced by its mean\n\n\
         The order is drawn anew for each node and iteration, from the seed. n̂ stays the number of liars, each of whom can \
         spoil a bucket: a rule behind it sees fewer estimates with as many liars. A bucket has the weights of its members, \
         and no sender: rules that judge senders cannot follow."
        "Karimireddy, He and Jaggi, ICLR 2022"
