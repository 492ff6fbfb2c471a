import Formats

/// A corpus as the files of a run, under `data/`.
///
/// `text` holds the bytes of all documents one after another. `documents.jsonl` has a line for each:
/// `path`, `start` and `end` in `text`, `part` (`train` or `held-out`), `exact` and `near`, the
/// numbers of the first document with the same bytes and of the first that it resembles.
/// `passages.jsonl` has a line for each passage: `id`, `document` (its number), `start` and `end` in
/// the document, `exact` and `near`, likewise of passages.
struct TextFiles {
  typealias File = (name: String, bytes: [UInt8])

  let text: File
  let documents: File
  let passages: File
  let vocabulary: File

  init(_ corpus: TextCorpus) {
    var text: [UInt8] = []
    text.reserveCapacity(corpus.documents.reduce(0) { $0 + $1.bytes.count })
    var documents = ""
    for document in corpus.documents {
      documents += Self.line([
        .init("path", .string(document.path)), .init("start", .number(text.count)),
        .init("end", .number(text.count + document.bytes.count)),
        .init("part", .string(document.isHeldOut ? "held-out" : "train")),
        .init("exact", .number(document.exactGroup)), .init("near", .number(document.nearGroup)),
      ])
      text += document.bytes
    }
    var passages = ""
    for (number, passage) in corpus.passages.enumerated() {
      passages += Self.line([
        .init("id", .string(corpus.id(of: number))), .init("document", .number(passage.document)),
        .init("start", .number(passage.bytes.lowerBound)),
        .init("end", .number(passage.bytes.upperBound)),
        .init("exact", .number(passage.exactGroup)), .init("near", .number(passage.nearGroup)),
      ])
    }
    self.text = ("text", text)
    self.documents = ("documents.jsonl", Array(documents.utf8))
    self.passages = ("passages.jsonl", Array(passages.utf8))
    vocabulary = ("vocabulary.json", Array(corpus.vocabulary.json.formatted.utf8))
  }

  private static func line(_ members: [JSONValue.Member]) -> String {
    "\(JSONValue.object(members))\n"
  }
}

extension RunManifest {
  /// The corpus of a text model and where it is.
  public struct Text: Equatable, Sendable {
    /// The bytes of all documents.
    public var text: DataFile
    /// The path, the place and the part of each document.
    public var documents: DataFile
    /// The document and the bytes of each passage.
    public var passages: DataFile
    /// The tokens.
    public var vocabulary: DataFile
    /// The tokens from the start of a passage to that of the next.
    public var stride: Int

    /// The files, by their keys.
    var files: [(String, DataFile)] {
      [
        ("text", text), ("documents", documents), ("passages", passages),
        ("vocabulary", vocabulary),
      ]
    }
  }
}

extension TextCorpus {
  /// What `run.json` says of the corpus.
  var recorded: RunManifest.Text {
    let files = TextFiles(self)
    func file(_ file: TextFiles.File) -> RunManifest.DataFile {
      RunManifest.DataFile(
        path: "\(RunFiles.data)/\(file.name)", sha256: SHA256.hex(of: file.bytes))
    }
    return RunManifest.Text(
      text: file(files.text), documents: file(files.documents), passages: file(files.passages),
      vocabulary: file(files.vocabulary), stride: stride)
  }

  /// Writes the files into a run's folder.
  func write(to folder: String) throws(FormatError) {
    let files = TextFiles(self)
    for file in [files.text, files.documents, files.passages, files.vocabulary] {
      try AtomicFile.write(file.bytes, to: "\(folder)/\(RunFiles.data)/\(file.name)")
    }
  }
}
