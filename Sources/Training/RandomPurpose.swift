package import TensorCore

/// The streams of random numbers that a seed is divided into, one for each purpose.
///
/// The numbers are part of the promise that a stored run can be repeated: a new purpose takes a new
/// number, and none is ever given to another.
package enum RandomPurpose: UInt32 {
  /// Initial parameters: position p belongs to element p of the flat vector `[P]`.
  case initialParameters = 1
  /// The order of the items: epoch e takes positions e · N ..< (e + 1) · N.
  case batchOrder = 2
  /// Subsets of the items to retrain on: subset m takes positions from m · N.
  case retrainingSubsets = 3
  /// Subsets drawn again for a confidence interval: drawing d of M takes positions from d · M.
  case resampling = 4
  /// Documents that are held out: a permutation of all from position 0.
  case heldOutDocuments = 10
  /// The hash functions of signatures: function i takes position i.
  case signatures = 11
  /// Tokens that are drawn: the k-th generated one takes position k.
  case generation = 12
  /// Invented books: each part of a book takes positions of its own.
  case inventedBooks = 13
  /// Items of the runs in which shares are diluted: their order takes positions 0 ..< N, the choice
  /// of the watched ones the next W, their labels and their noise what comes after.
  case dilution = 30
  /// Batches whose gradients are inverted, and where the search for their inputs starts.
  case inversion = 31
  /// Passages left out to compare with: control c takes positions from c · N.
  case controlRemovals = 40
  /// Subsets that models are trained on to measure memorisation: as for ``retrainingSubsets``.
  case memorizationSubsets = 20
  /// Which labels are replaced by wrong ones, from position 0, and by which, from position N.
  case flippedLabels = 21
  /// Canaries and what they are compared with: draw after draw.
  case canaries = 22
  /// Last digits of a state that is moved: each number of its vectors takes a position.
  case rounding = 50
}

extension RandomStream {
  /// The stream of a purpose.
  package init(seed: UInt64, for purpose: RandomPurpose, position: UInt64 = 0) {
    self.init(seed: seed, stream: purpose.rawValue, position: position)
  }
}
