import Palimpsest

/// An output whose source is known.
struct PlantedCase {
  let plant: InventedBooks.Plant
  let output: TracedOutput
  /// The passages of the chapters that the plant is.
  let sources: Set<Int>
  /// Whether the model wrote the plant letter by letter.
  let isMemorised: Bool

  /// A case for each plant in a book: what the model writes after the plant's name; and for each
  /// plant in no book: its text.
  static func all(
    _ books: InventedBooks, _ corpus: TextCorpus, _ tracer: Tracer<Float>
  ) throws -> [PlantedCase] {
    try books.plants.map { plant in
      let vocabulary = corpus.vocabulary
      let prompt = try vocabulary.encode(Array(plant.prompt.utf8), name: "prompt").tokens
      let rest = Array(plant.text.utf8.dropFirst(plant.prompt.utf8.count))
      let text = try vocabulary.encode(rest, name: "text").tokens
      let output =
        plant.kind == .heldOut
        ? try TracedOutput(prompt: prompt, output: text, vocabulary)
        : try tracer.generate(after: prompt, length: text.count, Sampling())
      let sources = corpus.trainPassages.indices.filter {
        plant.paths.contains(corpus.documents[corpus.passages[$0].document].path)
      }
      return PlantedCase(
        plant: plant, output: output, sources: Set(sources),
        isMemorised: plant.kind != .heldOut && output.tokens == prompt + text)
    }
  }
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
    case .unique, .paraphrased: span.verdict == .copiedAndCaused
    case .copied: span.verdict == .availableElsewhere
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
    func needsAll(_ answer: PlantedAnswer) -> Bool {
      (answer.span.counterfactual(.copies)?.change ?? 0)
        < 5 * (answer.span.counterfactual(.document)?.change ?? 0) - 3
    }
    return [
      "memorised letter by letter: \(share(planted, \.planted.isMemorised))",
      "a passage that holds the plant has most credit: \(share(planted, \.isFirst))",
      "of the memorised ones: \(share(memorised, \.isFirst))",
      "copied and caused, of memorised plants in one book: \(share(unique, \.isRight))",
      "copied but available elsewhere, of memorised plants in several: \(share(copied, \.isRight)); "
        + "all copies do more than five times what one does: \(share(copied, needsAll))",
      "never copied and caused, of plants in no book: \(share(of(.heldOut), \.isRight))",
      "mean change of log p of a memorised plant, in nats, without one chapter and all copies",
      "  in one book:      \(mean(unique, .document)), \(mean(unique, .copies))",
      "  in several books: \(mean(copied, .document)), \(mean(copied, .copies))",
    ]
  }
}
