import RealModule

/// A mean over seeds, and where it would lie with other seeds.
public struct SeedMean: Sendable, Equatable {
  /// The mean.
  public let mean: Double
  /// Student's interval of 95 %; nil for one seed, and where numbers are too large for one.
  public let interval: ClosedRange<Double>?

  /// From one number of each seed.
  ///
  /// - Precondition: There is at least one.
  public init(_ values: [Double]) {
    let count = Double(values.count)
    let mean = values.reduce(0, +) / count
    self.mean = mean
    guard values.count > 1 else {
      interval = nil
      return
    }
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    let reach =
      StudentT.bound(confidence: 0.95, degrees: count - 1)
      * (squares / (count - 1) / count).squareRoot()
    interval = reach.isFinite && mean.isFinite ? mean - reach...mean + reach : nil
  }
}

/// How one number of the watched items of one kind goes along one axis of a family of runs.
public struct DilutionCurve: Sendable, Equatable {
  /// What is varied.
  public let axis: DilutionAxis
  /// What is watched.
  public let kind: WatchedKind
  /// What is measured.
  public let quantity: DilutionQuantity
  /// The values on the axis, ascending.
  public let values: [Int]
  /// The mean over the seeds at each value, a seed's number being the mean over its watched items.
  public let means: [SeedMean]
  /// The mean of what the marginal predicts at each value; nil where it predicts nothing.
  public let predicted: [Double?]
  /// The power law through the means, or why there is none.
  public let law: Result<PowerLaw, PowerLaw.Refusal>

  /// What the exponent says, where it says anything with 95 % confidence.
  public enum Trend: Sendable {
    /// The exponent is below 0.
    case falls
    /// It is above 0.
    case rises
    /// Its interval holds 0.
    case undecided
  }

  /// What becomes of the claim that the quantity vanishes along the axis.
  public enum Claim: String, Sendable {
    /// With 95 % confidence at most ``mostRemaining`` of it is left at the last value.
    case holds
    /// With 95 % confidence more is left: it grows, stays, or falls too little.
    case fails
    /// The interval holds both.
    case undecided
  }

  /// The part of a quantity that may be left at the last value for it to have vanished: a half.
  public static var mostRemaining: Double { 0.5 }

  /// The part of the first value that the power law leaves at the last one, and its interval; nil
  /// where there is none.
  public var remaining: (part: Double, interval: ClosedRange<Double>)? {
    guard case .success(let law) = law, let interval = law.interval, let first = values.first,
      let last = values.last
    else { return nil }
    let span = Double.log(Double(last) / Double(first))
    return (
      Double.exp(law.exponent * span),
      Double.exp(interval.lowerBound * span)...Double.exp(interval.upperBound * span)
    )
  }

  /// What becomes of the claim; nil where there is no interval.
  public var claim: Claim? {
    guard let interval = remaining?.interval else { return nil }
    return interval.upperBound <= Self.mostRemaining
      ? .holds : interval.lowerBound > Self.mostRemaining ? .fails : .undecided
  }

  /// What the exponent says; nil where there is none, or no interval.
  public var trend: Trend? {
    guard case .success(let law) = law, let interval = law.interval else { return nil }
    return interval.upperBound < 0 ? .falls : interval.lowerBound > 0 ? .rises : .undecided
  }
}

extension DilutionSetting {
  /// The curves of all axes that are varied, of all kinds and quantities, in this order.
  ///
  /// - Parameter outcomes: Those of each of ``cells``, in their order.
  public func curves(_ outcomes: [[WatchedOutcome]]) -> [DilutionCurve] {
    let found = Dictionary(uniqueKeysWithValues: zip(cells, outcomes))
    return axes.flatMap { axis in
      kinds.flatMap { kind in
        DilutionQuantity.allCases.map { curve(axis, kind, $0, found) }
      }
    }
  }

  private func curve(
    _ axis: DilutionAxis, _ kind: WatchedKind, _ quantity: DilutionQuantity,
    _ found: [DilutionCell: [WatchedOutcome]]
  ) -> DilutionCurve {
    let points = points(axis)
    let outcomes = (0..<seeds).map { seed in
      points.map { found[DilutionCell(point: $0, kind: kind, seed: UInt64(seed))] ?? [] }
    }
    let numbers = outcomes.map { $0.map { Self.mean($0.map(quantity.value)) } }
    return DilutionCurve(
      axis: axis, kind: kind, quantity: quantity, values: points.map { $0[axis] },
      means: points.indices.map { place in SeedMean(numbers.map { $0[place] }) },
      predicted: points.indices.map { place in
        let all = outcomes.flatMap { $0[place] }
        let predictions = all.compactMap(quantity.prediction)
        return predictions.count == all.count ? Self.mean(predictions) : nil
      },
      law: Result { () throws(PowerLaw.Refusal) in
        try PowerLaw(x: points.map { Double($0[axis]) }, repetitions: numbers)
      })
  }

  private static func mean(_ values: [Double]) -> Double {
    values.reduce(0, +) / Double(values.count)
  }
}
