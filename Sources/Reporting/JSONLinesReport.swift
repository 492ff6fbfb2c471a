import Formats
import Influence
import Training

/// One JSON object on each line for programs: a header, then each query, account, receipt, fit,
/// trial and method of an evaluation, memorised item and pair of items, canary, place and exponent of
/// a family of runs, size of inverted gradients, and what a trace found.
///
/// `kind` tells them apart. Names are in alphabetical order and every object of a kind has the same
/// ones; what is not known is `null`. Numbers have all their digits.
public enum JSONLinesReport {
  static let format = ReportFormat(
    name: "json lines", fileExtension: "jsonl",
    summary: "a JSON object for each query, after a header; every digit of every number",
    render: render)

  /// The whole file.
  public static func render(_ report: ScoreReport) -> String {
    "\(header(report))\n" + results(report)
  }

  /// The lines after the header.
  public static func results(_ report: ScoreReport) -> String {
    report.sections.flatMap { objects($0, report) }.map { "\($0)\n" }.joined()
  }

  private static func header(_ report: ScoreReport) -> JSONValue {
    object([
      ("kind", .string("header")), ("format", .string("palimpsest-scores")),
      ("version", .number(1)), ("title", .string(report.title)),
      ("method", .string(report.method.name)), ("methodSummary", .string(report.method.summary)),
      ("unit", report.method.unit.map { .string($0) } ?? .null),
      ("measure", .string(report.measure.rawValue)), ("loss", .string(report.loss.rawValue)),
      ("model", .string(report.model)), ("items", .number(report.itemCount)),
      ("queries", .number(report.queryCount)),
      ("notes", .array(report.notes.map { .string($0) })),
      ("command", .string(report.provenance.command)),
      ("softwareVersion", .string(report.provenance.version)),
      (
        "provenance",
        .array(
          report.provenance.facts.map {
            object([("name", .string($0.name)), ("value", .string($0.value))])
          })
      ),
    ])
  }

  private static func objects(
    _ section: ScoreReport.Section, _ report: ScoreReport
  ) -> [JSONValue] {
    switch section {
    case .query(let query): [object(query)]
    case .ledger(let ledger): [object(ledger, report)]
    case .receipts(let receipts): receipts.map(object) + receipts.fits.map(object)
    case .evaluation(let evaluation): objects(evaluation)
    case .dilution(let dilution): objects(dilution)
    case .inversion(let inversion): objects(inversion)
    case .trace(let trace): objects(trace)
    case .memorization(let part): objects(part)
    case .exposures(let part): objects(part)
    case .selfInfluence(let part): objects(part)
    }
  }

  private static func object(_ scores: ScoreReport.QueryScores) -> JSONValue {
    let cocktail = scores.cocktail
    return object([
      ("kind", .string("query")), ("id", .string(scores.query.id)),
      ("label", .string(scores.query.label)), ("group", .string(scores.query.group)),
      ("measured", number(scores.measured)),
      ("net", number(cocktail?.net)), ("gross", number(cocktail?.gross)),
      ("effectiveContributors", number(cocktail?.effectiveContributors)),
      ("entropyContributors", number(cocktail?.entropyContributors)),
      ("topShare", number(cocktail?.topShare)), ("cancellation", number(cocktail?.cancellation)),
      ("cancelledShare", number(cocktail?.cancelledShare)),
      ("refusal", scores.refusal.map { .string($0) } ?? .null),
      ("zeroReason", scores.zeroReason.map { .string($0) } ?? .null),
      ("supporters", .array(scores.supporters.map(object))),
      ("opponents", .array(scores.opponents.map(object))),
      ("shown", .array(scores.shown.map(object))),
    ])
  }

  private static func object(_ scored: ScoreReport.ScoredItem) -> JSONValue {
    object([
      ("item", .number(scored.number)), ("id", .string(scored.item.id)),
      ("label", .string(scored.item.label)), ("group", .string(scored.item.group)),
      ("score", number(scored.score)),
    ])
  }

  /// An item or a group that was asked for; `item` and `rank` are null for a group.
  static func object(_ standing: ScoreReport.Standing) -> JSONValue {
    object([
      ("item", standing.number.map { .number($0) } ?? .null), ("id", .string(standing.item.id)),
      ("label", .string(standing.item.label)), ("group", .string(standing.item.group)),
      ("items", .number(standing.count)), ("score", number(standing.score)),
      ("gross", number(standing.gross)), ("share", number(standing.share)),
      ("rank", standing.rank.map { .number($0) } ?? .null),
    ])
  }

  static func object(_ members: [(name: String, value: JSONValue)]) -> JSONValue {
    .object(members.sorted { $0.name < $1.name }.map { JSONValue.Member($0.name, $0.value) })
  }

  /// JSON has no number for NaN and infinity.
  static func number(_ value: Double?) -> JSONValue {
    guard let value, value.isFinite else { return .null }
    // No row is called −0.
    return .number(value == 0 ? 0 : value)
  }
}
