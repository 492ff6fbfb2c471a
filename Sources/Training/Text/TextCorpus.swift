public import Formats
import TensorCore

/// Documents cut into passages, the items of a text model.
///
/// Passages are numbered through: first those that are learnt, in the order of the documents, then
/// those that are held out. So the passages 0 ..< ``trainCount`` are the rows of the training set,
/// and the others, less ``trainCount``, those of the test set.
public struct TextCorpus: Equatable, Sendable {
  /// What is done with the documents of a folder.
  public struct Settings: Equatable, Sendable {
    /// T, the positions of the model.
    public var context: Int
    /// The tokens from the start of a passage to that of the next; T where nil.
    public var stride: Int?
    /// The share of the documents that is held out, from 0 to below 1.
    public var heldOut = 0.1
    /// What the documents held out are drawn from.
    public var seed: UInt64 = 0
    /// The similarity from which passages and documents are near copies.
    public var similarity = NearDuplicates.usualThreshold

    /// Settings for a model.
    public init(context: Int) { self.context = context }
  }

  /// The tokens.
  public let vocabulary: Vocabulary
  /// T, the positions of an item.
  public let context: Int
  /// The tokens from the start of a passage to that of the next.
  public let stride: Int
  /// The documents, ordered by the bytes of their paths.
  public let documents: [TextDocument]
  /// All passages.
  public let passages: [Passage]
  /// N, the number of passages that are learnt; they come first.
  public let trainCount: Int

  /// Cuts the files of a folder.
  ///
  /// - Throws: ``TrainingError`` where a setting makes no sense or there is no passage to learn;
  ///   `FormatError`, naming the file and the byte, where the vocabulary does not hold a character.
  public init(_ files: [TextFile], _ vocabulary: Vocabulary, _ settings: Settings) throws {
    let stride = settings.stride ?? settings.context
    guard settings.context > 0, (1...settings.context).contains(stride) else {
      throw TrainingError.setting(
        name: "stride", found: "\(stride)",
        expected: "1 to \(settings.context), the positions of the model")
    }
    guard settings.similarity > 0, settings.similarity <= 1 else {
      throw TrainingError.setting(
        name: "similarity", found: "\(settings.similarity)", expected: "above 0, at most 1")
    }
    let heldOut = try Self.heldOut(files.count, share: settings.heldOut, seed: settings.seed)
    let duplicates = NearDuplicates(threshold: settings.similarity)
    try self.init(
      files, vocabulary, context: settings.context, stride: stride,
      isHeldOut: files.indices.map(heldOut.contains)
    ) { texts in
      (NearDuplicates.exactGroups(of: texts), duplicates.groups(of: texts))
    }
  }

  /// Cuts files whose part is known; `groups` tells those of equal and of similar texts, first
  /// for the documents and then for the passages.
  init(
    _ files: [TextFile], _ vocabulary: Vocabulary, context: Int, stride: Int, isHeldOut: [Bool],
    groups: ([ArraySlice<UInt8>]) throws -> (exact: [Int], near: [Int])
  ) throws {
    self.vocabulary = vocabulary
    self.context = context
    self.stride = stride
    var paths: Set<String> = []
    for file in files where !paths.insert(file.path).inserted {
      throw TrainingError.data(
        "found two files with the path \(FormatError.printable(file.path)), expected different ones: "
          + "rename one (paths that differ only in how an accent is encoded are the same)")
    }
    let ofDocuments = try groups(files.map { $0.bytes[...] })
    let documents = try files.enumerated().map { number, file in
      TextDocument(
        path: file.path, bytes: file.bytes,
        text: try vocabulary.encode(file.bytes, name: file.path), isHeldOut: isHeldOut[number],
        exactGroup: ofDocuments.exact[number], nearGroup: ofDocuments.near[number])
    }
    self.documents = documents
    var cuts: [(document: Int, tokens: Range<Int>)] = []
    func cut(heldOut: Bool) {
      for (number, document) in documents.enumerated() where document.isHeldOut == heldOut {
        cuts += Passage.ranges(of: document.text.count, context: context, stride: stride)
          .map { (number, $0) }
      }
    }
    cut(heldOut: false)
    trainCount = cuts.count
    cut(heldOut: true)
    guard trainCount > 0 else {
      throw TrainingError.data(
        "found no passage to learn in \(files.count) files, expected a text of two tokens or more")
    }
    let ranges = cuts.map { documents[$0.document].text.bytes(of: $0.tokens) }
    let ofPassages = try groups(
      zip(cuts, ranges).map { documents[$0.document].bytes[$1] })
    passages = cuts.indices.map { number in
      Passage(
        document: cuts[number].document, tokens: cuts[number].tokens, bytes: ranges[number],
        exactGroup: ofPassages.exact[number], nearGroup: ofPassages.near[number])
    }
  }

  /// The numbers of the documents that are held out.
  private static func heldOut(
    _ documents: Int, share: Double, seed: UInt64
  ) throws(TrainingError) -> Set<Int> {
    guard share >= 0, share < 1 else {
      throw .setting(name: "held-out share", found: "\(share)", expected: "from 0 to below 1")
    }
    let count = Int((share * Double(documents)).rounded())
    guard count < max(documents, 1) else {
      throw .setting(
        name: "held-out share", found: "\(share), all of \(documents) documents",
        expected: "a share that leaves some to learn")
    }
    var stream = RandomStream(seed: seed, for: .heldOutDocuments)
    return Set(stream.permutation(documents).prefix(count))
  }

  /// What an item is called: `path:start..<end`, in bytes.
  public func id(of passage: Int) -> String {
    let passage = passages[passage]
    return "\(documents[passage.document].path):\(passage.bytes.lowerBound)..<"
      + "\(passage.bytes.upperBound)"
  }

  /// The bytes of a passage.
  public func bytes(of passage: Int) -> ArraySlice<UInt8> {
    let passage = passages[passage]
    return documents[passage.document].bytes[passage.bytes]
  }

  /// The passages that are learnt.
  public var trainPassages: ArraySlice<Passage> { passages[..<trainCount] }

  /// The passages that are held out.
  public var heldOutPassages: ArraySlice<Passage> { passages[trainCount...] }
}
