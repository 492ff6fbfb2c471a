public import TensorCore
public import Training

/// A way to say how good scores are.
///
/// A new metric is one file with a conforming type, and one line in ``EvaluationRegistry``.
public protocol EvaluationMetric: Sendable {
  /// The name on the command line.
  static var name: String { get }
  /// One line for listings.
  static var summary: String { get }
  /// What a figure of it says, without a full stop.
  static var legend: String { get }
  /// Whose scores it judges.
  static var subject: EvaluationSubject { get }

  /// Finds out what is true, once for all methods.
  ///
  /// - Parameter progress: Told how much of how much is done; what it throws ends the work.
  static func trials<Scalar: TensorScalar>(
    _ setting: EvaluationSetting<Scalar>, pool: WorkerPool,
    progress: (_ done: Int, _ total: Int) throws -> Void
  ) throws -> [EvaluationTrial]
}

/// Whose scores a metric judges.
public enum EvaluationSubject: Sendable {
  /// Those of all items for some outputs, `[Q][N]`.
  case outputs
  /// That of each training item for its own output, `[1][N]`.
  case items
}

/// What every metric starts from.
public struct EvaluationSetting<Scalar: TensorScalar>: Sendable {
  /// The run whose items are scored.
  public var run: TrainingRun<Scalar>
  /// The queries, Q of them.
  public var queries: Dataset<Scalar>
  /// What is asked of the queries.
  public var measure: Measure
  /// The shares of the items that retrainings leave out, each in 0 … 1.
  public var fractions: [Double]
  /// M, the retrainings for each share.
  public var subsets: Int
  /// The seed of all that is drawn.
  public var seed: UInt64
  /// The training items whose labels are known to be wrong; nil where that is not known.
  public var mislabeled: [Int]?

  /// A setting from its parts.
  public init(
    run: TrainingRun<Scalar>, queries: Dataset<Scalar>, measure: Measure = .loss,
    fractions: [Double] = [0.05, 0.5], subsets: Int = 100, seed: UInt64 = 0,
    mislabeled: [Int]? = nil
  ) {
    self.run = run
    self.queries = queries
    self.measure = measure
    self.fractions = fractions
    self.subsets = subsets
    self.seed = seed
    self.mislabeled = mislabeled
  }
}

/// What came out, and how near scores are to it.
public struct EvaluationTrial: Sendable {
  /// What was tried, such as `5 % removed`.
  public let name: String
  /// How often the run was trained again.
  public let retrainings: Int
  /// The time it took.
  public let seconds: Double
  /// Compares scores `[Q][N]`, positive for support, with what came out; a metric of items has one
  /// row.
  ///
  /// A query whose scores are NaN does not count.
  public let judge: @Sendable (_ scores: [[Double]]) -> EvaluationFigure
}

/// How good scores are, in one number.
public struct EvaluationFigure: Sendable, Equatable {
  /// The mean over the queries that have one; nil where none has.
  public var mean: Double?
  /// Where the mean would lie if the trial were made again, in 95 % of the cases.
  public var interval: ClosedRange<Double>?
  /// The number of queries that count, or of items.
  public var queries: Int
  /// How many queries do not count, by the reason.
  public var uncounted: [Uncounted: Int]

  /// Why a query has no figure.
  public enum Uncounted: String, CaseIterable, Sendable {
    /// All retrainings ended with the same measure of it.
    case equalOutcomes
    /// The scores say the same of all retrainings.
    case equalScores
    /// A score or a measure is NaN or infinite, as where scores are refused.
    case notFinite
  }

  /// A figure.
  public init(
    mean: Double?, interval: ClosedRange<Double>?, queries: Int,
    uncounted: [Uncounted: Int] = [:]
  ) {
    self.mean = mean
    self.interval = interval
    self.queries = queries
    self.uncounted = uncounted
  }
}

/// Every metric that can be asked for by name.
public enum EvaluationRegistry {
  /// A new metric adds one line here.
  public static let all: [any EvaluationMetric.Type] = [
    LinearDatamodelingMetric.self, MislabelMetric.self,
  ]

  /// The metric of a name.
  public static func metric(_ name: String) -> (any EvaluationMetric.Type)? {
    all.first { $0.name == name }
  }
}
