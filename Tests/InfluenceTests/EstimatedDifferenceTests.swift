import Influence
import TensorCore
import Testing

@Suite("Differences with intervals")
struct EstimatedDifferenceTests {
  /// Newcombe 1998, table II, method 10.
  @Test(
    "the published intervals of proportions",
    arguments: [
      (56, 70, 48, 80, 0.0524, 0.3339), (9, 10, 3, 10, 0.1705, 0.8090),
      (6, 7, 2, 7, 0.0582, 0.8062), (5, 56, 0, 29, -0.0381, 0.1926),
      (0, 10, 0, 20, -0.1611, 0.2775), (0, 10, 0, 10, -0.2775, 0.2775),
      (10, 10, 0, 20, 0.6791, 1), (10, 10, 0, 10, 0.6075, 1),
    ])
  func published(_ a: Int, _ m: Int, _ b: Int, _ n: Int, _ low: Double, _ high: Double) throws {
    let found = try #require(
      EstimatedDifference(proportions: (Double(a), m), (Double(b), n)))
    #expect(abs(found.value - (Double(a) / Double(m) - Double(b) / Double(n))) < 1e-15)
    // The table has four decimals.
    #expect(abs(found.interval.lowerBound - low) < 6e-5)
    #expect(abs(found.interval.upperBound - high) < 6e-5)
    let turned = try #require(
      EstimatedDifference(proportions: (Double(b), n), (Double(a), m)))
    #expect(abs(turned.interval.lowerBound + found.interval.upperBound) < 1e-12)
  }

  /// `scipy.stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)` of SciPy 1.
  @Test(
    "Welch's intervals of means are SciPy's, for few numbers too",
    arguments: [
      (
        [0.3, 0.7, 0.1], [-1.2, 0.4, 0.9, -0.2, 0.35], -0.6799542827885596, 1.3132876161218932
      ),
      ([1, 1.5], [0.25, 0.5], -0.8546307075177659, 2.604630707517766),
      ([2, 2.5, 3, 2.25, 2.75, 3.5], [-40, 10, 5], -57.38919452162948, 79.38919452162948),
    ])
  func means(_ a: [Double], _ b: [Double], _ low: Double, _ high: Double) throws {
    func moments(_ values: [Double]) -> SampleMoments {
      values.reduce(into: SampleMoments()) { $0.add($1) }
    }
    let found = try #require(EstimatedDifference(means: moments(a), moments(b)))
    #expect(abs(found.interval.lowerBound / low - 1) < 1e-9)
    #expect(abs(found.interval.upperBound / high - 1) < 1e-9)
    // Numbers that do not vary have no width, and one alone has no interval.
    #expect(EstimatedDifference(means: moments([2, 2]), moments([1, 1]))?.interval == 1...1)
    #expect(EstimatedDifference(means: moments([2]), moments(b)) == nil)
  }

  @Test("nothing is said of an empty sample")
  func empty() {
    #expect(EstimatedDifference(proportions: (0, 0), (1, 2)) == nil)
    #expect(EstimatedDifference(proportions: (1, 2), (0, 0)) == nil)
  }

  @Test("intervals of proportions hold the truth about as often as they say")
  func coverage() {
    var random = RandomStream(seed: 8, stream: 951)
    for (p, q) in [(0.5, 0.5), (0.95, 0.1), (0.99, 0.97)] {
      var held = 0
      for _ in 0..<1_000 {
        let a = (0..<35).count { _ in random.nextUniform(as: Double.self) < p }
        let b = (0..<15).count { _ in random.nextUniform(as: Double.self) < q }
        let found = EstimatedDifference(proportions: (Double(a), 35), (Double(b), 15))
        held += found?.interval.contains(p - q) == true ? 1 : 0
      }
      // Binomial with 1000 draws of 0.95: ±3.6 standard deviations, and room for the approximation.
      #expect((915...995).contains(held), "\(p) \(q): \(held)")
    }
  }
}

@Suite("Area under the curve")
struct RankingAreaTests {
  @Test("the chance that what is looked for stands before the others, by counting pairs")
  func pairs() throws {
    var random = RandomStream(seed: 2, stream: 952)
    for _ in 0..<20 {
      // Few values, so that many are equal.
      let scores = (0..<30).map { _ in Double(random.nextInteger(below: 8)) }
      let wanted = (0..<30).map { $0 < 3 || random.nextInteger(below: 3) == 0 && $0 > 4 }
      var (sum, count) = (0.0, 0.0)
      for (a, isWanted) in wanted.enumerated() where isWanted {
        for (b, isOther) in wanted.enumerated() where !isOther {
          sum += scores[a] > scores[b] ? 1 : scores[a] == scores[b] ? 0.5 : 0
          count += 1
        }
      }
      let area = try #require(RankingArea(scores: scores, wanted: wanted))
      #expect(abs(area.value - sum / count) < 1e-12)
      #expect(area.interval.contains(area.value))
      let turned = try #require(RankingArea(scores: scores.map { -$0 }, wanted: wanted))
      #expect(abs(turned.value - (1 - area.value)) < 1e-12)
    }
  }

  @Test("perfect, useless and undefined scores")
  func edges() throws {
    let wanted = [true, true, false, false, false]
    #expect(RankingArea(scores: [5, 4, 3, 2, 1], wanted: wanted)?.value == 1)
    #expect(RankingArea(scores: [1, 1, 1, 1, 1], wanted: wanted)?.value == 0.5)
    #expect(RankingArea(scores: [5, 4, 3, 2, .nan], wanted: wanted) == nil)
    #expect(RankingArea(scores: [1, 2], wanted: [true, true]) == nil)
    #expect(RankingArea(scores: [1, 2], wanted: [false, false]) == nil)
  }

  @Test("the interval holds the area of the distributions about as often as it says")
  func coverage() {
    // Normal scores one apart: the area is Φ(1 / √2).
    let truth = 0.7602499389065233
    var random = RandomStream(seed: 4, stream: 953)
    let wanted = (0..<120).map { $0 < 40 }
    var held = 0
    for _ in 0..<400 {
      let scores = wanted.map { random.nextNormal(as: Double.self) + ($0 ? 1 : 0) }
      held += RankingArea(scores: scores, wanted: wanted)?.interval.contains(truth) == true ? 1 : 0
    }
    // 400 draws of 0.95: ±3.6 standard deviations.
    #expect((364...396).contains(held), "\(held)")
  }
}
