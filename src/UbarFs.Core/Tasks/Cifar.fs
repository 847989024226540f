/// The colour images of A. Krizhevsky.
[<RequireQualifiedAccess>]
module UbarFs.Core.Cifar

// The authors publish the MD5 of an archive and nothing about the single files: those are checked by their length and
// their labels only. Mean and deviation are those of the binary version's training images.
let private records (files: RecordFiles) mean deviation classes =
    { Shape = { Channels = 3; Height = 32; Width = 32 }
      Classes = classes
      TrainingSize = 50_000
      TestSize = 10_000
      MaxPixel = 255
      Mean = mean
      Deviation = deviation
      Storage = Storage.Records files
      Licence = "research use, A. Krizhevsky, 2009" }

let private archive name length md5 : ArchiveFile =
    { Name = name
      Length = length
      Md5 = md5
      Mirrors = [ $"https://www.cs.toronto.edu/~kriz/{name}" ] }

let private source = "A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009"

let private cifar10: Component<Dataset> =
    let files =
        { Training = [ for number in 1..5 -> $"data_batch_{number}.bin" ]
          Test = "test_batch.bin"
          Folder = "cifar-10-batches-bin"
          Archive = archive "cifar-10-binary.tar.gz" 170_052_171L "c32a1d4ab5d03f1284b67883e8d87530"
          ClassNames =
            [ "airplane"
              "automobile"
              "bird"
              "cat"
              "deer"
              "dog"
              "frog"
              "horse"
              "ship"
              "truck" ]
          LabelBytes = 1
          Merged = [] }

    Setting.none (records files [ 0.4914; 0.4822; 0.4465 ] [ 0.2470; 0.2435; 0.2616 ] 10)
    |> Define.Named "cifar10"
    |> Component.describedBy
        "60,000 colour photographs of 32×32 pixels"
        "Pixels 0 to 255, one of 10 classes. 50,000 images are for training and 10,000 for testing. Read from the \
         binary version, or from images train|test/<class>/*. JPEG copies do for experiments, but not for quoting \
         exact published accuracies."
        source

/// The coarse classes of CIFAR-100 in the order of their labels, each with the five that it is put together from. These have
/// the order of their names.
let private coarse =
    [ "aquatic_mammals", "beaver dolphin otter seal whale"
      "fish", "aquarium_fish flatfish ray shark trout"
      "flowers", "orchid poppy rose sunflower tulip"
      "food_containers", "bottle bowl can cup plate"
      "fruit_and_vegetables", "apple mushroom orange pear sweet_pepper"
      "household_electrical_devices", "clock keyboard lamp telephone television"
      "household_furniture", "bed chair couch table wardrobe"
      "insects", "bee beetle butterfly caterpillar cockroach"
      "large_carnivores", "bear leopard lion tiger wolf"
      "large_man-made_outdoor_things", "bridge castle house road skyscraper"
      "large_natural_outdoor_scenes", "cloud forest mountain plain sea"
      "large_omnivores_and_herbivores", "camel cattle chimpanzee elephant kangaroo"
      "medium_mammals", "fox porcupine possum raccoon skunk"
      "non-insect_invertebrates", "crab lobster snail spider worm"
      "people", "baby boy girl man woman"
      "reptiles", "crocodile dinosaur lizard snake turtle"
      "small_mammals", "hamster mouse rabbit shrew squirrel"
      "trees", "maple_tree oak_tree palm_tree pine_tree willow_tree"
      "vehicles_1", "bicycle bus motorcycle pickup_truck train"
      "vehicles_2", "lawn_mower rocket streetcar tank tractor" ]
    |> List.map (fun (name, members) -> name, members.Split ' ' |> List.ofArray)

let private cifar100: Component<Dataset> =
    let fine =
        coarse
        |> List.collect snd
        |> List.sortWith (fun one other -> System.String.CompareOrdinal(one, other))

    let superclasses =
        fine
        |> List.map (fun name -> coarse |> List.findIndex (fun (_, members) -> List.contains name members))

    settings {
        let! labels =
            Setting.choice "labels" [ "fine"; "coarse" ] "fine" "fine: the 100 classes; coarse: the 20 that these make"

        let isCoarse = (labels = "coarse")

        let files =
            { Training = [ "train.bin" ]
              Test = "test.bin"
              Folder = "cifar-100-binary"
              Archive = archive "cifar-100-binary.tar.gz" 168_513_733L "03b5dce01913d631647c71ecec9e9cb8"
              ClassNames = fine
              LabelBytes = 2
              Merged = if isCoarse then superclasses else [] }

        let classes = if isCoarse then coarse.Length else fine.Length
        return records files [ 0.5071; 0.4865; 0.4409 ] [ 0.2673; 0.2564; 0.2762 ] classes
    }
    |> Define.Named "cifar100"
    |> Component.describedBy
        "60,000 colour photographs in 100 classes"
        "Like cifar10, with 500 training and 100 test images in each of 100 classes; five classes each make one of the 20 \
         coarse ones. Read from the binary version, or from images train|test/<class>/* with the names of the fine classes."
        source

let all: Component<Dataset> list = [ cifar10; cifar100 ]
