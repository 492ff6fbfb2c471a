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

  /// What is left out for a span.
  private func removals(_ source: TraceSource) -> [(kind: Counterfactual.Kind, passages: [Int])] {
    let document = corpus.passages[source.passage].document
    return [
      (.passage, [source.passage]), (.copies, source.copies), (.document, passages[document]),
    ] + options.withoutDocuments.map { (.named, passages[$0]) }
  }

  /// Trains again without the sources of each span, and without as many other passages.
  ///
  /// - Returns: The outcomes of each span, and the number of retrainings: what several spans ask for
  ///   is trained once.
  func counterfactuals(
    _ drafts: [Draft], before: [Double], _ probabilities: TokenProbabilities<Scalar>,
    _ report: (Int, Int) throws -> Void
  ) throws -> ([[Counterfactual]], Int) {
    let wanted = drafts.map { removals($0.source) }
    var variants: [[Int]] = []
    var numbers: [[Int]: Int] = [:]
    func add(_ passages: [Int]) {
      if numbers[passages] != nil { return }
      numbers[passages] = variants.count
      variants.append(passages)
    }
    for removal in wanted.joined() { add(removal.passages) }
    let controls = self.controls(for: variants)
    for control in controls.values.joined() { add(control) }
    let total = variants.count
    try report(0, total)
    let results = try BulkRetraining(run, pool: pool).results(
      of: variants.map { .removal(Removal($0)) }, progress: { try report($0, total) }
    ) { _, parameters in probabilities.values(at: parameters).map { $0.reduce(0, +) } }
    let values = try results.map { result in
      switch result {
      case .success(let values): values
      case .failure(let failure): throw failure.cause
      }
    }
    func value(_ passages: [Int], _ span: Int) -> Double {
      numbers[passages].map { values[$0][span] } ?? .nan
    }
    let outcomes = drafts.indices.map { span in
      wanted[span].map { kind, passages in
        let moves = controls[passages.count, default: []].map { value($0, span) - before[span] }
        return Counterfactual(
          kind: kind, passages: passages, before: before[span], after: value(passages, span),
          control: moves.max { abs($0) < abs($1) })
      }
    }
    return (outcomes, total)
  }

  /// Passages drawn by chance from those that no removal names: for each number of passages left
  /// out as many, as often as the options say.
  ///
  /// Where too few are left, there is no control for that number.
  private func controls(for removals: [[Int]]) -> [Int: [[Int]]] {
    let named = Set(removals.joined())
    let others = (0..<corpus.trainCount).filter { !named.contains($0) }
    var controls: [Int: [[Int]]] = [:]
    for count in Set(removals.map(\.count)) where count <= others.count {
      controls[count] = (0..<options.controls).map { draw in
        var stream = RandomStream(
          seed: run.seed, for: .controlRemovals, position: UInt64(draw * corpus.trainCount))
        return stream.permutation(others.count).prefix(count).map { others[$0] }.sorted()
      }
    }
    return controls
  }
}
