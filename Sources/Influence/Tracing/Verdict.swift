/// What a span of an output is to the text that it may come from.
///
/// A span is **copied** where it stands verbatim in the training documents and their language does not
/// explain that. It is **caused** where it loses probability without the source: actual retraining,
/// not an estimate.
public enum Verdict: String, CaseIterable, Sendable {
  /// It is copied, and without the one document that it is traced to the model would hardly write it.
  case copiedAndCaused = "copied and caused"
  /// It is copied, but the model writes it without that document too: from other copies, from texts
  /// like it, or because it is easy to guess. Also where retraining without the document and without
  /// all copies do not agree, or where the source has no credit.
  case availableElsewhere = "copied but available elsewhere"
  /// It is not copied, yet without the passage that has most credit, and all passages like
  /// it, the model would hardly write it: a paraphrase, a mixture, a style.
  case causedNotCopied = "caused but not copied"
  /// It is not copied, and without the source and its copies it does not lose enough probability.
  case neither
}

/// When a span counts as copied, and when as caused.
public struct VerdictThresholds: Sendable, Equatable {
  /// The least surprise of a match that counts as copied, in bits.
  public var leastBits = 40.0
  /// The least share of a span's bytes that such matches cover.
  public var leastCopiedShare = 0.5
  /// The least fall of log p of the span that counts as caused, in nats: 3 make it 20 times less
  /// probable.
  public var leastDrop = 3.0
  /// How many times as far log p must fall as it moves when as many other passages are left out.
  public var controlFactor = 2.0

  /// The usual thresholds.
  public init() {}

  /// What a retraining must lower log p by, in nats.
  ///
  /// - Parameter control: How far log p moved without as many passages drawn by chance; nil where
  ///   that was not tried.
  public func neededDrop(control: Double?) -> Double {
    max(leastDrop, controlFactor * abs(control ?? 0))
  }

  /// The verdict on a span.
  ///
  /// - Parameters:
  ///   - isCopied: Whether surprising matches cover it.
  ///   - credit: The credit of the source with all its copies, in nats.
  ///   - copies: What came out without these.
  ///   - document: What came out without the source's document.
  public func verdict(
    isCopied: Bool, credit: Double, copies: Counterfactual, document: Counterfactual
  ) -> Verdict {
    func isLowered(_ outcome: Counterfactual) -> Bool {
      -outcome.change >= neededDrop(control: outcome.control)
    }
    let isCaused = credit > 0 && isLowered(copies)
    guard isCopied else { return isCaused ? .causedNotCopied : .neither }
    return isCaused && isLowered(document) ? .copiedAndCaused : .availableElsewhere
  }
}

/// What training again without some passages does to a span.
public struct Counterfactual: Sendable, Equatable {
  /// What is left out.
  public enum Kind: String, Sendable {
    /// The passage that the span is traced to.
    case passage
    /// That passage with all its copies, verbatim and near.
    case copies
    /// All passages of its document.
    case document
    /// A document that was named.
    case named
  }

  /// What is left out.
  public let kind: Kind
  /// The passages left out, ascending.
  public let passages: [Int]
  /// log p of the span as the model is, in nats.
  public let before: Double
  /// log p of the span under the model trained without them, in nats.
  public let after: Double
  /// The change of log p without as many passages drawn by chance, in nats.
  ///
  /// The largest of the draws; nil where that was not tried.
  public let control: Double?

  /// What came out.
  public init(
    kind: Kind, passages: [Int], before: Double, after: Double, control: Double? = nil
  ) {
    self.kind = kind
    self.passages = passages
    self.before = before
    self.after = after
    self.control = control
  }

  /// The change of log p, in nats: negative where the span depends on what is left out.
  public var change: Double { after - before }

  /// log p / p_safe in nats, where the safe model is the one trained without the passages: by how
  /// much the model exceeds the bound of near access-freeness for this span with k = 0 (Vyas, Kakade
  /// and Barak 2023).
  public var logRatio: Double { before - after }
}
