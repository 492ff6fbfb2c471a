import Formats
import TensorCore

extension RunRecord {
  /// The corpus of the run; nil where its items are no text.
  ///
  /// The documents are cut again, and compared with the passages that are listed.
  ///
  /// - Throws: `FormatError` or ``TrainingError``, naming the file and the line at fault.
  public func text() throws -> TextCorpus? {
    guard let text = manifest.text else { return nil }
    let vocabulary = try vocabulary(text)
    let documents = try DocumentTable(JSONLines.read(source(text.documents)))
    let files = try documents.files(of: source(text.text))
    let context = model.inputShape.count
    guard (1...context).contains(text.stride) else {
      throw FormatError(
        .malformed, file: "\(folder)/\(RunManifest.fileName)",
        found: "\"text.stride\": \(text.stride)", expected: "1 to \(context)")
    }
    let passages = try PassageTable(JSONLines.read(source(text.passages)))
    // The documents' groups are asked for first.
    var groups = [passages.groups, documents.groups]
    let corpus = try TextCorpus(
      files, vocabulary, context: context, stride: text.stride, isHeldOut: documents.isHeldOut
    ) { texts in
      guard let known = groups.popLast(), known.exact.count == texts.count else {
        throw FormatError(
          .malformed, file: passages.name, found: "\(passages.groups.exact.count) passages",
          expected: "\(texts.count), those of the documents")
      }
      return known
    }
    try passages.check(corpus)
    let heldOut = corpus.passages.count - corpus.trainCount
    guard manifest.train.count == corpus.trainCount, (manifest.test?.count ?? 0) == heldOut else {
      throw FormatError(
        .malformed, file: passages.name,
        found: "\(corpus.trainCount) passages to learn and \(heldOut) held out",
        expected: "\(manifest.train.count) and \(manifest.test?.count ?? 0), the run's items")
    }
    return corpus
  }

  /// The corpus of a run that must be of text.
  ///
  /// - Throws: As ``text()``; ``TrainingError`` where the items are no text.
  public func requireText() throws -> TextCorpus {
    guard let text = try text() else { throw noText }
    return text
  }

  /// The tokens of a text model.
  ///
  /// - Throws: `FormatError` or ``TrainingError`` where they are at fault, or not those of the model,
  ///   or where the items of the run are no text.
  public func vocabulary() throws -> Vocabulary {
    guard let text = manifest.text else { throw noText }
    return try vocabulary(text)
  }

  package var noText: TrainingError {
    .data(
      "\(FormatError.printable(folder)): found a run whose items are no text, expected one of "
        + "palimpsest train --text")
  }

  private func vocabulary(_ text: RunManifest.Text) throws -> Vocabulary {
    let source = try source(text.vocabulary)
    let vocabulary = try Vocabulary(source)
    guard vocabulary.count == model.vocabulary else {
      throw FormatError(
        .malformed, file: source.name, found: "\(vocabulary.count) tokens",
        expected: "\(model.vocabulary ?? 0), those of the model \(model.specification)")
    }
    try ModelRegistry.requireText(model, tokens: vocabulary.count)
    return vocabulary
  }
}

/// Columns of `documents.jsonl` or `passages.jsonl`.
private struct TextTable {
  let table: ItemTable
  let count: Int

  /// - Parameter column: One that must be there.
  init(_ table: ItemTable, texts column: String) throws(FormatError) {
    self.table = table
    guard let values = table.texts(column) else {
      throw FormatError(
        .malformed, file: table.name, found: "no texts \(FormatError.quoted(column))",
        expected: "one in each line")
    }
    count = values.count
  }

  func texts(_ column: String) throws(FormatError) -> [String] {
    guard let values = table.texts(column) else { throw missing(column) }
    return values
  }

  /// Whole numbers.
  func numbers(_ column: String) throws(FormatError) -> [Int] {
    guard let array = table[column], array.shape == [count] else { throw missing(column) }
    do throws(FormatError) {
      return try array.integers().map { Int($0) }
    } catch {
      throw FormatError(
        .malformed, file: table.name, found: "\(FormatError.quoted(column)): \(error.found)",
        expected: "whole numbers")
    }
  }

  /// The first members of groups: each a member of its own group, and none after the element.
  func groups(_ column: String) throws(FormatError) -> [Int] {
    let values = try numbers(column)
    for (number, first) in values.enumerated() {
      guard (0...number).contains(first), values[first] == first else {
        throw fault(number, "\"\(column)\": \(first)", "the number of an earlier line, or its own")
      }
    }
    return values
  }

  func fault(_ number: Int, _ found: String, _ expected: String) -> FormatError {
    FormatError(
      .malformed, file: table.name, at: .line(number + 1, column: 1), found: found,
      expected: expected)
  }

  private func missing(_ column: String) -> FormatError {
    FormatError(
      .malformed, file: table.name, found: "no \(FormatError.quoted(column)) in each line",
      expected: "a text or a whole number")
  }
}

/// `documents.jsonl`.
private struct DocumentTable {
  private let table: TextTable
  private let paths: [String]
  private let starts: [Int]
  private let ends: [Int]
  let isHeldOut: [Bool]
  let groups: (exact: [Int], near: [Int])

  init(_ items: ItemTable) throws(FormatError) {
    table = try TextTable(items, texts: "path")
    paths = try table.texts("path")
    starts = try table.numbers("start")
    ends = try table.numbers("end")
    groups = (try table.groups("exact"), try table.groups("near"))
    let parts = try table.texts("part")
    if let fault = parts.firstIndex(where: { $0 != "train" && $0 != "held-out" }) {
      throw table.fault(
        fault, "\"part\": \(FormatError.quoted(parts[fault]))", "train or held-out")
    }
    isHeldOut = parts.map { $0 == "held-out" }
  }

  /// The documents in the bytes of all, which they fill in their order.
  func files(of source: ByteSource) throws(FormatError) -> [TextFile] {
    var files: [TextFile] = []
    var end = 0
    for number in paths.indices {
      guard starts[number] == end, (end...source.count).contains(ends[number]) else {
        throw table.fault(
          number, "the bytes \(starts[number])..<\(ends[number])",
          "bytes from \(end), of the \(source.count) in \(source.name)")
      }
      files.append(
        TextFile(
          path: paths[number],
          bytes: try source.bytes(ends[number] - starts[number], at: starts[number])))
      end = ends[number]
    }
    guard end == source.count else {
      throw FormatError(
        .malformed, file: source.name, at: .byte(end),
        found: "\(source.count - end) bytes behind the last document",
        expected: "the end of the file, as \(table.table.name) says")
    }
    return files
  }
}

/// `passages.jsonl`.
private struct PassageTable {
  private let table: TextTable
  private let columns: [(name: String, values: [Int])]
  let groups: (exact: [Int], near: [Int])

  var name: String { table.table.name }

  init(_ items: ItemTable) throws(FormatError) {
    table = try TextTable(items, texts: "id")
    columns = [
      ("document", try table.numbers("document")), ("start", try table.numbers("start")),
      ("end", try table.numbers("end")),
    ]
    groups = (try table.groups("exact"), try table.groups("near"))
  }

  /// Checks that the lines tell the passages of a corpus of as many.
  func check(_ corpus: TextCorpus) throws(FormatError) {
    for (number, passage) in corpus.passages.enumerated() {
      let cut = [passage.document, passage.bytes.lowerBound, passage.bytes.upperBound]
      for (column, value) in zip(columns, cut) where column.values[number] != value {
        throw table.fault(
          number, "\"\(column.name)\": \(column.values[number])",
          "\(value), as the documents are cut")
      }
    }
  }
}
