public import TensorCore

extension TextCorpus {
  /// The passages that are learnt, `[N, T]`; the labels are the next tokens.
  public func train<Scalar: TensorScalar>(as type: Scalar.Type = Scalar.self) -> Dataset<Scalar> {
    dataset(0..<trainCount)
  }

  /// The passages that are held out; nil where there are none.
  public func heldOut<Scalar: TensorScalar>(
    as type: Scalar.Type = Scalar.self
  ) -> Dataset<Scalar>? {
    trainCount < passages.count ? dataset(trainCount..<passages.count) : nil
  }

  private func dataset<Scalar: TensorScalar>(_ range: Range<Int>) -> Dataset<Scalar> {
    Dataset(
      sequences: passages[range].map { documents[$0.document].text.tokens[$0.tokens] },
      context: context, ids: range.map(id),
      groups: passages[range].map { documents[$0.document].path })
  }

  /// The items of any text, cut as the documents are, every token but the first predicted once.
  public static func items<Scalar: TensorScalar>(
    of text: TokenizedText, context: Int, as type: Scalar.Type = Scalar.self
  ) -> Dataset<Scalar> {
    let ranges = Passage.ranges(of: text.count, context: context, stride: context)
    return Dataset(sequences: ranges.map { text.tokens[$0] }, context: context)
  }

  /// The bytes of each item: its tokens up to the last one that is predicted.
  ///
  /// - Precondition: The items are `[N, T]` of tokens of the vocabulary, labels included.
  public func texts<Scalar: TensorScalar>(of items: Dataset<Scalar>) -> [[UInt8]] {
    guard case .labels(let labels) = items.targets else { return [] }
    return (0..<items.count).map { item in
      let tokens = items.inputs.row(item).scalars.map { Int32($0) }
      let own = labels[item * tokens.count..<(item + 1) * tokens.count]
      guard let last = own.lastIndex(where: { $0 != Dataset<Scalar>.noLabel }) else { return [] }
      return vocabulary.decode(tokens[...(last - own.startIndex)] + [own[last]])
    }
  }
}

extension Dataset {
  /// Sequences of at most T + 1 tokens as items of T positions.
  ///
  /// Position t has token t as input and token t + 1 as label. The rest is padding: input 0, and no
  /// label.
  ///
  /// - Precondition: No sequence is longer.
  public init(
    sequences: [ArraySlice<Int32>], context: Int, ids: [String] = [], groups: [String] = []
  ) {
    var inputs = [Scalar](repeating: 0, count: sequences.count * context)
    var labels = [Int32](repeating: Self.noLabel, count: inputs.count)
    for (item, tokens) in sequences.enumerated() {
      precondition(tokens.count <= context + 1, "\(tokens.count) tokens for \(context) positions")
      for (position, (token, next)) in zip(tokens, tokens.dropFirst()).enumerated() {
        inputs[item * context + position] = Scalar(token)
        labels[item * context + position] = next
      }
    }
    self.init(
      inputs: Tensor([sequences.count, context], inputs), targets: .labels(labels), ids: ids,
      groups: groups)
  }
}
