import TensorCore
import Training

extension Tracer {
  /// Where a span is traced to.
  func source(of match: VerbatimMatch?, credit: [Double]) -> TraceSource {
    let holders = match.map(passages(holding:)) ?? []
    let candidates = holders.isEmpty ? Array(credit.indices) : holders
    let passage = candidates.max { (credit[$0], $1) < (credit[$1], $0) } ?? 0
    let own = corpus.passages[passage]
    let alike = corpus.trainPassages.indices.filter {
      corpus.passages[$0].nearGroup == own.nearGroup
        || corpus.passages[$0].exactGroup == own.exactGroup
    }
    let copies = Set(holders).union(alike).sorted()
    return TraceSource(
      passage: passage, isMatched: !holders.isEmpty, copies: copies,
      documents: Set(copies.map { corpus.passages[$0].document }).sorted())
  }

  /// The passages that hold a match somewhere, ascending: those with as many of its bytes as would be
  /// a match, and of each place the one with most of it.
  private func passages(holding match: VerbatimMatch) -> [Int] {
    var holders: Set<Int> = []
    for place in match.places {
      let shares = passages[place.document].map {
        (passage: $0, bytes: corpus.passages[$0].bytes.clamped(to: place.bytes).count)
      }
      holders.formUnion(shares.filter { $0.bytes >= options.shortestMatch }.map(\.passage))
      if let most = shares.max(by: { $0.bytes < $1.bytes }), most.bytes > 0 {
        holders.insert(most.passage)
      }
    }
    return holders.sorted()
  }

  // MARK: Retraining

  /// Passages that are left out, and others drawn by chance to compare with.
  private typealias Wanted = (
    kind: Counterfactual.Kind, passages: [Int], controls: [[Int]]
  )

  /// What is left out for a span.
  private func removals(_ source: TraceSource) -> [Wanted] {
    let document = passages[corpus.passages[source.passage].document]
    let removals: [(Counterfactual.Kind, [Int])] =
      [(.passage, [source.passage]), (.copies, source.copies), (.document, document)]
      + options.withoutDocuments.map { (.named, passages[$0]) }
    let named = Set(removals.flatMap(\.1))
    return removals.map { ($0, $1, controls(as: $1, besides: named)) }
  }

  /// An output's spans: where each is traced to, and log p of each.
  typealias Part = (
    sources: [TraceSource], probabilities: TokenProbabilities<Scalar>, before: [Double]
  )

  /// Trains again without the sources of each span, and without as many other passages.
  ///
  /// - Parameter store: Keeps the outcomes of what is trained, for when this is interrupted.
  /// - Returns: The outcomes of each span of each output, none where the options want none; and the
  ///   number of retrainings: what several spans ask for is trained once.
  func counterfactuals(
    _ parts: [Part], _ store: LedgerStore?, _ report: (Int, Int) throws -> Void
  ) throws -> (outcomes: [[[Counterfactual]]], count: Int) {
    guard options.retrains else { return (parts.map { $0.sources.map { _ in [] } }, 0) }
    let wanted = parts.map { $0.sources.map(removals) }
    var variants: [[Int]] = []
    var numbers: [[Int]: Int] = [:]
    for removal in wanted.joined().joined() {
      for passages in [removal.passages] + removal.controls where numbers[passages] == nil {
        numbers[passages] = variants.count
        variants.append(passages)
      }
    }
    let values = try logProbabilities(parts.map(\.probabilities), variants, store, report)
    let starts = parts.indices.map { parts[..<$0].reduce(0) { $0 + $1.before.count } }
    let outcomes = parts.indices.map { part in
      wanted[part].indices.map { span in
        let before = parts[part].before[span]
        func value(_ passages: [Int]) -> Double {
          numbers[passages].map { values[$0][starts[part] + span] } ?? .nan
        }
        return wanted[part][span].map { removal in
          let moves = removal.controls.map { value($0) - before }
          return Counterfactual(
            kind: removal.kind, passages: removal.passages, before: before,
            after: value(removal.passages), control: moves.max { abs($0) < abs($1) })
        }
      }
    }
    return (outcomes, variants.count)
  }

  /// log p of all spans, output after output, for each retraining without some passages.
  private func logProbabilities(
    _ programs: [TokenProbabilities<Scalar>], _ variants: [[Int]], _ store: LedgerStore?,
    _ report: (Int, Int) throws -> Void
  ) throws -> [[Double]] {
    guard !variants.isEmpty else { return [] }
    let spans = programs.reduce(0) { $0 + $1.count }
    let key = "retrainings-" + Array("\(variants)".utf8).digest.prefix(16)
    let saved = try store?.values(key) ?? []
    var values = stride(from: 0, to: saved.count / spans * spans, by: spans).map {
      Array(saved[$0..<$0 + spans])
    }
    let retraining = try BulkRetraining(run, pool: pool)
    do {
      // A round at a time, so that what is done can be kept.
      while values.count < variants.count {
        let done = values.count
        try report(done, variants.count)
        let round = variants[done...].prefix(pool.threads).map {
          BulkRetraining<Scalar>.Variant.removal(Removal($0))
        }
        let results = try retraining.results(
          of: round, progress: { _ in try report(done, variants.count) }
        ) { _, parameters in programs.flatMap { $0.values(at: parameters).sums } }
        for result in results { values.append(try result.mapError(\.cause).get()) }
        try store?.saveNowAndThen(key, values: values.flatMap { $0 })
      }
      try report(values.count, variants.count)
    } catch let error as TrainingError {
      // It would come to the same again: there is nothing to go on from.
      store?.removeAll()
      throw error
    } catch {
      if !values.isEmpty { try? store?.save(key, values: values.flatMap { $0 }) }
      throw error
    }
    return values
  }

  /// As many passages drawn by chance, as often as the options say, none of them named; no draws
  /// where too few are left.
  ///
  /// A draw takes the first ones of an order that is the same for all spans, so that most of them share
  /// their controls.
  private func controls(as passages: [Int], besides named: Set<Int>) -> [[Int]] {
    guard corpus.trainCount - named.count >= passages.count else { return [] }
    return (0..<options.controls).map { draw in
      var stream = RandomStream(
        seed: run.seed, for: .controlRemovals, position: UInt64(draw * corpus.trainCount))
      let others = stream.permutation(corpus.trainCount).lazy.filter { !named.contains($0) }
      return others.prefix(passages.count).sorted()
    }
  }
}
