namespace UbarFs.Core

/// The shape of one image: channels × height × width.
type ImageShape =
    { Channels: int
      Height: int
      Width: int }

    member shape.Pixels = shape.Channels * shape.Height * shape.Width
    override shape.ToString() = $"{shape.Channels}×{shape.Height}×{shape.Width}"

/// A file of a dataset. It may lie on disk gzip-compressed (`Name` + ".gz") or raw (`Name`).
type DataFile =
    {
        Name: string
        /// Length of the raw content in bytes.
        Length: int64
        /// SHA-256 of the raw content, lower-case hexadecimal: compression may differ from mirror to mirror.
        Sha256: string
        /// Where a gzip-compressed copy can be downloaded, best first.
        Mirrors: string list
    }

/// Images and labels of one half of a dataset in the IDX format.
type IdxPair = { Images: DataFile; Labels: DataFile }

/// A compressed archive as it was published.
type ArchiveFile =
    {
        Name: string
        /// Length in bytes.
        Length: int64
        /// MD5 of the archive itself, lower-case hexadecimal: the only checksum that its authors published.
        Md5: string
        Mirrors: string list
    }

/// Colour images in files of records, as CIFAR-10 was published: each record is a byte with the label, then the pixels
/// channel by channel, row by row. The training images are spread evenly over their files.
type RecordFiles =
    {
        Training: string list
        Test: string
        /// The folder of the files in the archive.
        Folder: string
        Archive: ArchiveFile
        /// The names of the classes in the order of their labels, for copies in folders of images.
        ClassNames: string list
        /// The bytes of a record before its pixels, of which the last is the label.
        LabelBytes: int
        /// What each of these classes counts as, where they are put together into fewer; none where they are not.
        Merged: int list
    }

/// What the images of a folder are made to be; none: what the first of them is.
type ImageForm =
    {
        Channels: int option
        /// Height and width.
        Size: int option
    }

/// What a file of numbers is, and how to read it.
[<RequireQualifiedAccess>]
type TableForm =
    /// The four arrays of NumPy's .npz. Whether the last dimension of images is the channels.
    | Npz of channelsLast: bool
    /// Lines of numbers and a label, the share of lines that are for testing, and the column of the label: its name, its
    /// number, or `last`.
    | Csv of label: string * test: float

/// Where a dataset comes from.
[<RequireQualifiedAccess>]
type Storage =
    /// Shipped inside the program.
    | Embedded
    | Idx of training: IdxPair * test: IdxPair
    | Records of RecordFiles
    /// A folder of images that is still to be looked at: all that is said about them is zero or empty. Loading a
    /// scenario makes it `Images`.
    | Unread of path: string * form: ImageForm
    /// A folder of images, by its full path, with the names of the classes in the order of their labels. Mean and
    /// deviation are computed when the images are read. `isSized`: images of any size are brought to one.
    | Images of folder: string * classNames: string list * isSized: bool
    /// A file of numbers that is still to be looked at, as a folder can be.
    | UnreadTable of path: string * form: TableForm
    /// A file of numbers, by its full path. Mean and deviation are computed when it is read.
    | Table of path: string * form: TableForm

/// A labelled set of images with a fixed division into a training and a test part.
type Dataset =
    {
        Shape: ImageShape
        Classes: int
        TrainingSize: int
        TestSize: int
        /// The brightest value of a pixel; the darkest is 0.
        MaxPixel: int
        /// Mean of each channel over the training images, with pixels scaled to [0, 1].
        Mean: float list
        /// Standard deviation of each channel, likewise.
        Deviation: float list
        Storage: Storage
        /// Terms of use and attribution.
        Licence: string
    }

    /// Whether shape, classes and sizes are still unknown.
    member dataset.IsUnread = dataset.Storage.IsUnread || dataset.Storage.IsUnreadTable
