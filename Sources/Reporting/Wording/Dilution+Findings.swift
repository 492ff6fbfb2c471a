import Influence

extension ScoreReport.Dilution {
  /// What the curves of one axis say of one kind of items.
  struct Finding {
    let axis: DilutionAxis
    let kind: WatchedKind
    let sentence: String
  }

  /// Where the claim holds that an item is lost among the others, and where it fails, for each axis
  /// and kind.
  var findings: [Finding] {
    setting.axes.flatMap { axis in
      setting.kinds.map { Finding(axis: axis, kind: $0, sentence: sentence(axis, $0)) }
    }
  }

  private func sentence(_ axis: DilutionAxis, _ kind: WatchedKind) -> String {
    let share = clause(
      axis, kind, .share,
      "the share of \(axis == .copies ? "one copy" : "an item") in its own output")
    let effects = quantities(axis).filter { [.effectOfOne, .effectOfAll].contains($0) }
    let details = effects.map { effect in
      clause(axis, kind, effect, "what \(left(effect, isOne: effects.count == 1)) takes from it")
    }
    let head = "\(kind.plural), \(range(axis)): "
    guard axis == .items || axis == .copies else {
      return head + ([share] + details).joined(separator: "; ") + "."
    }
    return head + verdict(axis, kind, effects) + ": " + ([share] + details).joined(separator: "; ")
      + "."
  }

  private func left(_ effect: DilutionQuantity, isOne: Bool) -> String {
    isOne
      ? "leaving it out"
      : effect == .effectOfOne ? "leaving one copy out" : "leaving all copies out"
  }

  private func range(_ axis: DilutionAxis) -> String {
    let values = setting.points(axis).map { $0[axis] }
    guard let first = values.first, let last = values.last else { return "" }
    return "\(HumanNumber.count(first)) to \(axis.counted(last))"
  }

  /// Whether the claim holds, from what is left at the end of the axis.
  ///
  /// The effect that counts is that of leaving all copies out: it is what the item did.
  private func verdict(
    _ axis: DilutionAxis, _ kind: WatchedKind, _ effects: [DilutionQuantity]
  ) -> String {
    let share = curve(axis, kind, .share)?.claim
    guard let share, let whole = effects.last,
      let effect = curve(axis, kind, whole)?.claim
    else { return "nothing can be claimed" }
    let (one, other) = (
      axis == .copies ? "the share of one copy" : "the share",
      effects.count > 1 ? "the effect of all copies together" : "the effect"
    )
    return share == effect
      ? "the cocktail claim \(share.words), for \(one) and for \(other)"
      : "the cocktail claim \(share.words) for \(one) and \(effect.words) for \(other)"
  }

  /// How a quantity goes, from the first value to the last.
  private func clause(
    _ axis: DilutionAxis, _ kind: WatchedKind, _ quantity: DilutionQuantity, _ subject: String
  ) -> String {
    guard let curve = curve(axis, kind, quantity), let first = curve.means.first,
      let last = curve.means.last
    else { return "\(subject) is not known" }
    let way =
      "from \(quantity.text(first.mean)) to \(quantity.text(last.mean))\(quantity.unit)"
    switch curve.law {
    case .failure(let refusal): return "\(subject) goes \(way), without an exponent, as \(refusal)"
    case .success(let law):
      let exponent = "exponent \(law.text)"
      switch curve.trend {
      case .falls: return "\(subject) falls \(way) (\(exponent))"
      case .rises: return "\(subject) grows \(way) (\(exponent))"
      case .undecided:
        return "\(subject) goes \(way), neither surely falling nor surely growing (\(exponent))"
      case nil: return "\(subject) goes \(way) (\(exponent), one seed gives no interval)"
      }
    }
  }
}

extension DilutionCurve.Claim {
  fileprivate var words: String {
    switch self {
    case .holds: "holds"
    case .fails: "fails"
    case .undecided: "is not borne out"
    }
  }
}

extension WatchedKind {
  /// How a sentence begins.
  var plural: String {
    switch self {
    case .typical: "Typical items"
    case .mislabelled: "Mislabelled items"
    case .random: "Random items"
    }
  }
}
