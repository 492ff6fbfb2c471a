/// An output of a text model with the passages behind it.
public struct Trace: Sendable {
  /// The output and its prompt.
  public let output: TracedOutput
  /// log p of each predicted token, in nats.
  public let logProbabilities: [Double]
  /// The longest matches of the output, in its text with the prompt.
  public let matches: [VerbatimMatch]
  /// What has an account: ranges of tokens, in their order.
  public let units: [Range<Int>]
  /// The account of each unit; its measure is log p, in nats.
  public let accounts: [OutputAccount]
  /// The spans, in their order.
  public let spans: [TraceSpan]
  /// What counts as copied and as caused.
  public let thresholds: VerdictThresholds
  /// The fewest bytes of a match.
  public let shortestMatch: Int
  /// How often the model was trained again.
  public let retrainings: Int
  /// The largest share of the way between two checkpoints by which a replay missed the second one.
  public let departure: Double

  package init(
    output: TracedOutput, logProbabilities: [Double], matches: [VerbatimMatch],
    units: [Range<Int>], accounts: [OutputAccount], spans: [TraceSpan],
    thresholds: VerdictThresholds = VerdictThresholds(), shortestMatch: Int, retrainings: Int,
    departure: Double = 0
  ) {
    self.output = output
    self.logProbabilities = logProbabilities
    self.matches = matches
    self.units = units
    self.accounts = accounts
    self.spans = spans
    self.thresholds = thresholds
    self.shortestMatch = shortestMatch
    self.retrainings = retrainings
    self.departure = departure
  }

  /// log p of a token; nil for those of the prompt and the first of all.
  public func logProbability(of token: Int) -> Double? {
    output.predicted.contains(token)
      ? logProbabilities[token - output.predicted.lowerBound] : nil
  }

  /// log p of the output, in nats.
  public var logProbability: Double { logProbabilities.reduce(0, +) }
}

/// A span of an output with what is behind it.
public struct TraceSpan: Sendable {
  /// The tokens of the traced text.
  public let tokens: Range<Int>
  /// Their bytes in the traced text.
  public let bytes: Range<Int>
  /// log p of the span, in nats.
  public let logProbability: Double
  /// Its account: credit and the other columns of all passages, in nats of log p.
  public let account: OutputAccount
  /// What BM25 says of each passage, `[N]`; no unit.
  public let relevance: [Double]
  /// The surprising match that covers most of it; nil where none does.
  public let match: VerbatimMatch?
  /// The share of its bytes that surprising matches cover.
  public let copiedShare: Double
  /// Where it is traced to.
  public let source: TraceSource
  /// What training again without some passages does to it; empty where that was not asked for.
  public let counterfactuals: [Counterfactual]
  /// What it is; nil where nothing was trained again.
  public let verdict: Verdict?

  package init(
    tokens: Range<Int>, bytes: Range<Int>, logProbability: Double, account: OutputAccount,
    relevance: [Double], match: VerbatimMatch?, copiedShare: Double, source: TraceSource,
    counterfactuals: [Counterfactual], verdict: Verdict?
  ) {
    self.tokens = tokens
    self.bytes = bytes
    self.logProbability = logProbability
    self.account = account
    self.relevance = relevance
    self.match = match
    self.copiedShare = copiedShare
    self.source = source
    self.counterfactuals = counterfactuals
    self.verdict = verdict
  }

  /// What came out without something; nil where it was not tried.
  public func counterfactual(_ kind: Counterfactual.Kind) -> Counterfactual? {
    counterfactuals.first { $0.kind == kind }
  }

  /// What some passages hold in a column, in nats.
  ///
  /// The negative of it is what the column foresees for log p without them; nil where the column has
  /// no answer.
  public func holding(_ column: LedgerColumn, of passages: [Int]) -> Double? {
    guard let rows = account.columns[column], rows.refusal == nil else { return nil }
    return passages.reduce(0) { $0 + rows.items[$1] }
  }
}

/// Where a span is traced to.
public struct TraceSource: Sendable, Equatable {
  /// The passage with most credit among those that hold the span's match, or among all where there is
  /// no match.
  public let passage: Int
  /// Whether it holds the match.
  public let isMatched: Bool
  /// That passage and all its copies, ascending: those that hold the match, and those that are equal
  /// or similar to the passage.
  public let copies: [Int]
  /// The documents that these are from, ascending.
  public let documents: [Int]

  package init(passage: Int, isMatched: Bool, copies: [Int], documents: [Int]) {
    self.passage = passage
    self.isMatched = isMatched
    self.copies = copies
    self.documents = documents
  }
}
