import TensorCore
import Training

/// What the scores of one query come to.
public struct QuerySummary: Sendable, Equatable {
  /// The query's measure at the last checkpoint: a loss or log-probability in nats, or a logit.
  public let measured: Double
  /// The strongest items.
  public let top: TopItems
  /// How concentrated the scores are.
  public let cocktail: Cocktail
  /// Why all scores are zero, in words; nil where one is not, or where the zeros were measured.
  public var zeroReason: String?
}

extension ScoreEngine {
  /// Takes every score once: the strongest items and the concentration of each query.
  ///
  /// - Parameters:
  ///   - k: How many supporters and opponents to keep.
  ///   - progress: Receives the share done.
  ///   - panel: Receives each panel of scores on the way, as ``forEachPanel(progress:_:)`` does.
  /// - Throws: ``ScoreError/notFinite(what:item:place:)``, and what the panel throws.
  public func summaries(
    _ k: Int, progress: (Double) throws -> Void = { _ in },
    panel: (Range<Int>, Range<Int>, UnsafeBufferPointer<Scalar>) throws -> Void = { _, _, _ in }
  ) throws -> [QuerySummary] {
    let queries = problem.rowCount
    var collectors = [TopCollector](repeating: TopCollector(k: max(k, 1)), count: queries)
    let sums = AlignedBuffer<Double>(4 * queries, filledWith: 0)
    let candidates = (0..<pool.threads).map { _ in CandidateMemory() }
    let (measured, areFlat) = try panels(progress: progress) { rows, columns, scores in
      guard let base = scores.baseAddress else { return }
      let numbers = Array(columns)
      collectors.withUnsafeMutableBufferPointer { collectors in
        numbers.withUnsafeBufferPointer { numbers in
          nonisolated(unsafe) let collectors = collectors
          // Each block holds different queries.
          let parts = Blocks(rows.count, size: 16)
          pool.run(parts.number) { part, thread in
            for row in parts[part] {
              let query = rows.lowerBound + row
              let own = base + row * columns.count
              collectors[query].take(own, numbers: numbers, candidates[thread])
              // Sums go block by block, so that they do not depend on the width of the panel.
              let blocks = Blocks(columns.count, size: blockSize)
              for block in 0..<blocks.number {
                Scalar.addMoments(
                  blocks[block].count, own + blocks[block].lowerBound, to: sums.base + 4 * query)
              }
            }
          }
        }
      }
      try panel(rows, columns, scores)
    }
    return (0..<queries).map { query in
      let own = sums.base + 4 * query
      let found = collectors[query].result
      let top = max(
        abs(found.supporters.first?.score ?? 0), abs(found.opponents.first?.score ?? 0))
      let cocktail = Cocktail(
        items: problem.items.count, sums: (own[0], own[1], own[2], own[3]), top: top)
      var reason: String?
      if cocktail.items > 0, cocktail.gross == 0 {
        reason = problem.zeroReason ?? (areFlat[query] ? ZeroScores.query : ZeroScores.items)
      }
      return QuerySummary(
        measured: measured[query], top: found.prefix(k), cocktail: cocktail, zeroReason: reason)
    }
  }
}
