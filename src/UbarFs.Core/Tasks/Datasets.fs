/// The datasets that the tool knows.
[<RequireQualifiedAccess>]
module UbarFs.Core.Datasets

let private digits =
    Setting.none
        { Shape = { Channels = 1; Height = 8; Width = 8 }
          Classes = 10
          TrainingSize = 1438
          TestSize = 359
          MaxPixel = 16
          Mean = [ 0.3058 ]
          Deviation = [ 0.3764 ]
          Storage = Storage.Embedded
          Licence = "CC BY 4.0, E. Alpaydin and C. Kaynak, 1998" }
    |> Define.Named "digits"
    |> Component.describedBy
        "1,797 handwritten digits of 8×8 pixels, in the program"
        "Pixels 0 to 16, one of 10 classes. Every fifth image is for testing. Small enough to be shipped, so that \
         first runs need no download."
        "UCI Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, 1998"

/// 60,000 + 10,000 grey images of 28×28 pixels in four IDX files, which have the same names in every such dataset.
/// `checksums` are of the training images, training labels, test images and test labels.
let private likeMnist (mirrors: string list) checksums mean deviation licence =
    let file name length checksum =
        { Name = name
          Length = length
          Sha256 = checksum
          Mirrors = mirrors |> List.map (fun mirror -> $"{mirror}{name}.gz") }

    let trainingImages, trainingLabels, testImages, testLabels = checksums

    { Shape = { Channels = 1; Height = 28; Width = 28 }
      Classes = 10
      TrainingSize = 60_000
      TestSize = 10_000
      MaxPixel = 255
      Mean = [ mean ]
      Deviation = [ deviation ]
      Storage =
        Storage.Idx(
            { Images = file "train-images-idx3-ubyte" 47_040_016L trainingImages
              Labels = file "train-labels-idx1-ubyte" 60_008L trainingLabels },
            { Images = file "t10k-images-idx3-ubyte" 7_840_016L testImages
              Labels = file "t10k-labels-idx1-ubyte" 10_008L testLabels }
        )
      Licence = licence }

let private mnist =
    likeMnist
        [ "https://ossci-datasets.s3.amazonaws.com/mnist/"
          "https://storage.googleapis.com/cvdf-datasets/mnist/" ]
        ("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
         "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
         "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
         "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2")
        0.1307
        0.3081
        "CC BY-SA 3.0, Y. LeCun, C. Cortes and C. Burges, 1998"
    |> Setting.none
    |> Define.Named "mnist"
    |> Component.describedBy
        "70,000 handwritten digits of 28×28 pixels"
        "Pixels 0 to 255, one of 10 classes. 60,000 images are for training and 10,000 for testing."
        "Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-based learning applied to document recognition, 1998"

let private fashionMnist =
    likeMnist
        [ "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
          "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/" ]
        ("c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
         "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
         "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
         "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34")
        0.2860
        0.3530
        "MIT, Zalando SE, 2017"
    |> Setting.none
    |> Define.Named "fashion-mnist"
    |> Component.describedBy
        "70,000 pictures of clothes of 28×28 pixels"
        "Pixels 0 to 255, one of 10 classes. 60,000 images are for training and 10,000 for testing, in the format \
         of mnist and harder to tell apart."
        "H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST, arXiv:1708.07747, 2017"

// Nothing is known before the files are read.
let private unread maxPixel storage : Dataset =
    { Shape = { Channels = 0; Height = 0; Width = 0 }
      Classes = 0
      TrainingSize = 0
      TestSize = 0
      MaxPixel = maxPixel
      Mean = []
      Deviation = []
      Storage = storage
      Licence = "" }

let private folder =
    settings {
        let! path = Setting.text "path" "images" "the folder, relative to the scenario"

        and! channels =
            Setting.choice
                "channels"
                [ "first"; "1"; "3" ]
                "first"
                "1: all images are made grey; 3: all are made coloured; first: as the first image is"

        and! size =
            Setting.wholeOrWord
                "size"
                1
                ImageTree.widest
                [ "first" ]
                "first"
                "height and width that all images are scaled to; first: all have the size of the first image"

        let form =
            { Channels = if channels = "first" then None else Some(int channels)
              Size = Result.toOption size }

        return unread 255 (Storage.Unread(path, form))
    }
    |> Define.Named "folder"
    |> Component.describedBy
        "your own images, in a folder train|test/<class>/*"
        "PNG and JPEG files. The classes are the folders' names in alphabetical order, at most 256.\n\n\
         All images are brought to the form of the first one, or to what `channels` and `size` say: grey images \
         become coloured ones with three equal channels, coloured ones grey by 0.299 R + 0.587 G + 0.114 B, and \
         transparency is left out, as torchvision's loader does. Without `size`, all images must have one size. A \
         run says how many images were converted.\n\n\
         Each channel is normalised by its mean and deviation over the training images. The images are decoded once \
         and kept in the data folder until a file changes."
        "the layout of torchvision's ImageFolder"

let private npz =
    settings {
        let! path = Setting.text "path" "data.npz" "the file, relative to the scenario"

        and! channels =
            Setting.choice
                "channels"
                [ "first"; "last" ]
                "first"
                "first: images are channels × height × width, as in PyTorch; last: height × width × channels"

        return unread 0 (Storage.UnreadTable(path, TableForm.Npz((channels = "last"))))
    }
    |> Define.Named "npz"
    |> Component.describedBy
        "your own arrays, in a file of NumPy"
        "A file of `numpy.savez` or `savez_compressed` with the arrays x_train, y_train, x_test and y_test. x has a row for \
         each example, of any shape and any type of real numbers: examples of two dimensions are images of one channel, \
         those of three have channels; any others are rows of numbers, each number a channel of one pixel. y has whole \
         numbers from 0 on, at most 256 classes, and every class has training examples.\n\n\
         Each channel is normalised by its mean and deviation over the training examples."
        "NumPy's .npz format"

let private csv =
    settings {
        let! path = Setting.text "path" "data.csv" "the file, relative to the scenario"

        and! label =
            Setting.text "label" "last" "the column of the labels: its name, its number from 1 on, or last"

        and! test =
            Setting.real "test" (Interval.above 0.0 0.9) 0.2 "the share of the lines that are for testing"

        return unread 0 (Storage.UnreadTable(path, TableForm.Csv(label, test)))
    }
    |> Define.Named "csv"
    |> Component.describedBy
        "your own table: lines of numbers and a label"
        "Values between commas, perhaps in double quotes; the first line can have the names of the columns. The classes are \
         the different labels, at most 256: whole numbers in their order, other words in that of the alphabet. Test lines \
         are spread evenly over the file: with 20 %, every fifth one. Every class has training lines.\n\n\
         Each column is normalised by its mean and deviation over the training lines."
        "RFC 4180"

/// Those of the catalogue that everybody knows, but for photographs.
let known: Component<Dataset> list = [ digits; mnist; fashionMnist ]

/// Those that are the user's own.
let own: Component<Dataset> list = [ folder; npz; csv ]
