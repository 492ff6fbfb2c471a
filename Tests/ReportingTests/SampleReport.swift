import Influence
import Reporting
import Training

/// Reports to render.
enum Sample {
  /// A text that tries every door at once.
  static let hostile =
    "=cmd|' /C calc'!A0,<script>alert(\"x\")</script> & 'q' ]]> -->\r\n\u{1b}[31m\u{9b}\u{202e}\u{fffe}"

  static func report(
    _ sections: [ScoreReport.Section], items: Int = 1_500, text: String = "digits",
    notes: [String] = [], unit: String? = "nats of the query's loss"
  ) -> ScoreReport {
    ScoreReport(
      title: text,
      method: .init(name: "tracin", summary: "inner products over checkpoints", unit: unit),
      measure: .loss, loss: .crossEntropy, model: "mlp:64-32-10:tanh", itemCount: items,
      sections: sections, notes: notes,
      provenance: .init(
        version: "0.1.0", command: "palimpsest demo --out demo-report",
        facts: [.init("run", text), .init("seed", "17")]))
  }

  static func item(_ id: String, _ label: String = "4") -> ScoreReport.Item {
    ScoreReport.Item(id: id, label: label)
  }

  /// A query whose items have these scores, the strongest `k` of each side kept.
  static func query(
    _ scores: [Double], id: String = "test:3", k: Int = 5,
    item: (Int) -> ScoreReport.Item = { Sample.item("train:\($0)") }
  ) -> ScoreReport.QueryScores {
    let falling = scores.indices.sorted { (scores[$0], $1) > (scores[$1], $0) }
    let rising = scores.indices.sorted { (scores[$0], $0) < (scores[$1], $1) }
    func scored(_ indices: some Sequence<Int>) -> [ScoreReport.ScoredItem] {
      indices.prefix(k).map { .init(number: $0, item: item($0), score: scores[$0]) }
    }
    return ScoreReport.QueryScores(
      query: Sample.item(id), measured: 0.012345678901234567, cocktail: Cocktail(scores),
      supporters: scored(falling), opponents: scored(rising))
  }
}
