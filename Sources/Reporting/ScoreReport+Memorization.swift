public import Influence

extension ScoreReport {
  /// How much of each training item a model memorised, and which of them decide on which test items.
  public struct Memorization: Sendable {
    /// A training item.
    public struct Entry: Sendable {
      /// The item with its row in the training set.
      public var number: Int
      /// The item.
      public var item: Item
      /// By how much oftener it is right where it was learnt; nil where that is not known.
      public var memorization: EstimatedDifference?
      /// By how much less is lost on it where it was learnt, in nats.
      public var counterfactual: EstimatedDifference?
      /// The share of the models that learnt it and have it right.
      public var accuracyInside: Double?
      /// The share of the models that did not learn it and have it right.
      public var accuracyOutside: Double?
      /// Its self-influence; nil where that was not asked for.
      public var selfInfluence: Double?
      /// Its credit for its own output, as a share of the gross.
      public var ledgerShare: Double?

      /// A training item.
      public init(
        number: Int, item: Item, memorization: EstimatedDifference? = nil,
        counterfactual: EstimatedDifference? = nil, accuracyInside: Double? = nil,
        accuracyOutside: Double? = nil, selfInfluence: Double? = nil, ledgerShare: Double? = nil
      ) {
        self.number = number
        self.item = item
        self.memorization = memorization
        self.counterfactual = counterfactual
        self.accuracyInside = accuracyInside
        self.accuracyOutside = accuracyOutside
        self.selfInfluence = selfInfluence
        self.ledgerShare = ledgerShare
      }
    }

    /// A training item and a test item that it decides on.
    public struct Pair: Sendable {
      /// Which ones, and by how much.
      public var influence: InfluencePair
      /// The training item.
      public var item: Item
      /// The test item.
      public var test: Item

      /// A pair.
      public init(_ influence: InfluencePair, item: Item, test: Item) {
        self.influence = influence
        self.item = item
        self.test = test
      }
    }

    /// The number of models.
    public var models: Int
    /// The items that each of them learnt.
    public var kept: Int
    /// The longest interval of memorisation and the median one; infinite where an item has none.
    public var widths: (widest: Double, median: Double)
    /// All training items, N of them in their order.
    public var entries: [Entry]
    /// The pairs of the largest influence, the largest first; nil without test items.
    public var pairs: [Pair]?
    /// How many items are shown to people.
    public var shown: Int

    /// What came out.
    public init(
      models: Int, kept: Int, widths: (widest: Double, median: Double), entries: [Entry],
      pairs: [Pair]?, shown: Int
    ) {
      self.models = models
      self.kept = kept
      self.widths = widths
      self.entries = entries
      self.pairs = pairs
      self.shown = shown
    }
  }

  /// The memorisation of all sections.
  public var memorizations: [Memorization] {
    sections.compactMap { if case .memorization(let part) = $0 { part } else { nil } }
  }
}

extension ScoreReport.Memorization {
  /// How two ways of scoring rank the same items.
  public struct Agreement: Sendable, Equatable {
    /// The score that retraining gives, such as `memorization`.
    public let score: String
    /// The one that is compared with it, such as `self-influence`.
    public let other: String
    /// Spearman's rank correlation over the items that have both; nil where it is not defined.
    public let spearman: Double?
  }

  /// How the scores that take one run rank the items, compared with those that take many.
  public var agreements: [Agreement] {
    let retrained = [
      ("memorization", entries.map { $0.memorization?.value }),
      ("counterfactual", entries.map { $0.counterfactual?.value }),
    ]
    let cheap = [
      ("self-influence", entries.map(\.selfInfluence)),
      ("ledger share", entries.map(\.ledgerShare)),
    ]
    var agreements: [Agreement] = []
    func compare(_ a: (String, [Double?]), _ b: (String, [Double?])) {
      let pairs = zip(a.1, b.1).compactMap { first, second in
        first.flatMap { first in second.map { (first, $0) } }
      }
      if b.1.allSatisfy({ $0 == nil }) { return }
      agreements.append(
        Agreement(
          score: a.0, other: b.0,
          spearman: Correlation.spearman(pairs.map(\.0), pairs.map(\.1))))
    }
    for score in retrained {
      for other in cheap { compare(score, other) }
    }
    compare(retrained[0], retrained[1])
    return agreements
  }

  /// The items that people are shown.
  public var shownEntries: [Entry] { Array(ranked.prefix(shown)) }

  /// The items that were memorised most, those without an estimate last.
  var ranked: [Entry] {
    func key(_ entry: Entry) -> (Double, Double) {
      (
        entry.memorization?.value ?? -.infinity, entry.counterfactual?.value ?? -.infinity
      )
    }
    return entries.sorted { a, b in
      key(a) == key(b) ? a.number < b.number : key(a) > key(b)
    }
  }
}

// What several formats for people say in the same words.

extension ScoreReport.Memorization {
  /// What came out, in words.
  var sentence: String {
    let much = entries.count { ($0.memorization?.value ?? 0) >= 0.25 }
    let width =
      widths.widest.isFinite
      ? "The widest interval is \(HumanNumber.significant(widths.widest, digits: 2)) long, the median one "
        + "\(HumanNumber.significant(widths.median, digits: 2))."
      : "Too few models to say so of every item: some were learnt by all of them or by none."
    return "Of \(HumanNumber.count(entries.count)) items, \(HumanNumber.count(much)) "
      + "\(much == 1 ? "is" : "are") estimated to have a memorization of 0.25 or more, by "
      + "\(HumanNumber.count(models)) models that each learnt \(HumanNumber.count(kept)) of them. "
      + width
  }

  static let legend =
    "Memorization: the share of the models right on an item where they learnt it, less the share "
    + "where they did not, with 95 % score intervals (Newcombe). Counterfactual: the same difference of "
    + "minus the loss, in nats. Each interval is for its item alone. Items that are shown because they "
    + "are the highest of many are more likely too high than too low."

  static let pairLegend =
    "Influence: the share of the models right on the test item where they learnt the training item, "
    + "less the share where they did not. "
    + "These are the highest estimates of all pairs, with an interval for each alone: where there are "
    + "many pairs, chance puts some of no influence among them."

  static let agreementLegend =
    "1 where both put the items in the same order, 0 where they know nothing of each other."

  var headings: [String] {
    ["memorization", "learnt", "not learnt", "counterfactual"]
      + (entries.contains { $0.selfInfluence != nil } ? ["self-influence"] : [])
      + (entries.contains { $0.ledgerShare != nil } ? ["ledger share"] : [])
  }

  /// The cells under the headings.
  func cells(_ entry: Entry) -> [String] {
    func text(_ value: Double?, _ write: (Double) -> String) -> String {
      value.map { $0.isFinite ? write($0) : "–" } ?? "–"
    }
    return [
      entry.memorization?.text ?? "–", text(entry.accuracyInside, HumanNumber.percent),
      text(entry.accuracyOutside, HumanNumber.percent),
      text(entry.counterfactual?.value) { HumanNumber.significant($0, digits: 3) },
    ]
      + (headings.contains("self-influence")
        ? [text(entry.selfInfluence) { HumanNumber.significant($0, digits: 3) }] : [])
      + (headings.contains("ledger share") ? [text(entry.ledgerShare, HumanNumber.percent)] : [])
  }
}

extension EstimatedDifference {
  /// `0.912 [0.890, 0.934]`.
  var text: String {
    let texts = [value, interval.lowerBound, interval.upperBound].map {
      HumanNumber.decimals($0, 2)
    }
    return "\(texts[0]) [\(texts[1]), \(texts[2])]"
  }
}
