import Influence
import TensorCore
import Testing

@Suite("predicted against actual")
struct CorrelationTests {
  private func near(_ a: Double?, _ b: Double, _ tolerance: Double = 1e-14) -> Bool {
    a.map { abs($0 - b) <= tolerance } ?? false
  }

  @Test("ranks from 1, ties share the mean of their places") func ranks() {
    #expect([30, 10, 20].averageRanks == [3, 1, 2])
    #expect([2.0, 1, 2, 2, 5].averageRanks == [3, 1, 3, 3, 5])
    #expect([7.0, 7].averageRanks == [1.5, 1.5])
    #expect([0.0, -0.0].averageRanks == [1.5, 1.5])
    #expect([Double]().averageRanks.isEmpty)
  }

  @Test("figures of four pairs, by hand") func byHand() {
    let result = Correlation(predicted: [1, 2, 3, 4], actual: [2, 1, 4, 6])
    #expect(result.count == 4)
    // Σpa = 40 over Σp² = 30.
    #expect(near(result.slope, 4.0 / 3))
    // Deviations give 7.5 / √(5 · 14.75).
    #expect(near(result.pearson, 7.5 / (5 * 14.75).squareRoot()))
    // Σd² = 2 of ranks.
    #expect(near(result.spearman, 0.8))
  }

  @Test("Spearman with ties, from the definition") func ties() {
    // Ranks 1.5 1.5 3 4 and 1 3 3 3 less 2.5: products 1.5 − 0.5 + 0.25 + 0.75, squares 4.5 and 3.
    #expect(near(Correlation.spearman([1, 1, 2, 3], [0, 5, 5, 5]), 2 / 13.5.squareRoot()))
  }

  @Test("exact predictions, opposite predictions, half the size") func lines() {
    let p = [0.3, -1, 2, 0.7]
    let exact = Correlation(predicted: p, actual: p)
    #expect(near(exact.slope, 1) && near(exact.pearson, 1) && near(exact.spearman, 1))
    let half = Correlation(predicted: p, actual: p.map { -$0 / 2 })
    #expect(near(half.slope, -0.5) && near(half.pearson, -1) && near(half.spearman, -1))
    // An offset leaves the correlation and changes the slope.
    let offset = Correlation(predicted: [1, 2, 3], actual: [11, 12, 13])
    #expect(near(offset.pearson, 1) && near(offset.slope, 74.0 / 14))
  }

  @Test("what is not defined is nil") func undefined() {
    let none = Correlation(predicted: [], actual: [])
    #expect(none.slope == nil && none.pearson == nil && none.spearman == nil)
    // One retraining gives a ratio and no correlation.
    let one = Correlation(predicted: [2], actual: [3])
    #expect(one.slope == 1.5 && one.pearson == nil && one.spearman == nil)
    let constant = Correlation(predicted: [0.1, 0.1, 0.1], actual: [1, 2, 3])
    #expect(constant.pearson == nil && constant.spearman == nil)
    #expect(near(constant.slope, 20))
    #expect(Correlation(predicted: [0, 0], actual: [1, 2]).slope == nil)
    let diverged = Correlation(predicted: [1, 2], actual: [1, .nan])
    #expect(diverged.slope == nil && diverged.pearson == nil && diverged.spearman == nil)
  }

  @Test("order, unit and rising maps", arguments: [1e-305, 1e-200, 3, 1e200, 1e307])
  func invariance(_ factor: Double) {
    var random = RandomStream(seed: 5, stream: 920)
    let x: [Double] = (0..<30).map { _ in random.nextNormal() }
    let y: [Double] = x.map { $0 + random.nextNormal() }
    let usual = Correlation(predicted: x, actual: y)
    let order = random.permutation(30)
    let moved = Correlation(
      predicted: order.map { x[$0] * factor }, actual: order.map { y[$0] * factor })
    // The smallest of them are subnormal and keep fewer digits.
    let tolerance = factor < 1e-300 ? 1e-11 : 1e-13
    #expect(near(moved.slope, usual.slope ?? 9, tolerance))
    #expect(near(moved.pearson, usual.pearson ?? 9, tolerance))
    #expect(near(moved.spearman, usual.spearman ?? 9))
    #expect(near(Correlation.spearman(x.map { $0 * $0 * $0 }, y), usual.spearman ?? 9))
    #expect(abs(usual.pearson ?? 1) < 1)
  }
}
