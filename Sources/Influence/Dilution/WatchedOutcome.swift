/// What came out for one watched item of one run, about the item's own output: the log-probability of
/// the label that it was learnt with, in nats.
public struct WatchedOutcome: Sendable, Equatable {
  /// Its row in the data; nil for noise.
  public var source: Int?
  /// The label that it was learnt with.
  public var label: Int
  /// log p of the label after training with all copies.
  public var logProbability: Double
  /// The mean share of a copy: |credit| over the gross of all items.
  public var share: Double
  /// What all copies hold of the gross together.
  public var shareOfAll: Double
  /// 1 / Σ share² over all items: how many equal items would be as concentrated.
  public var contributors: Double
  /// The rank of the best copy among all items by credit: 1 is the strongest supporter.
  public var rank: Int
  /// By how much log p was lower when the run was trained again without one copy: positive where
  /// the copy supported its output.
  public var effectOfOne: Double
  /// The same without any copy.
  public var effectOfAll: Double
  /// What the marginal predicts for one copy; nil where the run is too sensitive for it.
  public var predictedOfOne: Double?
  /// What the marginal predicts for all copies.
  public var predictedOfAll: Double?
  /// What the rows of the account leave over, as a share of the gross movement.
  public var residual: Double

  /// An outcome.
  public init(
    source: Int?, label: Int, logProbability: Double, share: Double, shareOfAll: Double,
    contributors: Double, rank: Int, effectOfOne: Double, effectOfAll: Double,
    predictedOfOne: Double?, predictedOfAll: Double?, residual: Double
  ) {
    self.source = source
    self.label = label
    self.logProbability = logProbability
    self.share = share
    self.shareOfAll = shareOfAll
    self.contributors = contributors
    self.rank = rank
    self.effectOfOne = effectOfOne
    self.effectOfAll = effectOfAll
    self.predictedOfOne = predictedOfOne
    self.predictedOfAll = predictedOfAll
    self.residual = residual
  }
}

/// A number of a ``WatchedOutcome`` that is followed through the family of runs.
public enum DilutionQuantity: String, CaseIterable, Sendable {
  /// ``WatchedOutcome/share``.
  case share
  /// ``WatchedOutcome/shareOfAll``.
  case shareOfAll
  /// ``WatchedOutcome/contributors``.
  case contributors
  /// ``WatchedOutcome/rank``.
  case rank
  /// ``WatchedOutcome/effectOfOne``.
  case effectOfOne
  /// ``WatchedOutcome/effectOfAll``.
  case effectOfAll

  /// One line about it.
  public var summary: String {
    switch self {
    case .share: "what one copy holds of the gross of its own output"
    case .shareOfAll: "what all copies hold of it together"
    case .contributors: "how many equal items would be as concentrated"
    case .rank: "the rank of the best copy among all items, 1 the strongest supporter"
    case .effectOfOne: "nats that the output loses when one copy is left out"
    case .effectOfAll: "nats that the output loses when all copies are left out"
    }
  }

  /// The number.
  func value(_ outcome: WatchedOutcome) -> Double {
    switch self {
    case .share: outcome.share
    case .shareOfAll: outcome.shareOfAll
    case .contributors: outcome.contributors
    case .rank: Double(outcome.rank)
    case .effectOfOne: outcome.effectOfOne
    case .effectOfAll: outcome.effectOfAll
    }
  }

  /// What the marginal predicts for it, where it predicts anything.
  func prediction(_ outcome: WatchedOutcome) -> Double? {
    switch self {
    case .effectOfOne: outcome.predictedOfOne
    case .effectOfAll: outcome.predictedOfAll
    default: nil
    }
  }
}
