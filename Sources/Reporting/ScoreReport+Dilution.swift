public import Influence

extension ScoreReport {
  /// How the shares of watched items in their own outputs, and the effects of leaving them out, go
  /// along the axes of a family of runs.
  public struct Dilution: Sendable {
    /// The family.
    public var setting: DilutionSetting
    /// What came out, axis by axis, kind by kind.
    public var curves: [DilutionCurve]

    /// What came out of a family of runs.
    public init(setting: DilutionSetting, outcomes: [[WatchedOutcome]]) {
      self.setting = setting
      curves = setting.curves(outcomes)
    }
  }

  /// The families of runs of all sections.
  public var dilutions: [Dilution] {
    sections.compactMap { if case .dilution(let dilution) = $0 { dilution } else { nil } }
  }
}

// What several formats say in the same words and the same order.

extension ScoreReport.Dilution {
  /// The quantities that differ along an axis: one copy is all copies where there is one.
  func quantities(_ axis: DilutionAxis) -> [DilutionQuantity] {
    let hasCopies = axis == .copies || setting.base.copies > 1
    return DilutionQuantity.allCases.filter {
      hasCopies || ($0 != .shareOfAll && $0 != .effectOfAll)
    }
  }

  /// The curve of a quantity.
  func curve(
    _ axis: DilutionAxis, _ kind: WatchedKind, _ quantity: DilutionQuantity
  ) -> DilutionCurve? {
    curves.first { $0.axis == axis && $0.kind == kind && $0.quantity == quantity }
  }

  /// Where everything stands that an axis does not vary.
  func standing(_ axis: DilutionAxis) -> String {
    DilutionAxis.allCases.filter { $0 != axis }.map { other in
      let value = setting.base[other]
      switch other {
      case .items: return "\(HumanNumber.count(value)) items"
      case .copies:
        return value == 1
          ? "each watched item once" : "\(HumanNumber.count(value)) copies of each watched item"
      case .epochs: return "\(HumanNumber.count(value)) \(value == 1 ? "epoch" : "epochs")"
      case .width: return "\(HumanNumber.count(value)) hidden units"
      }
    }.joined(separator: ", ")
  }

  /// How many items the runs have.
  var itemText: String {
    let counts = setting.cells.map(\.point.items)
    let (least, most) = (counts.min() ?? 0, counts.max() ?? 0)
    return least == most
      ? HumanNumber.count(most) : "\(HumanNumber.count(least)) to \(HumanNumber.count(most))"
  }

  /// What the numbers of the tables are.
  var legend: String {
    "Means over \(HumanNumber.count(setting.seeds)) seeds of "
      + "\(HumanNumber.count(setting.watched)) watched items each"
      + (setting.seeds > 1 ? "; exponents have 95 % intervals over the seeds" : "")
      + ". Share: of the gross of the output's own account. Effect: the nats of log-probability that the item's own output loses when the run is "
      + "trained again without it; in parentheses what the marginal predicts. The cocktail claim holds "
      + "for a quantity where the interval of its exponent leaves at most "
      + "\(HumanNumber.percent(DilutionCurve.mostRemaining)) of it from the first value to the last, fails "
      + "where it leaves more, and is not borne out where it holds both."
  }

  /// The cells of a row of the table of an axis, a text for each of its quantities.
  func cells(_ axis: DilutionAxis, _ kind: WatchedKind, at place: Int) -> [String] {
    quantities(axis).map { quantity in
      guard let curve = curve(axis, kind, quantity) else { return "–" }
      let prediction = curve.predicted[place].map { " (\(quantity.text($0)))" } ?? ""
      return quantity.text(curve.means[place].mean) + prediction
    }
  }

  /// The exponents of a kind along an axis, a text for each of its quantities.
  func exponents(_ axis: DilutionAxis, _ kind: WatchedKind) -> [String] {
    quantities(axis).map { quantity in
      guard case .success(let law)? = curve(axis, kind, quantity)?.law else { return "–" }
      return law.text
    }
  }
}

extension PowerLaw {
  /// `−0.99 [−1.04, −0.95]`.
  var text: String {
    let numbers = [exponent] + (interval.map { [$0.lowerBound, $0.upperBound] } ?? [])
    let texts = numbers.map { HumanNumber.decimals($0, 2) }
    return texts.count == 1 ? texts[0] : "\(texts[0]) [\(texts[1]), \(texts[2])]"
  }
}

extension DilutionAxis {
  /// What is counted on it.
  var title: String {
    switch self {
    case .items: "training items"
    case .copies: "copies of each watched item"
    case .epochs: "epochs"
    case .width: "hidden units"
    }
  }

  /// So many of them.
  func counted(_ value: Int) -> String {
    let noun =
      switch self {
      case .items: "item"
      case .copies: value == 1 ? "copy" : "copie"
      case .epochs: "epoch"
      case .width: "hidden unit"
      }
    return "\(HumanNumber.count(value)) \(noun)\(value == 1 ? "" : "s")"
  }
}

extension DilutionQuantity {
  /// The heading of its column.
  var title: String {
    switch self {
    case .share: "share"
    case .shareOfAll: "share of all copies"
    case .contributors: "contributors"
    case .rank: "rank"
    case .effectOfOne: "effect of one copy"
    case .effectOfAll: "effect of all copies"
    }
  }

  /// The same where there is one copy.
  func title(hasCopies: Bool) -> String {
    self == .effectOfOne && !hasCopies ? "effect" : title
  }

  /// A number of it.
  ///
  /// - Parameter isTick: Whether it is one of the round numbers of a scale.
  func text(_ value: Double, isTick: Bool = false) -> String {
    switch self {
    case .share, .shareOfAll: HumanNumber.percent(value)
    case _ where isTick: HumanNumber.significant(value, digits: 1)
    case .contributors, .rank: HumanNumber.significant(value, digits: value < 9.95 ? 2 : 3)
    case .effectOfOne, .effectOfAll: HumanNumber.significant(value, digits: 2)
    }
  }

  /// The unit after a number of it, with a space in front.
  var unit: String { self == .effectOfOne || self == .effectOfAll ? " nats" : "" }
}
