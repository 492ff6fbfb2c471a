import Formats
import Influence
import Reporting
import Training

extension Sample {
  /// Three documents, the second and third the same, of a model of bytes.
  static func corpus(_ text: String = "the old mill", path: String = "book") throws -> TextCorpus {
    let files = [
      TextFile(path: "\(path)-1", bytes: Array("one <b>two</b> three\n& four".utf8)),
      TextFile(path: "\(path)-2", bytes: Array(text.utf8)),
      TextFile(path: "\(path)-3", bytes: Array(text.utf8)),
    ]
    var settings = TextCorpus.Settings(context: 128)
    settings.heldOut = 0
    return try TextCorpus(files, .bytes, settings)
  }

  /// The trace of a text that stands in the second document, and of two bytes that do not.
  static func trace(
    _ text: String = "the old mill", path: String = "book",
    verdict: Verdict? = .availableElsewhere, unit: TraceUnit = .span,
    hasControls: Bool = true
  ) throws -> ScoreReport.TracedText {
    let corpus = try corpus(text, path: path)
    let output = try TracedOutput(
      prompt: [62], output: Array(text.utf8).map { Int32($0) } + [33, 33], .bytes)
    let end = 1 + text.utf8.count
    let surprise = Surprise(bits: 61.5, expectedOccurrences: 3e-17)
    let match = VerbatimMatch(
      bytes: 1..<end,
      places: [1, 2].map { TextPlace(document: $0, bytes: 0..<text.utf8.count) },
      surprise: surprise)
    func account(_ rows: [Double]) -> OutputAccount {
      var account = Sample.account(rows, before: -50, isLowerBetter: false)
      account.columns[.marginal] = LedgerAccount(items: rows.map { $0 / 4 }, residual: 0)
      return account
    }
    func control(_ change: Double) -> Double? { hasControls ? change : nil }
    func outcomes(_ change: Double) -> [Counterfactual] {
      [
        Counterfactual(
          kind: .passage, passages: [1], before: -4, after: -4.2, control: control(0.1)),
        Counterfactual(
          kind: .copies, passages: [1, 2], before: -4, after: -4 + change, control: control(-0.3)),
        Counterfactual(
          kind: .document, passages: [1], before: -4, after: -4.2, control: control(0.1)),
      ]
    }
    let spans = [
      TraceSpan(
        tokens: 1..<end, bytes: 1..<end, logProbability: -4, account: account([-1, 24, 20]),
        relevance: [0, 2.5, 2.5], match: match, copiedShare: 1,
        source: TraceSource(passage: 1, isMatched: true, copies: [1, 2], documents: [1, 2]),
        counterfactuals: verdict == nil ? [] : outcomes(-40), verdict: verdict),
      TraceSpan(
        tokens: end..<end + 2, bytes: end..<end + 2, logProbability: -9,
        account: account([0.5, -0.25, 0]), relevance: [0, 0, 0], match: nil, copiedShare: 0,
        source: TraceSource(passage: 0, isMatched: false, copies: [0], documents: [0]),
        counterfactuals: verdict == nil ? [] : outcomes(-1), verdict: verdict.map { _ in .neither }),
    ]
    let units =
      unit == .token
      ? output.predicted.map { $0..<$0 + 1 } : spans.map(\.tokens)
    let trace = Trace(
      output: output,
      logProbabilities: output.predicted.map { _ in -13 / Double(output.predicted.count) },
      matches: [match], units: units,
      accounts: unit == .token ? units.map { _ in account([3, 1, 0.5]) } : spans.map(\.account),
      spans: spans, shortestMatch: 16, retrainings: verdict == nil ? 0 : 5)
    return ScoreReport.TracedText(trace, of: corpus, count: 3)
  }
}
