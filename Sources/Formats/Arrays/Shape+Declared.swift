import TensorCore

extension Shape {
  /// The most axes an array may have, as in numpy.
  package static let largestRank = 64

  /// A shape that a file declares, nil where it has too many axes or too many elements to count.
  ///
  /// Axes of extent 0 do not excuse the others: every part of the shape must be countable.
  init?(declared extents: [Int]) {
    guard extents.count <= Shape.largestRank,
      Shape.count(of: extents.map { $0 == 0 ? 1 : $0 }) != nil
    else { return nil }
    self.init(extents)
  }
}
