public import Influence

extension Cocktail {
  /// The concentration of an output's scores in one plain sentence.
  public var sentence: String { sentence(with: []) }

  /// The same with more to say before what cancels, each a clause of its own.
  func sentence(with clauses: [String]) -> String {
    guard items > 0 else { return "There are no training items." }
    let all = HumanNumber.count(items)
    guard gross > 0 else {
      return items == 1
        ? "The only training item did not move this output: its score is zero."
        : "No training item moved this output: all \(all) scores are zero."
    }
    guard items > 1 else { return "The only training item holds all that moved this output." }
    let opening = [
      "What moved this output amounts to \(contributors) among \(all) items",
      "the strongest holds \(HumanNumber.percent(topShare)) of the gross, against "
        + "\(HumanNumber.percent(equalShare)) if all were equal",
    ]
    return (opening + clauses + [cancelled]).joined(separator: "; ") + "."
  }

  /// The effective number: whole from ten on, one decimal below.
  var effectiveText: String {
    let digits = effectiveContributors >= 10 ? 0 : 1
    let scale = digits == 0 ? 1.0 : 10
    let rounded = (effectiveContributors * scale).rounded() / scale
    let isWhole = rounded == rounded.rounded()
    return isWhole
      ? HumanNumber.count(Int(rounded)) : HumanNumber.significant(rounded, digits: 2)
  }

  private var contributors: String {
    effectiveText == "1" ? "a single contributor" : "\(effectiveText) equal contributors"
  }

  private var cancelled: String {
    // Rounding leaves a little where all signs agree.
    cancelledShare < 1e-9
      ? "nothing cancels" : "\(HumanNumber.percent(cancelledShare)) of the gross cancels"
  }
}

extension Cocktail? {
  /// The sentence, or why there is none.
  var sentence: String {
    self?.sentence
      ?? "Only the strongest items were searched for, so what all items together hold is not known."
  }
}
