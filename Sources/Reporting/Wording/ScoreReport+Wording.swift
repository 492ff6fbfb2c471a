import Influence
import Training

// What several formats for people say in the same words.

extension ScoreReport {
  /// What was computed, for a table of two columns.
  var setting: [Fact] {
    [
      Fact("method", "\(method.name): \(method.summary)"),
      Fact("scores", "\(method.unitText); positive supports the output"),
      Fact("measure", "\(measure.rawValue): \(measure.summary)"),
      Fact("model", model), Fact("trained with", "\(loss.rawValue): \(loss.summary)"),
      Fact("training items", HumanNumber.count(itemCount)),
      Fact("queries", HumanNumber.count(queries.count)),
    ]
  }

  /// Where it comes from, for a table of two columns.
  var origin: [Fact] {
    provenance.facts + [
      Fact("palimpsest", provenance.version), Fact("command", provenance.command),
    ]
  }

  /// What a positive and a negative score mean for the measure.
  var signSentence: String {
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

extension [ScoreReport.Receipt] {
  /// How often prediction and outcome had the same sign.
  var agreement: String {
    let agreeing = filter(\.agreesInSign).count
    return "The sign was foreseen in \(HumanNumber.count(agreeing)) of \(HumanNumber.count(count))."
  }
}
