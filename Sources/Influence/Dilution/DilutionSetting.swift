import Training

/// What kind of item is watched.
public enum WatchedKind: String, CaseIterable, Sendable {
  /// An item as it is, from the half of its class that is nearest to the mean of the class.
  case typical
  /// The same item under the label of another class.
  case mislabelled
  /// Noise instead of an input, under a label drawn at random.
  case random

  /// One line about it.
  public var summary: String {
    switch self {
    case .typical: "an item near the middle of its class, as it is"
    case .mislabelled: "the same item under the label of another class"
    case .random: "uniform noise under a label drawn at random"
    }
  }
}

/// What is varied from run to run.
public enum DilutionAxis: String, CaseIterable, Sendable {
  /// N, the number of training items, copies among them.
  case items
  /// How often each watched item is among them.
  case copies
  /// Passes over the items.
  case epochs
  /// Units of the hidden layer.
  case width
}

/// One place in the family of runs.
public struct DilutionPoint: Hashable, Sendable {
  /// N, the number of training items, copies among them.
  public var items: Int
  /// How often each watched item is among them.
  public var copies: Int
  /// Passes over the items.
  public var epochs: Int
  /// Units of the hidden layer.
  public var width: Int

  /// A place.
  public init(items: Int, copies: Int, epochs: Int, width: Int) {
    self.items = items
    self.copies = copies
    self.epochs = epochs
    self.width = width
  }

  /// The value on an axis.
  public subscript(axis: DilutionAxis) -> Int {
    get {
      switch axis {
      case .items: items
      case .copies: copies
      case .epochs: epochs
      case .width: width
      }
    }
    set {
      switch axis {
      case .items: items = newValue
      case .copies: copies = newValue
      case .epochs: epochs = newValue
      case .width: width = newValue
      }
    }
  }
}

/// One run of the family, and its watched items.
public struct DilutionCell: Hashable, Sendable {
  /// Where in the family.
  public let point: DilutionPoint
  /// What is watched.
  public let kind: WatchedKind
  /// What items, order and initial parameters are drawn from.
  public let seed: UInt64

  /// A run.
  public init(point: DilutionPoint, kind: WatchedKind, seed: UInt64) {
    self.point = point
    self.kind = kind
    self.seed = seed
  }
}

/// A family of runs in which one thing at a time is varied, everything else standing still.
public struct DilutionSetting: Sendable, Equatable {
  /// Where everything stands that is not varied.
  public var base: DilutionPoint
  /// The values that each axis takes; of one value or none, it is not varied.
  public var values: [DilutionAxis: [Int]]
  /// The kinds of items that are watched, each in runs of its own.
  public var kinds = WatchedKind.allCases
  /// The number of seeds, 0 ..< seeds: how often each run is repeated with other draws.
  public var seeds = 5
  /// Watched items of each run.
  public var watched = 4
  /// η of stochastic gradient descent.
  public var learningRate = 0.5
  /// B.
  public var batchSize = 25

  /// A family of runs.
  public init(base: DilutionPoint, values: [DilutionAxis: [Int]]) {
    self.base = base
    self.values = values
  }

  /// The axes that are varied.
  public var axes: [DilutionAxis] {
    DilutionAxis.allCases.filter { Set(values[$0] ?? []).count > 1 }
  }

  /// The places along an axis, ascending.
  public func points(_ axis: DilutionAxis) -> [DilutionPoint] {
    Set(values[axis] ?? []).sorted().map { value in
      var point = base
      point[axis] = value
      return point
    }
  }

  /// All runs, each once, those of an axis together.
  public var cells: [DilutionCell] {
    var seen: Set<DilutionPoint> = []
    let points = axes.isEmpty ? [base] : axes.flatMap(points)
    return points.filter { seen.insert($0).inserted }.flatMap { point in
      kinds.flatMap { kind in
        (0..<seeds).map { DilutionCell(point: point, kind: kind, seed: UInt64($0)) }
      }
    }
  }

  /// How many retrainings a run has: one without one copy of each watched item, and one without any.
  func removals(_ cell: DilutionCell) -> Int { watched * (cell.point.copies == 1 ? 1 : 2) }

  /// Checks that every number makes sense for so many items.
  ///
  /// - Throws: `TrainingError`.
  func check(items: Int) throws(TrainingError) {
    func require(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws(TrainingError) {
      guard range.contains(value) else {
        throw .setting(
          name: name, found: "\(value)",
          expected: "a whole number from \(range.lowerBound) to \(range.upperBound)")
      }
    }
    try require("seeds", seeds, 1...1_000)
    try require("watched items", watched, 1...1_000)
    try require("batch size", batchSize, 1...(1 << 20))
    guard learningRate > 0, learningRate.isFinite else {
      throw .setting(name: "learning rate", found: "\(learningRate)", expected: "a number above 0")
    }
    for cell in cells {
      let point = cell.point
      try require("copies", point.copies, 1...10_000)
      try require("epochs", point.epochs, 1...1_000_000)
      try require("width", point.width, 1...(1 << 16))
      let own = watched * point.copies
      guard point.items > own else {
        throw .setting(
          name: "items", found: "\(point.items)",
          expected: "more than the \(own) that \(watched) watched items and their copies are")
      }
      // Besides its copies a run has items that are nobody's copy.
      let most = items - watched + own
      guard point.items <= most else {
        throw .setting(
          name: "items", found: "\(point.items)",
          expected: "at most \(most): the data have \(items), of which \(watched) are watched")
      }
    }
  }
}
