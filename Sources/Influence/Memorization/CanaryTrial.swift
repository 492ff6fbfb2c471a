public import Formats
import Synchronization
public import TensorCore
public import Training

/// Canaries that are planted in a text, and others of their space that are not.
public struct CanaryTrial: Sendable {
  /// A text of the space that is planted.
  public struct Canary: Sendable, Equatable {
    /// Its number in the space.
    public let number: Int
    /// How often it stands in the text.
    public let repetitions: Int
  }

  /// What a model makes of a canary.
  public struct Outcome: Sendable {
    /// The canary.
    public let canary: Canary
    /// The whole text.
    public let text: [UInt8]
    /// −log p of what follows the prompt, in nats.
    public let logPerplexity: Double
    /// Its place among the references.
    public let exposure: Exposure
    /// Whether the prompt draws it out.
    public let extractability: Extractability
  }

  /// Where they are drawn from.
  public let space: CanarySpace
  /// The canaries, those of few repetitions first as they were asked for.
  public let canaries: [Canary]
  /// Numbers in the space of what is not planted.
  public let references: [Int]

  /// References below which nothing can be said.
  public static let fewestReferences = 10

  /// Draws canaries and references, all of them different.
  ///
  /// - Parameters:
  ///   - repetitions: How often canaries are planted; 0 for one that is not.
  ///   - each: The canaries of each number of repetitions.
  ///   - references: The most references; fewer where the space has no more.
  /// - Throws: `TrainingError` where the space is too small.
  public init(
    _ space: CanarySpace, repetitions: [Int], each: Int, references: Int, seed: UInt64
  ) throws(TrainingError) {
    let planted = repetitions.count * each
    guard references >= Self.fewestReferences else {
      throw .setting(
        name: "references", found: "\(references) texts to compare with",
        expected: "at least \(Self.fewestReferences)")
    }
    let drawn = space.draw(planted + references, seed: seed)
    guard drawn.count >= planted + Self.fewestReferences else {
      throw .setting(
        name: "canary", found: "a space of \(space.count) texts",
        expected: "at least \(planted + Self.fewestReferences), for \(planted) canaries and what "
          + "they are compared with; give it more places")
    }
    self.space = space
    canaries = drawn.prefix(planted).enumerated().map { place, number in
      Canary(number: number, repetitions: repetitions[place / each])
    }
    self.references = Array(drawn.dropFirst(planted))
  }

  /// A corpus with the canaries, each copy a file of its own, ordered by the bytes of the paths.
  ///
  /// They stand in the folder `(canaries)`, or in one with more parentheses where the corpus has that.
  public func planted(in files: [TextFile]) -> [TextFile] {
    var folder = "(canaries)"
    while files.contains(where: {
      $0.path.split(separator: "/").first?.elementsEqual(folder) == true
    }) {
      folder = "(\(folder))"
    }
    var all = files
    for (place, canary) in canaries.enumerated() {
      for copy in 0..<canary.repetitions {
        all.append(
          TextFile(
            path: "\(folder)/\(place + 1)-\(copy + 1)", bytes: space[canary.number]))
      }
    }
    return all.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
  }

  /// The vocabulary of a corpus, learnt without the canaries.
  ///
  /// Characters are those of the canaries too, or these could not be written.
  ///
  /// - Throws: As `Vocabulary.init(_:of:)`.
  public func vocabulary(
    _ choice: VocabularyChoice, of files: [TextFile]
  ) throws(FormatError) -> Vocabulary {
    let alphabet = TextFile(path: "--canary", bytes: space.alphabet)
    return try Vocabulary(choice, of: choice == .characters ? files + [alphabet] : files)
  }

  /// The bytes of a text that a model is prompted with; the rest is scored.
  ///
  /// They end where no token crosses from the one to the other, whatever is drawn. For byte pairs,
  /// which join what stands in a word, that is before the word with the first place, and before its
  /// space. So texts are compared over the same bytes, however these fall into tokens.
  public func promptBytes(_ vocabulary: Vocabulary) -> Int {
    vocabulary.boundary(before: space.promptBytes, in: space[0])
  }

  /// What a model makes of the canaries.
  ///
  /// - Parameter progress: Told how many texts are done; what it throws ends the work.
  /// - Throws: `FormatError` where the vocabulary does not hold a byte; `TrainingError` where a text
  ///   has more tokens than the model sees, or the model makes no number of it.
  /// - Complexity: a forward pass for each canary and each reference.
  public func outcomes<Scalar: TensorScalar>(
    _ model: any Model, _ vocabulary: Vocabulary, at parameters: [Scalar], pool: WorkerPool,
    progress: (_ done: Int, _ total: Int) throws -> Void = { _, _ in }
  ) throws -> [Outcome] {
    let items: Dataset<Scalar> = try items(
      canaries.map(\.number) + references, vocabulary, context: model.inputShape.count)
    let blocks = Blocks(items.count, size: 32)
    var (rights, logs): ([Bool], [Double]) = ([], [])
    for first in stride(from: 0, to: blocks.number, by: 8) {
      let count = min(8, blocks.number - first)
      let found = Mutex([Int: ItemOutcomes<Scalar>.Values]())
      pool.run(count) { block, _ in
        let part = items[Array(blocks[first + block])]
        // The sum is that of the whole secret, whatever its tokens.
        let values = ItemOutcomes(model, loss: .crossEntropySum, data: part).values(at: parameters)
        found.withLock { $0[block] = values }
      }
      for block in 0..<count {
        guard let values = found.withLock({ $0[block] }) else { continue }
        rights += values.accuracy.map { $0 == 1 }
        logs += values.score.map { Double(min($0, 0)) }
      }
      try progress(logs.count, items.count)
    }
    guard !logs.contains(where: \.isNaN) else {
      throw TrainingError.data("the model makes no number of a canary; lower the learning rate")
    }
    let distribution = ExposureReferences(logs.dropFirst(canaries.count).map { -$0 })
    return canaries.enumerated().map { place, canary in
      Outcome(
        canary: canary, text: space[canary.number], logPerplexity: -logs[place],
        exposure: distribution.exposure(of: -logs[place]),
        extractability: Extractability(isGreedy: rights[place], logProbability: logs[place]))
    }
  }

  /// Checks that a model sees all of a canary at once.
  ///
  /// - Throws: As ``outcomes(_:_:at:pool:progress:)``.
  public func checkLength(_ vocabulary: Vocabulary, context: Int) throws {
    let _: Dataset<Float> = try items(
      canaries.map(\.number) + references, vocabulary, context: context)
  }

  /// Texts of the space as items, labelled behind the prompt.
  private func items<Scalar: TensorScalar>(
    _ numbers: [Int], _ vocabulary: Vocabulary, context: Int
  ) throws -> Dataset<Scalar> {
    let promptBytes = promptBytes(vocabulary)
    guard promptBytes > 0 else {
      throw TrainingError.setting(
        name: "canary", found: "“\(space.template)”",
        expected:
          "a word before the one that holds the first # or @, as byte pairs join what stands "
          + "in a word")
    }
    var sequences: [ArraySlice<Int32>] = []
    var prompts: [Int] = []
    for number in numbers {
      let bytes = space[number]
      let text = try vocabulary.encode(bytes, name: "canary")
      guard text.count <= context + 1 else {
        throw TrainingError.setting(
          name: "canary", found: "\(text.count) tokens",
          expected: "at most \(context + 1), what the model sees at once")
      }
      sequences.append(text.tokens[...])
      prompts.append(text.tokens(of: promptBytes..<bytes.count).lowerBound)
    }
    let items = Dataset<Scalar>(sequences: sequences, context: context)
    guard case .labels(var labels) = items.targets else { return items }
    for (item, prompt) in prompts.enumerated() {
      // Position t predicts token t + 1.
      for position in 0..<max(prompt - 1, 0) {
        labels[item * context + position] = Dataset<Scalar>.noLabel
      }
    }
    return Dataset(inputs: items.inputs, targets: .labels(labels))
  }
}
