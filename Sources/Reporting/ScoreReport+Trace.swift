public import Influence
import TensorCore
public import Training

extension ScoreReport {
  /// An output of a text model with the passages behind it.
  public struct TracedText: Sendable {
    /// What was found.
    public let trace: Trace
    /// The documents and their passages.
    public let corpus: TextCorpus
    /// How many passages and documents of each span are shown.
    public let count: Int

    /// A trace of a model of these documents.
    public init(_ trace: Trace, of corpus: TextCorpus, count: Int) {
      self.trace = trace
      self.corpus = corpus
      self.count = count
    }
  }

  /// The traces of all sections.
  public var traces: [TracedText] {
    sections.compactMap { if case .trace(let trace) = $0 { trace } else { nil } }
  }
}

extension ScoreReport.TracedText {
  /// A passage or a document in the account of a span.
  struct Row {
    /// The number of the passage or document.
    let number: Int
    /// Its id or path.
    let name: String
    /// What it holds in each column that has an answer, in nats.
    let values: [LedgerColumn: Double]
    /// What it holds of the gross credit.
    let share: Double
    /// BM25; of a document that of its best passage.
    let relevance: Double
  }

  /// Some bytes as text, on their own lines.
  func text(_ bytes: Range<Int>) -> String {
    String(decoding: trace.output.bytes[bytes], as: UTF8.self)
  }

  /// The bytes of the prompt as text.
  var prompt: String { text(0..<trace.output.outputBytes.lowerBound) }

  /// The output as text.
  var output: String { text(trace.output.outputBytes) }

  /// The columns of an account that have an answer.
  static func columns(_ account: OutputAccount) -> [LedgerColumn] {
    LedgerColumn.allCases.filter { account.columns[$0].map { $0.refusal == nil } ?? false }
  }

  /// The passages with most credit, the highest first.
  func passages(_ account: OutputAccount, relevance: [Double] = []) -> [Row] {
    let rows = rows(account, relevance: relevance, groups: (0..<corpus.trainCount).map { [$0] }) {
      corpus.id(of: $0)
    }
    return Array(rows.prefix(count))
  }

  /// The documents with most credit, the highest first.
  func documents(_ account: OutputAccount, relevance: [Double] = []) -> [Row] {
    var members = [[Int]](repeating: [], count: corpus.documents.count)
    for (passage, place) in corpus.trainPassages.enumerated() {
      members[place.document].append(passage)
    }
    let rows = rows(account, relevance: relevance, groups: members) { corpus.documents[$0].path }
    return Array(rows.prefix(count))
  }

  private func rows(
    _ account: OutputAccount, relevance: [Double], groups: [[Int]], name: (Int) -> String
  ) -> [Row] {
    let columns = Self.columns(account)
    let credit = account.columns[.credit]?.items ?? []
    let gross = credit.reduce(0) { $0 + abs($1) }
    let sums = groups.map { $0.reduce(0) { $0 + credit[$1] } }
    let order = groups.indices.filter { !groups[$0].isEmpty }
      .sorted { (sums[$0], $1) > (sums[$1], $0) }
    return order.prefix(count).map { group in
      let members = groups[group]
      let values = columns.map { column in
        let items = account.columns[column]?.items ?? []
        return (column, members.reduce(0) { $0 + items[$1] })
      }
      return Row(
        number: group, name: name(group), values: Dictionary(uniqueKeysWithValues: values),
        share: gross > 0 ? members.reduce(0) { $0 + abs(credit[$1]) } / gross : 0,
        relevance: relevance.isEmpty ? 0 : members.map { relevance[$0] }.max() ?? 0)
    }
  }

  /// The passage that BM25 puts first; nil where none shares a word.
  func mostRelevant(_ span: TraceSpan) -> Int? {
    guard let best = span.relevance.max(), best > 0 else { return nil }
    return span.relevance.firstIndex(of: best)
  }

  /// How concentrated the credit of an account is.
  static func concentration(_ account: OutputAccount) -> Cocktail {
    Cocktail(account.columns[.credit]?.items ?? [])
  }

  /// The number of the account that a predicted token is in.
  func unit(of token: Int) -> Int? { trace.units.firstIndex { $0.contains(token) } }
}
