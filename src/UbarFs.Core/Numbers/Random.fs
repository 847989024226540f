namespace UbarFs.Core

open UbarFs.Kernels

/// What a stream of random numbers is drawn for; streams of different purposes are independent.
[<RequireQualifiedAccess>]
type Purpose =
    | Topology
    | Partition
    /// The images of a server.
    | Root
    /// Whose batches the nodes of a server draw.
    | Allocation
    | Batches
    | Start
    | Attack
    /// Which images of a batch are poisoned.
    | Poison
    /// Which training images are held out.
    | Validation
    /// What a rule or a stage draws, each for a word of its own.
    | Aggregation of word: string
    /// What a layer of dropout leaves out, by its place among these.
    | Dropout of layer: int

[<RequireQualifiedAccess>]
module Random =

    let private word purpose =
        match purpose with
        | Purpose.Topology -> "topology"
        | Purpose.Partition -> "partition"
        | Purpose.Root -> "root"
        | Purpose.Allocation -> "allocation"
        | Purpose.Batches -> "batches"
        | Purpose.Start -> "start"
        | Purpose.Attack -> "attack"
        | Purpose.Poison -> "poison"
        | Purpose.Validation -> "validation"
        | Purpose.Aggregation word -> $"aggregation {word}"
        | Purpose.Dropout layer -> $"dropout {layer}"

    /// The stream of one purpose for one node and iteration. It is a function of its four arguments alone.
    let stream (seed: int64) purpose (node: int) (iteration: int64) = KeyedRandom(seed, word purpose, node, iteration)

    /// A stream that belongs to the whole network rather than to a node or an iteration.
    let shared seed purpose = stream seed purpose 0 0L

    /// `count` of the numbers 0 … below − 1 without one twice, ascending: every set is as likely as every other. Floyd's
    /// method, which draws once for each (Bentley, Programming Pearls, 1987).
    let distinct (random: KeyedRandom) count below : int[] =
        let chosen = Array.zeroCreate<bool> below

        for last in below - count .. below - 1 do
            let number = random.NextInt(last + 1)
            let number = if chosen[number] then last else number
            chosen[number] <- true

        let numbers = Array.zeroCreate count
        let mutable next = 0

        for number in 0 .. below - 1 do
            if chosen[number] then
                numbers[next] <- number
                next <- next + 1

        numbers
