import Influence
import TensorCore
import Testing

@Suite("linear datamodeling score")
struct LinearDatamodelingScoreTests {
  private let subsets = ItemSubsets.removing(0.5, of: 12, count: 30, seed: 3)

  private var lists: [[Int]] {
    guard case .removed(let lists) = subsets else { return [] }
    return lists
  }

  private func scores(_ queries: Int, seed: UInt64) -> [[Double]] {
    var random = RandomStream(seed: seed, stream: 930)
    return (0..<queries).map { _ in (0..<12).map { _ in random.nextNormal() } }
  }

  /// A world in which each output is the sum of what its items do, and a little noise.
  private func outcomes(_ truth: [[Double]], noise: Double, seed: UInt64 = 1) -> [[Double]] {
    var random = RandomStream(seed: seed, stream: 931)
    return lists.map { removed in
      truth.map { row in
        let lost = removed.reduce(0) { $0 + row[$1] }
        return 5 - lost + noise * random.nextNormal()
      }
    }
  }

  @Test("where outputs are sums, true scores are perfect; the sign is of what supports")
  func perfect() {
    let truth = scores(3, seed: 1)
    let logits = outcomes(truth, noise: 0)
    let good = LinearDatamodelingScore(
      scores: truth, subsets: subsets, actual: logits, isLowerBetter: false)
    #expect(good.queries == [1, 1, 1] && good.mean == 1)
    #expect(good.interval == 1...1)
    // A loss that falls as the logit rises: the same scores support the output.
    let losses = logits.map { $0.map { -$0 } }
    let ofLoss = LinearDatamodelingScore(
      scores: truth, subsets: subsets, actual: losses, isLowerBetter: true)
    #expect(ofLoss.queries == [1, 1, 1])
    let turned = LinearDatamodelingScore(
      scores: truth.map { $0.map { -$0 } }, subsets: subsets, actual: losses, isLowerBetter: true)
    #expect(turned.queries == [-1, -1, -1])
  }

  @Test("kept and removed lists say the same") func keptAndRemoved() {
    let (truth, guess) = (scores(4, seed: 2), scores(4, seed: 2).map { $0.map { $0.rounded() } })
    let actual = outcomes(truth, noise: 1)
    let kept = ItemSubsets.kept(lists.map { list in (0..<12).filter { !list.contains($0) } })
    let a = LinearDatamodelingScore(
      scores: guess, subsets: subsets, actual: actual, isLowerBetter: false)
    let b = LinearDatamodelingScore(
      scores: guess, subsets: kept, actual: actual, isLowerBetter: false)
    // Whole numbers: the sums are exact, so the ties are the same.
    #expect(a == b)
  }

  @Test("each query has the Spearman correlation of its sums and outcomes, ties and all")
  func bySpearman() {
    let guess = scores(4, seed: 4).map { $0.map { $0.rounded() } }
    let actual = outcomes(guess, noise: 2)
    let result = LinearDatamodelingScore(
      scores: guess, subsets: subsets, actual: actual, isLowerBetter: false, resamples: 50)
    for (query, row) in guess.enumerated() {
      let sums = lists.map { -$0.reduce(0) { $0 + row[$1] } }
      let naive = Correlation.spearman(sums, actual.map { $0[query] }) ?? 9
      #expect(abs((result.queries[query] ?? 0) - naive) < 1e-14)
    }
    let mean = result.queries.compactMap { $0 }.reduce(0, +) / 4
    #expect(result.mean == mean)
    #expect(result.interval?.contains(mean) == true)
  }

  @Test("the interval holds the mean of other subsets about as often as it says") func coverage() {
    // Scores that know nothing: the mean over all subsets is near zero for each query.
    var (held, width) = (0, 0.0)
    let trials = 60
    for trial in 0..<trials {
      var random = RandomStream(seed: UInt64(trial), stream: 932)
      let guess: [[Double]] = [(0..<12).map { _ in random.nextNormal() }]
      let actual: [[Double]] = lists.map { _ in [random.nextNormal()] }
      let result = LinearDatamodelingScore(
        scores: guess, subsets: subsets, actual: actual, isLowerBetter: false, resamples: 200,
        seed: UInt64(trial))
      guard let interval = result.interval else { continue }
      if interval.contains(0) { held += 1 }
      width += (interval.upperBound - interval.lowerBound) / Double(trials)
    }
    // 95 % of 60 is 57; the percentile bootstrap of 30 pairs holds somewhat less often.
    #expect(held >= 50 && held < 60)
    // Four standard deviations of 1/√29 = 0.186.
    #expect(abs(width - 0.73) < 0.1)
  }

  @Test("what has no correlation is nil, and does not count") func undefined() {
    let truth = scores(1, seed: 5)[0]
    let none = [Double](repeating: 0, count: 12)
    let actual = outcomes([truth, truth], noise: 0)
    let result = LinearDatamodelingScore(
      scores: [none, truth], subsets: subsets, actual: actual, isLowerBetter: false)
    #expect(result.queries == [nil, 1] && result.mean == 1)
    let diverged = LinearDatamodelingScore(
      scores: [truth], subsets: .removed([[0], [1]]), actual: [[1], [.nan]], isLowerBetter: false)
    #expect(diverged.queries == [nil] && diverged.mean == nil && diverged.interval == nil)
    let empty = LinearDatamodelingScore(
      scores: [], subsets: .removed([]), actual: [], isLowerBetter: true)
    #expect(empty.queries.isEmpty && empty.mean == nil && empty.interval == nil)
  }

  @Test("the order of subsets and items and the unit of the scores leave it") func invariance() {
    let truth = scores(2, seed: 6)
    let actual = outcomes(truth, noise: 2)
    let usual = LinearDatamodelingScore(
      scores: truth, subsets: subsets, actual: actual, isLowerBetter: false, resamples: 0)
    var random = RandomStream(seed: 6, stream: 933)
    let (order, items) = (random.permutation(30), random.permutation(12))
    let place = items.indices.map { item in items.firstIndex(of: item) ?? 0 }
    let moved = LinearDatamodelingScore(
      scores: truth.map { row in items.map { 1e-200 * row[$0] } },
      subsets: .removed(order.map { lists[$0].map { place[$0] } }),
      actual: order.map { actual[$0] }, isLowerBetter: false, resamples: 0)
    for (a, b) in zip(moved.queries, usual.queries) {
      #expect(abs((a ?? 9) - (b ?? 0)) < 1e-14)
    }
    #expect(usual.interval == nil)
  }

  @Test("subsets are of one size, repeat from the seed, and grow with the fraction") func sampler()
  {
    #expect(lists.count == 30)
    #expect(lists.allSatisfy { $0.count == 6 && $0 == $0.sorted() && Set($0).count == 6 })
    #expect(Set(lists).count > 25)
    #expect(subsets == .removing(0.5, of: 12, count: 30, seed: 3))
    #expect(subsets != .removing(0.5, of: 12, count: 30, seed: 4))
    guard case .removed(let fewer) = ItemSubsets.removing(0.25, of: 12, count: 20, seed: 3) else {
      return
    }
    #expect(fewer.allSatisfy { $0.count == 3 })
    #expect(zip(fewer, lists).allSatisfy { Set($0).isSubset(of: $1) })
    // Each item is left out of 15 of 30 on the mean; four standard deviations are 11.
    for item in 0..<12 { #expect((4...26).contains(lists.count { $0.contains(item) })) }
    #expect(ItemSubsets.removing(0, of: 4, count: 2, seed: 1) == .removed([[], []]))
    #expect(ItemSubsets.removing(1, of: 2, count: 1, seed: 1) == .removed([[0, 1]]))
  }
}
