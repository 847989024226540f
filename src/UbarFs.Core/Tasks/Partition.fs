namespace UbarFs.Core

open UbarFs.Kernels

/// Divides the training images among the nodes: labels of all images and the number of nodes → for each node
/// the positions of its images. Every image goes to exactly one node.
type Partition = { Assign: int[] -> int -> KeyedRandom -> int[][] }
