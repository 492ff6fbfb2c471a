import Palimpsest

/// An output whose source is known.
struct PlantedCase {
  let plant: InventedBooks.Plant
  let output: TracedOutput
  /// The passages that hold some of the output, in any copy.
  let sources: Set<Int>
  /// Whether the model wrote the plant letter by letter.
  let isMemorised: Bool

  /// A case for each plant in a book: what the model writes after the passage up to the plant's name;
  /// and for each plant in no book: its text.
  static func all(
    _ books: InventedBooks, _ corpus: TextCorpus, _ tracer: Tracer<Float>
  ) throws -> [PlantedCase] {
    try books.plants.compactMap { plant in
      guard plant.kind == .heldOut else { return try planted(plant, corpus, tracer) }
      let vocabulary = corpus.vocabulary
      let prompt = try vocabulary.encode(Array(plant.prompt.utf8), name: "prompt").tokens
      let rest = plant.text.utf8.dropFirst(plant.prompt.utf8.count)
      let text = try vocabulary.encode(Array(rest), name: "text").tokens
      return PlantedCase(
        plant: plant, output: try TracedOutput(prompt: prompt, output: text, vocabulary),
        sources: [], isMemorised: false)
    }
  }

  /// Nil where no passage holds the name and enough of what follows.
  private static func planted(
    _ plant: InventedBooks.Plant, _ corpus: TextCorpus, _ tracer: Tracer<Float>
  ) throws -> PlantedCase? {
    var best: (prompt: [Int32], text: [Int32])?
    for place in plant.places {
      guard let number = corpus.documents.firstIndex(where: { $0.path == place.path }) else {
        continue
      }
      let document = corpus.documents[number]
      let opening = place.bytes.lowerBound + plant.prompt.utf8.count
      let name = document.text.tokens(of: place.bytes.lowerBound..<opening)
      let whole = document.text.tokens(of: place.bytes)
      for passage in corpus.trainPassages where passage.document == number {
        // The name, and at least as much after it as says something.
        guard passage.tokens.lowerBound <= name.lowerBound,
          passage.tokens.upperBound > name.upperBound
        else { continue }
        let text = name.upperBound..<min(whole.upperBound, passage.tokens.upperBound)
        guard text.count >= fewestTokens, text.count > best?.text.count ?? 0 else { continue }
        best = (
          Array(document.text.tokens[passage.tokens.lowerBound..<name.upperBound]),
          Array(document.text.tokens[text])
        )
      }
    }
    guard let best else { return nil }
    let output = try tracer.generate(after: best.prompt, length: best.text.count, Sampling())
    let sources = corpus.trainPassages.indices.filter { index in
      let passage = corpus.passages[index]
      return plant.places.contains { place in
        place.path == corpus.documents[passage.document].path
          && place.bytes.clamped(to: passage.bytes).count >= TraceOptions().shortestMatch
      }
    }
    return PlantedCase(
      plant: plant, output: output, sources: Set(sources),
      isMemorised: output.tokens == best.prompt + best.text)
  }

  private static let fewestTokens = 12
}

/// What the trace of a case says.
struct PlantedAnswer {
  let planted: PlantedCase
  let trace: Trace
  /// The span with most bytes.
  let span: TraceSpan
  /// Whether a passage that holds the plant has most credit.
  let isFirst: Bool

  init(_ planted: PlantedCase, _ trace: Trace, _ corpus: TextCorpus) {
    self.planted = planted
    self.trace = trace
    span = trace.spans.max { $0.bytes.count < $1.bytes.count } ?? trace.spans[0]
    let credit = span.account.columns[.credit]?.items ?? []
    let first = credit.indices.max { credit[$0] < credit[$1] } ?? 0
    isFirst = planted.sources.contains(first)
  }

  /// The verdict that the books ask for.
  private var isRight: Bool {
    switch planted.plant.kind {
    case .unique: span.verdict == .copiedAndCaused
    case .copied, .paraphrased:
      span.verdict == .copiedAndCaused || span.verdict == .availableElsewhere
    case .heldOut: !trace.spans.contains { $0.verdict == .copiedAndCaused }
    }
  }

  var line: String {
    func change(_ kind: Counterfactual.Kind) -> String {
      span.counterfactual(kind).map {
        HumanNumber.signed($0.change) + " (" + ($0.control.map { HumanNumber.signed($0) } ?? "–")
          + ")"
      } ?? "–"
    }
    return "\(planted.plant.kind.rawValue) \(planted.isMemorised ? "memorised" : "-") "
      + "\(isFirst ? "first" : "-") \(span.verdict?.rawValue ?? "") p \(HumanNumber.significant(span.logProbability)) "
      + "bits \(HumanNumber.significant(span.match?.surprise.bits ?? 0)) "
      + "passage \(change(.passage)) copies \(change(.copies)) document \(change(.document)) "
      + "spans \(trace.spans.count) bytes \(span.bytes.count)"
  }

  static func summary(_ answers: [PlantedAnswer]) -> [String] {
    typealias Kind = InventedBooks.Plant.Kind
    func share(_ part: [PlantedAnswer], _ isRight: (PlantedAnswer) -> Bool) -> String {
      "\(part.count(where: isRight)) of \(part.count)"
    }
    func of(_ kinds: Kind...) -> [PlantedAnswer] {
      answers.filter { kinds.contains($0.planted.plant.kind) }
    }
    let planted = of(.unique, .copied)
    let memorised = planted.filter(\.planted.isMemorised)
    let copied = of(.copied).filter(\.planted.isMemorised)
    func mean(_ part: [PlantedAnswer], _ kind: Counterfactual.Kind) -> String {
      let changes = part.compactMap { $0.span.counterfactual(kind)?.change }
      return changes.isEmpty
        ? "–" : HumanNumber.signed(changes.reduce(0, +) / Double(changes.count))
    }
    let unique = memorised.filter { $0.planted.plant.kind == .unique }
    return [
      "memorised letter by letter: \(share(planted, \.planted.isMemorised))",
      "a passage that holds the plant has most credit: \(share(planted, \.isFirst))",
      "of the memorised ones: \(share(memorised, \.isFirst))",
      "copied and caused, of memorised plants in one book: \(share(unique, \.isRight))",
      "copied, of memorised plants in four books: \(share(copied, \.isRight)); of these available "
        + "elsewhere: \(share(copied) { $0.span.verdict == .availableElsewhere })",
      "never copied and caused, of plants in no book: \(share(of(.heldOut), \.isRight))",
      "mean change of log p, in nats, of a memorised plant",
      "  in one book:   without the passage \(mean(unique, .passage)), without its copies "
        + "\(mean(unique, .copies)), without the book \(mean(unique, .document))",
      "  in four books: without the passage \(mean(copied, .passage)), without its copies "
        + "\(mean(copied, .copies)), without the book \(mean(copied, .document))",
    ]
  }
}
