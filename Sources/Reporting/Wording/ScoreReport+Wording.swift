import Influence
import Training

// What several formats for people say in the same words.

extension ScoreReport {
  /// What was computed, for a table of two columns.
  var setting: [Fact] {
    let model = [
      Fact("model", model), Fact("trained with", "\(loss.rawValue): \(loss.summary)"),
      Fact("training items", dilutions.first?.itemText ?? HumanNumber.count(itemCount)),
    ]
    if isOfMemorization || isOfSelfInfluence {
      let unit = isOfSelfInfluence ? [Fact("values", method.unitText)] : []
      return [Fact("method", "\(method.name): \(method.summary)")] + unit + model
    }
    return [
      Fact("method", "\(method.name): \(method.summary)"),
      isOfReceipts
        ? Fact("changes", "\(method.unitText); positive where the \(measure.rawValue) rises")
        : isOfDilution
          ? Fact("effects", "\(method.unitText); positive where the item supported its own output")
          : Fact("scores", "\(method.unitText); positive supports the output"),
    ] + (ledgers.first?.columns ?? []).map { Fact($0.rawValue, $0.summary) } + [
      Fact("measure", "\(measure.rawValue): \(measure.summary)")
    ] + model + [Fact(queryNoun, HumanNumber.count(queryCount))]
  }

  /// Whether there is nothing but receipts.
  var isOfReceipts: Bool { queries.isEmpty && ledgers.isEmpty && !receipts.isEmpty }

  /// Whether there is nothing but families of runs and inverted gradients.
  var isOfDilution: Bool {
    queries.isEmpty && ledgers.isEmpty && !(dilutions.isEmpty && inversions.isEmpty)
  }

  /// Whether there is nothing but memorised items and texts.
  var isOfMemorization: Bool {
    queries.isEmpty && ledgers.isEmpty && !(memorizations.isEmpty && exposures.isEmpty)
  }

  /// How many outputs the sections are about.
  var queryCount: Int {
    if let uncutQueryCount { return uncutQueryCount }
    let watched = dilutions.reduce(0) { $0 + $1.setting.cells.count * $1.setting.watched }
    let inverted = inversions.reduce(0) { $0 + $1.setting.cells.count }
    let asked = queries.count + ledgers.count + traces.count + watched + inverted
    if asked > 0 { return asked }
    return evaluations.map(\.queryCount).max() ?? Set(receipts.map(\.query)).count
  }

  /// What ``queryCount`` counts.
  private var queryNoun: String {
    let isOfItems = evaluations.max { $0.queryCount < $1.queryCount }?.counted == "items"
    return isOfItems && queries.isEmpty && ledgers.isEmpty ? "items judged" : "queries"
  }

  /// Where it comes from, for a table of two columns.
  var origin: [Fact] {
    provenance.facts + [
      Fact("palimpsest", provenance.version), Fact("command", provenance.command),
    ]
  }

  /// What a positive and a negative number mean for the measure.
  var signSentence: String {
    if !exposures.isEmpty {
      return "A secret is exposed as far as the model holds it likelier than others that might "
        + "stand in its place."
    }
    if isOfMemorization {
      return
        "A memorised item is one that models get right only where they learnt it: the others do "
        + "not suffice for it."
    }
    if isOfSelfInfluence {
      return "The score of an item for its own loss: high where learning the item changed its own "
        + "loss most, as for items that are rare, wrongly labelled or learnt by heart."
    }
    if isOfReceipts {
      return "A positive change raises the query's \(measure.rawValue), a negative one lowers it."
    }
    if isOfDilution {
      return "Each output is a watched item's own: the label that it was learnt with. A positive "
        + "effect says that the item supported it: without the item the \(measure.rawValue) is lower."
    }
    if let meaning = method.meaning { return meaning }
    let (up, down) = measure.isLowerBetter ? ("lowered", "raised") : ("raised", "lowered")
    return "A positive score supports the output: training on the item \(up) the query's "
      + "\(measure.rawValue). A negative score opposes it: training on the item \(down) it."
  }
}

extension ScoreReport.Method {
  /// The unit, or that there is none.
  var unitText: String { unit ?? "no unit" }

  /// The same after the word "scores".
  var unitPhrase: String { unit.map { "in \($0)" } ?? "without a unit" }
}

extension Cocktail? {
  /// Effective contributors, share of the strongest, share cancelled; dashes where not known.
  var figures: [String] {
    guard let cocktail = self else { return ["–", "–", "–"] }
    return [
      cocktail.effectiveText, HumanNumber.percent(cocktail.topShare),
      cocktail.gross > 0 ? HumanNumber.percent(cocktail.cancelledShare) : "–",
    ]
  }
}

extension ScoreReport.QueryScores {
  /// What the scores come to, or why there are none.
  var sentence: String {
    if let refusal { return "There are no scores: \(refusal)." }
    if let zeroReason { return "All scores are zero: \(zeroReason)." }
    return cocktail.sentence
  }
}

extension ScoreReport.Fit {
  /// How often prediction and outcome had the same sign.
  func agreement(named: Bool) -> String {
    "The sign was foreseen \(named ? "by \(name) " : "")in \(HumanNumber.count(agreeing)) of "
      + "\(HumanNumber.count(count))."
  }

  /// Slope, Pearson's and Spearman's correlation, share of signs foreseen; dashes where not known.
  var figures: [String] {
    func text(_ value: Double?) -> String {
      value.map { HumanNumber.significant($0) } ?? "–"
    }
    return [
      text(correlation.slope), text(correlation.pearson), text(correlation.spearman),
      "\(HumanNumber.count(agreeing)) of \(HumanNumber.count(count))",
    ]
  }
}

extension ScoreReport.QueryLedger {
  /// The concentration of the column that ranks the items.
  var leadingCocktail: Cocktail? { leading.flatMap { statistics[$0]?.cocktail } }

  /// The largest relative residual of the columns that balance or should; a dash without such.
  var residualText: String {
    let residuals = answered.filter(\.balances).compactMap {
      account.columns[$0]?.relativeResidual
    }
    return residuals.max().map { $0.isFinite ? HumanNumber.significant($0, digits: 2) : "∞" } ?? "–"
  }
}

extension ScoreReport {
  /// What the figures of an overview mean.
  static func concentrationLegend(items: Int) -> String {
    [contributorsLegend(items: items), strongestLegend, cancelledLegend].joined(separator: " ")
  }

  static func contributorsLegend(items: Int) -> String {
    "Contributors: how many equal items of \(HumanNumber.count(items)) would be as concentrated."
  }

  static let strongestLegend =
    "Strongest: its share of the gross, the sum of all scores without their signs."

  static let cancelledLegend =
    "Cancelled: the share of the gross that supporters and opponents take from each other."

  /// What a claim about an item says.
  static let claimLegend =
    "Owed: for how many items it holds that the output owes them more than it would owe a stranger."

  /// What the figures of a fit mean.
  static let fitLegend =
    "Slope: the actual change for a predicted change of one; 1 where the size was right."
}
