public import Influence
public import Training

/// What a scoring run has to say: one value that every ``ReportFormat`` renders.
///
/// The texts may come from anybody's data. They are kept as they are; each format makes them
/// harmless in its own way.
public struct ScoreReport: Sendable {
  /// What the report is called.
  public var title: String
  /// How the scores were computed.
  public var method: Method
  /// What was asked of the queries.
  public var measure: Measure
  /// What the items were trained with.
  public var loss: Loss
  /// The model's specification, such as `mlp:64-32-10:tanh`.
  public var model: String
  /// N, the number of training items.
  public var itemCount: Int
  /// The results, in the order of reading.
  public var sections: [Section]
  /// What a reader must know before trusting the numbers, a sentence each.
  public var notes: [String]
  /// Where the numbers come from.
  public var provenance: Provenance
  /// How many outputs there were before all but the first were left out; nil where none was.
  var uncutQueryCount: Int?

  /// A report.
  public init(
    title: String, method: Method, measure: Measure, loss: Loss, model: String, itemCount: Int,
    sections: [Section], notes: [String] = [], provenance: Provenance
  ) {
    self.title = title
    self.method = method
    self.measure = measure
    self.loss = loss
    self.model = model
    self.itemCount = itemCount
    self.sections = sections
    self.notes = notes
    self.provenance = provenance
  }

  /// The scored queries of all sections.
  public var queries: [QueryScores] {
    sections.compactMap { if case .query(let query) = $0 { query } else { nil } }
  }

  /// The accounts of all sections.
  public var ledgers: [QueryLedger] {
    sections.compactMap { if case .ledger(let ledger) = $0 { ledger } else { nil } }
  }

  /// The receipts of all sections.
  public var receipts: [Receipt] {
    sections.flatMap { section -> [Receipt] in
      if case .receipts(let receipts) = section { receipts } else { [] }
    }
  }
}

extension ScoreReport {
  /// A part of the results.
  ///
  /// A new kind of result is a case here; the compiler then names each format that must show it.
  public enum Section: Sendable {
    /// What supports and what opposes one output.
    case query(QueryScores)
    /// The account of one output.
    case ledger(QueryLedger)
    /// Predictions beside what came out when the training was done again.
    case receipts([Receipt])
    /// How good the scores of some methods are.
    case evaluation(Evaluation)
    /// How shares and effects go along the axes of a family of runs.
    case dilution(Dilution)
    /// What can be read from gradients of more and more items.
    case inversion(Inversion)
    /// An output of a text model with the passages behind it.
    case trace(TracedText)
    /// How much of each item was memorised.
    case memorization(Memorization)
    /// How well planted texts are remembered.
    case exposures(Exposures)
    /// The scores of training items for themselves.
    case selfInfluence(SelfInfluence)
  }

  /// How scores were computed.
  public struct Method: Sendable, Equatable {
    /// The name on the command line.
    public var name: String
    /// One line about it.
    public var summary: String
    /// What the scores are counted in, such as `nats of the query's loss`; nil for no unit.
    public var unit: String?
    /// What a score says, where it says nothing of training.
    public var meaning: String?

    /// A method in words.
    public init(name: String, summary: String, unit: String?, meaning: String? = nil) {
      self.name = name
      self.summary = summary
      self.unit = unit
      self.meaning = meaning
    }

    /// The words of an estimator.
    public init(
      _ estimator: any Estimator.Type, measure: Measure, loss: Loss, weights: CheckpointWeights
    ) {
      self.init(
        name: estimator.name, summary: estimator.summary,
        unit: estimator.unit(measure, loss: loss, weights: weights),
        meaning: (estimator as? any TextEstimator.Type)?.meaning)
    }
  }

  /// Where the numbers come from.
  public struct Provenance: Sendable {
    /// The version of Palimpsest.
    public var version: String
    /// The command line that gives the same numbers again.
    public var command: String
    /// Names and values in the order of reading, such as the run, the seed, hashes of the data.
    public var facts: [Fact]

    /// Where the numbers come from.
    public init(version: String, command: String, facts: [Fact] = []) {
      self.version = version
      self.command = command
      self.facts = facts
    }
  }

  /// One line of the provenance.
  public struct Fact: Sendable, Equatable {
    /// What it is, such as `seed`.
    public var name: String
    /// Its value.
    public var value: String

    /// A name and a value.
    public init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }
}
