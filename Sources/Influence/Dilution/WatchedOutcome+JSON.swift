import Formats

extension WatchedOutcome {
  /// As a file keeps it.
  var json: JSONValue {
    func optional(_ value: Double?) -> JSONValue { value.map { .number($0) } ?? .null }
    return .object([
      .init("source", source.map { .number($0) } ?? .null), .init("label", .number(label)),
      .init("logProbability", .number(logProbability)), .init("share", .number(share)),
      .init("shareOfAll", .number(shareOfAll)), .init("contributors", .number(contributors)),
      .init("rank", .number(rank)), .init("effectOfOne", .number(effectOfOne)),
      .init("effectOfAll", .number(effectOfAll)),
      .init("predictedOfOne", optional(predictedOfOne)),
      .init("predictedOfAll", optional(predictedOfAll)), .init("residual", .number(residual)),
    ])
  }

  /// - Returns: Nil where something is missing.
  init?(_ json: JSONValue) {
    func number(_ name: String) -> Double? { json[name]?.double }
    guard let label = json["label"]?.integer(Int.self),
      let logProbability = number("logProbability"), let share = number("share"),
      let shareOfAll = number("shareOfAll"), let contributors = number("contributors"),
      let rank = json["rank"]?.integer(Int.self), let effectOfOne = number("effectOfOne"),
      let effectOfAll = number("effectOfAll"), let residual = number("residual")
    else { return nil }
    self.init(
      source: json["source"]?.integer(Int.self), label: label, logProbability: logProbability,
      share: share, shareOfAll: shareOfAll, contributors: contributors, rank: rank,
      effectOfOne: effectOfOne, effectOfAll: effectOfAll,
      predictedOfOne: number("predictedOfOne"), predictedOfAll: number("predictedOfAll"),
      residual: residual)
  }
}

extension WatchedOutcome {
  /// Whether it can have come out of a run of so many items.
  package func isPossible(items: Int) -> Bool {
    // Sums of shares round.
    let most = 1 + 1e-9
    let numbers = [effectOfOne, effectOfAll, predictedOfOne, predictedOfAll].compactMap { $0 }
    return (source ?? 0) >= 0 && label >= 0 && (1...items).contains(rank)
      && logProbability <= Self.mostLogProbability && logProbability.isFinite
      && (0...most).contains(share) && (0...most).contains(shareOfAll)
      && (0...Double(items) * most).contains(contributors)
      && numbers.allSatisfy(\.isFinite) && residual.isFinite && residual >= 0
  }

  /// A probability of 1 rounds to a little more.
  private static var mostLogProbability: Double { 1e-4 }
}
