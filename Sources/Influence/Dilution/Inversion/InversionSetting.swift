import Training

/// Which gradients are inverted.
public struct InversionSetting: Sendable, Equatable {
  /// How many inputs a gradient is the mean of.
  public var batchSizes: [Int]
  /// Units of the hidden layer: relu for the closed form, tanh for the search, which needs a smooth
  /// function.
  public var width: Int
  /// The number of seeds, 0 ..< seeds: how often each size is repeated with other items and
  /// parameters.
  public var seeds: Int
  /// Steps of the search at most.
  public var iterations: Int

  /// The signal-to-noise ratio from which an input counts as read, in decibel: 20 log₁₀ of the range
  /// of the inputs over the root mean square error.
  public static let threshold = 20.0
  /// Items of a gradient whose reconstructions are kept to be shown, of the first seed.
  public static let shown = 8

  /// Gradients of some sizes.
  public init(
    batchSizes: [Int] = [1, 2, 4, 8, 16, 32, 64], width: Int = 256, seeds: Int = 5,
    iterations: Int = 1_000
  ) {
    self.batchSizes = batchSizes
    self.width = width
    self.seeds = seeds
    self.iterations = iterations
  }

  /// One gradient.
  public struct Cell: Hashable, Sendable {
    /// B.
    public let batchSize: Int
    /// What items, parameters and the start of the search are drawn from.
    public let seed: UInt64
  }

  /// All gradients, the sizes ascending.
  public var cells: [Cell] {
    Set(batchSizes).sorted().flatMap { size in
      (0..<seeds).map { Cell(batchSize: size, seed: UInt64($0)) }
    }
  }

  /// Checks that every number makes sense for so many items.
  ///
  /// - Throws: `TrainingError`.
  func check(items: Int) throws(TrainingError) {
    for (name, value, most) in [
      ("width of the inverted layer", width, 1 << 16), ("seeds", seeds, 1_000),
      ("iterations", iterations, 1_000_000),
    ] + batchSizes.map({ ("inputs of a gradient", $0, min(items, 4_096)) }) {
      guard (1...most).contains(value) else {
        throw .setting(
          name: name, found: "\(value)", expected: "a whole number from 1 to \(most)")
      }
    }
  }
}
