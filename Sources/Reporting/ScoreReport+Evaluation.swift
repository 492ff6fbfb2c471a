public import Influence

extension ScoreReport {
  /// How good the scores of some methods are.
  public struct Evaluation: Sendable {
    /// What says how good scores are, such as `lds`.
    public var metric: String
    /// One line about it.
    public var summary: String
    /// What its figures say, without a full stop.
    public var meaning: String
    /// What its figures are counted over, `queries` or `items`.
    public var counted: String
    /// The number of these.
    public var queryCount: Int
    /// What was tried, each with the time that it took.
    public var trials: [Trial]
    /// The methods, in the order of reading.
    public var methods: [Method]

    /// What was tried.
    public struct Trial: Sendable, Equatable {
      /// What it is called, such as `5 % removed`.
      public var name: String
      /// How often the run was trained again.
      public var retrainings: Int
      /// The time it took.
      public var seconds: Double

      /// What was tried.
      public init(name: String, retrainings: Int, seconds: Double) {
        self.name = name
        self.retrainings = retrainings
        self.seconds = seconds
      }
    }

    /// What came out for one method.
    public struct Method: Sendable, Equatable {
      /// Its name, such as `tracin`.
      public var name: String
      /// One for each trial.
      public var figures: [EvaluationFigure]
      /// The queries that it refused, in the order of the report, each with the reason.
      public var refusals: [Fact]
      /// The time that its scores took.
      public var seconds: Double

      /// What came out.
      public init(
        name: String, figures: [EvaluationFigure], refusals: [Fact] = [], seconds: Double
      ) {
        self.name = name
        self.figures = figures
        self.refusals = refusals
        self.seconds = seconds
      }
    }

    /// What came out by one metric.
    public init(
      metric: String, summary: String, meaning: String = "Mean over the queries",
      counted: String = "queries", queryCount: Int, trials: [Trial], methods: [Method]
    ) {
      self.metric = metric
      self.summary = summary
      self.meaning = meaning
      self.counted = counted
      self.queryCount = queryCount
      self.trials = trials
      self.methods = methods
    }
  }

  /// The evaluations of all sections.
  public var evaluations: [Evaluation] {
    sections.compactMap { if case .evaluation(let evaluation) = $0 { evaluation } else { nil } }
  }
}

// What several formats for people say in the same words.

extension ScoreReport.Evaluation {
  /// The headings of the table after the method.
  var headings: [String] { trials.map(\.name) + [counted, "seconds"] }

  /// The cells of a method after its name.
  func cells(_ method: Method) -> [String] {
    var counts = method.figures.map(\.queries)
    if Set(counts).count == 1 { counts = [counts[0]] }
    return method.figures.map(\.text) + [
      counts.map(HumanNumber.count).joined(separator: ", "),
      HumanNumber.significant(method.seconds, digits: 2),
    ]
  }

  /// What the table says, and how long the trials took.
  var legend: String {
    let times = trials.filter { $0.retrainings > 0 }.map {
      "\($0.name): \(HumanNumber.count($0.retrainings)) retrainings in "
        + "\(HumanNumber.significant($0.seconds, digits: 2)) s"
    }
    let hasIntervals = methods.contains { $0.figures.contains { $0.interval != nil } }
    let what =
      meaning
      + (hasIntervals ? ", and where it would lie with other draws in 95 % of the cases" : "")
    return ([what] + times).joined(separator: ". ") + "."
  }

  /// A sentence for each method that refused queries, with the reason of the first.
  var refusalSentences: [String] {
    methods.compactMap { method in
      guard let first = method.refusals.first else { return nil }
      let others = method.refusals.dropFirst().map(\.name)
      let names = [first.name] + others.prefix(4)
      let more = others.count - others.prefix(4).count
      return "\(method.name) is refused for \(HumanNumber.count(method.refusals.count)) of "
        + "\(HumanNumber.count(queryCount)) \(counted), which do not count: "
        + names.joined(separator: ", ")
        + (more > 0 ? " and \(HumanNumber.count(more)) more" : "")
        + ". \(first.name): \(first.value)."
    }
  }

  /// A sentence for each method and trial in which queries do not count, with the reasons.
  var uncountedSentences: [String] {
    methods.flatMap { method in
      zip(trials, method.figures).compactMap { trial, figure in
        var reasons = figure.uncounted
        // Those that were refused have a sentence of their own.
        reasons[.notFinite, default: 0] -= method.refusals.count
        let parts = EvaluationFigure.Uncounted.allCases.compactMap { reason -> String? in
          guard let count = reasons[reason], count > 0 else { return nil }
          return "\(HumanNumber.count(count)) of \(HumanNumber.count(queryCount)) \(counted) "
            + "\(count == 1 ? "does" : "do") not count, because \(reason.summary)"
        }
        guard !parts.isEmpty else { return nil }
        return "\(method.name), \(trial.name): " + parts.joined(separator: "; ") + "."
      }
    }
  }
}

extension EvaluationFigure.Uncounted {
  /// The reason in words.
  fileprivate var summary: String {
    switch self {
    case .equalOutcomes:
      "all retrainings end with the same measure, which nothing can be compared with"
    case .equalScores: "the scores say the same of all retrainings"
    case .notFinite: "a score or a measure is NaN or infinite"
    }
  }
}

extension EvaluationFigure {
  /// `0.912 [0.890, 0.934]`; a dash where there is none.
  var text: String {
    guard let mean else { return "–" }
    let numbers = [mean] + (interval.map { [$0.lowerBound, $0.upperBound] } ?? [])
    let texts = numbers.map { HumanNumber.decimals($0, 3) }
    return texts.count == 1 ? texts[0] : "\(texts[0]) [\(texts[1]), \(texts[2])]"
  }
}
