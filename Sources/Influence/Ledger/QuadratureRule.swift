/// How a gradient is averaged along the straight line from one state of the parameters to the next.
public enum QuadratureRule: String, CaseIterable, Sendable {
  /// The gradient before the step: TracIn at every step. It is never refined.
  case left
  /// The gradient half way.
  case midpoint
  /// Both ends and the middle, 1 : 4 : 1.
  case simpson
  /// Gauss's three nodes.
  case gauss

  /// One line for listings.
  public var summary: String {
    switch self {
    case .left: "the gradient before the step, as TracIn has it; never refined"
    case .midpoint: "the gradient half way"
    case .simpson: "both ends and the middle"
    case .gauss: "Gauss's three nodes"
    }
  }

  /// Places from 0 to 1 with their weights, which sum to 1.
  var nodes: [(place: Double, weight: Double)] {
    switch self {
    case .left: [(0, 1)]
    case .midpoint: [(0.5, 1)]
    case .simpson: [(0, 1 / 6), (0.5, 2 / 3), (1, 1 / 6)]
    case .gauss:
      [(0.1127016653792583, 5 / 18), (0.5, 4 / 9), (0.8872983346207417, 5 / 18)]
    }
  }

  /// Whether a step on which the rule misses the measured change is cut in half.
  var isRefined: Bool { self != .left }
}
