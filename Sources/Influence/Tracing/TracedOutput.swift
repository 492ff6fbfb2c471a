package import TensorCore
public import Training

/// What a text model wrote, or is asked about, after a prompt or from its own first token on.
public struct TracedOutput: Sendable, Equatable {
  /// The tokens of the prompt and of the output.
  public let tokens: [Int32]
  /// The number of the prompt's tokens; 0 without a prompt.
  public let promptCount: Int
  /// The bytes of all tokens.
  public let bytes: [UInt8]
  /// Where each token begins in the bytes, and where the last one ends.
  private let offsets: [Int]

  /// An output after a prompt.
  ///
  /// - Throws: `TrainingError` where there is nothing to predict: no token, or only a first one, for a
  ///   model knows no beginning of a text.
  public init(
    prompt: [Int32] = [], output: [Int32], _ vocabulary: Vocabulary
  ) throws(TrainingError) {
    guard !output.isEmpty, prompt.count + output.count > 1 else {
      throw .setting(
        name: "text", found: output.isEmpty ? "no token" : "a single token",
        expected: "two at least, or a prompt before it: a model tells tokens by those before them")
    }
    tokens = prompt + output
    promptCount = prompt.count
    var offsets = [0]
    for token in tokens {
      offsets.append(offsets[offsets.count - 1] + vocabulary.pieces[Int(token)].count)
    }
    self.offsets = offsets
    bytes = vocabulary.decode(tokens)
  }

  /// The tokens that are predicted: those of the output, but for the first of all.
  public var predicted: Range<Int> { max(promptCount, 1)..<tokens.count }

  /// The bytes of the output.
  public var outputBytes: Range<Int> { offsets[promptCount]..<bytes.count }

  /// The bytes of some tokens.
  public func bytes(of tokens: Range<Int>) -> Range<Int> {
    offsets[tokens.lowerBound]..<offsets[tokens.upperBound]
  }

  /// The predicted tokens that lie within some bytes.
  func predicted(within range: Range<Int>) -> Range<Int> {
    var inside = predicted
    while !inside.isEmpty, offsets[inside.lowerBound] < range.lowerBound {
      inside = inside.lowerBound + 1..<inside.upperBound
    }
    while !inside.isEmpty, offsets[inside.upperBound] > range.upperBound {
      inside = inside.lowerBound..<inside.upperBound - 1
    }
    return inside
  }

  /// Queries of T positions, `[Q, T]`, whose labels are some tokens and nothing else.
  ///
  /// The inputs are the last T tokens before the end of a window, so that a text may be longer than
  /// the model's context.
  ///
  /// - Precondition: Each measured range is not empty and within its window's last T tokens.
  package func queries<Scalar: TensorScalar>(
    _ units: [(measured: Range<Int>, window: Range<Int>)], context: Int,
    as type: Scalar.Type = Scalar.self
  ) -> Dataset<Scalar> {
    var inputs = [Scalar](repeating: 0, count: units.count * context)
    var labels = [Int32](repeating: Dataset<Scalar>.noLabel, count: inputs.count)
    for (query, unit) in units.enumerated() {
      let start = max(0, unit.window.upperBound - 1 - context)
      precondition(unit.measured.lowerBound > start, "a span that is longer than the context")
      for token in start..<unit.window.upperBound - 1 {
        inputs[query * context + token - start] = Scalar(tokens[token])
      }
      for token in unit.measured { labels[query * context + token - 1 - start] = tokens[token] }
    }
    return Dataset(inputs: Tensor([units.count, context], inputs), targets: .labels(labels))
  }
}
