public import Influence

extension ScoreReport {
  /// Predictions beside what came out when the training was done again.
  public struct Receipt: Sendable {
    /// A change of the query's measure that something predicted.
    public struct Prediction: Sendable, Equatable {
      /// What predicted it, such as `credit`.
      public var name: String
      /// The change; nil where it was refused.
      public var change: Double?

      /// A prediction.
      public init(_ name: String, _ change: Double?) {
        self.name = name
        self.change = change
      }
    }

    /// The id of the query.
    public var query: String
    /// What was taken out of the training set, in words.
    public var removed: String
    /// The changes of the query's measure that were predicted.
    public var predictions: [Prediction]
    /// The change that came out.
    public var actual: Double
    /// What all are counted in.
    public var unit: String

    /// Predictions and their outcome.
    public init(
      query: String, removed: String, predictions: [Prediction], actual: Double, unit: String
    ) {
      self.query = query
      self.removed = removed
      self.predictions = predictions
      self.actual = actual
      self.unit = unit
    }

    /// What was predicted under a name; nil where nothing was.
    public func predicted(by name: String) -> Double? {
      predictions.first { $0.name == name }?.change
    }
  }

  /// How well the predictions of one name foresaw what came out.
  public struct Fit: Sendable, Equatable {
    /// What predicted.
    public let name: String
    /// The number of receipts that have a prediction of it.
    public let count: Int
    /// In how many of them prediction and outcome had the same sign.
    public let agreeing: Int
    /// Slope and correlations of the outcomes over the predictions.
    public let correlation: Correlation
  }
}

extension [ScoreReport.Receipt] {
  /// The names of all that predicted, in the order of their first appearance.
  public var predictors: [String] {
    var names: [String] = []
    for name in flatMap({ $0.predictions.map(\.name) }) where !names.contains(name) {
      names.append(name)
    }
    return names
  }

  /// How well each that was not always refused foresaw what came out.
  public var fits: [ScoreReport.Fit] {
    predictors.compactMap { name in
      let pairs = compactMap { receipt in
        receipt.predicted(by: name).map { (predicted: $0, actual: receipt.actual) }
      }
      if pairs.isEmpty { return nil }
      return ScoreReport.Fit(
        name: name, count: pairs.count,
        agreeing: pairs.count { predicted, actual in
          predicted == actual || (predicted > 0 && actual > 0) || (predicted < 0 && actual < 0)
        },
        correlation: Correlation(predicted: pairs.map(\.predicted), actual: pairs.map(\.actual)))
    }
  }
}
