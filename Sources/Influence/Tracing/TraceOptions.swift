/// What has an account of its own.
public enum TraceUnit: String, CaseIterable, Sendable {
  /// Each token.
  case token
  /// Each span: what is copied as one piece, and what lies between.
  case span
  /// The whole output, which is then one span where it fits into the model's context.
  case output
}

/// What of an output is traced, and how closely.
public struct TraceOptions: Sendable {
  /// What has an account of its own; a ledger takes as many times as long as there are accounts.
  public var unit = TraceUnit.span
  /// The fewest bytes of a verbatim match.
  public var shortestMatch = 16
  /// What counts as copied and as caused.
  public var thresholds = VerdictThresholds()
  /// How accounts are drawn up; its columns contain credit.
  public var ledger = LedgerOptions(columns: [.credit, .marginal])
  /// Whether the model is trained again without the sources; there is no verdict otherwise.
  public var retrains = true
  /// How many times as many passages drawn by chance are left out, for each number of passages.
  public var controls = 1
  /// Documents to leave out besides, by their numbers.
  public var withoutDocuments: [Int] = []

  /// The usual options.
  public init() {}
}

/// How far a trace has come.
public enum TracePhase: Sendable {
  /// Accounts, in units of work.
  case accounts
  /// Retrainings.
  case retrainings
}
