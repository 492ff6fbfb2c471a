import Influence
import Testing

@Suite("Gauss–Legendre rule")
struct GaussLegendreTests {
  @Test("rules of one, two and three nodes have closed forms") func closedForms() {
    #expect(GaussLegendre(1).nodes == [0.5])
    #expect(GaussLegendre(1).weights == [1])
    let two = GaussLegendre(2)
    #expect(abs(two.nodes[0] - (0.5 - 1 / 12.0.squareRoot())) < 1e-15)
    #expect(two.weights.allSatisfy { abs($0 - 0.5) < 1e-15 })
    let three = GaussLegendre(3)
    #expect(abs(three.nodes[0] - (0.5 - 0.15.squareRoot())) < 1e-15)
    #expect(three.nodes[1] == 0.5)
    #expect(abs(three.weights[0] - 5.0 / 18) < 1e-15)
    #expect(abs(three.weights[1] - 4.0 / 9) < 1e-15)
  }

  @Test("exact for all degrees up to 2n − 1", arguments: 1...64) func exactness(_ n: Int) {
    let rule = GaussLegendre(n)
    var powers = [Double](repeating: 1, count: n)
    for degree in 0...(2 * n - 1) {
      let sum = zip(rule.weights, powers).reduce(0) { $0 + $1.0 * $1.1 }
      // Absolute: a node off by one rounding moves its power by degree times as much.
      #expect(abs(sum - 1 / Double(degree + 1)) < 4e-15, "degree \(degree)")
      for node in 0..<n { powers[node] *= rule.nodes[node] }
    }
    // Degree 2n is not: its error is (n!)⁴ / ((2n + 1) ((2n)!)²), above rounding for small n.
    if n <= 8 {
      let sum = zip(rule.weights, powers).reduce(0) { $0 + $1.0 * $1.1 }
      #expect(abs(sum - 1 / Double(2 * n + 1)) > 1e-12)
    }
  }

  @Test(
    "ascending, symmetric, within the interval, of positive weights", arguments: [1, 8, 65, 301])
  func shape(_ n: Int) {
    let rule = GaussLegendre(n)
    #expect(rule.nodes.count == n && rule.weights.count == n)
    #expect(zip(rule.nodes, rule.nodes.dropFirst()).allSatisfy { $0 < $1 })
    #expect(rule.nodes.allSatisfy { $0 > 0 && $0 < 1 } && rule.weights.allSatisfy { $0 > 0 })
    #expect(zip(rule.nodes, rule.nodes.reversed()).allSatisfy { abs($0 + $1 - 1) < 1e-15 })
    #expect(rule.weights == rule.weights.reversed())
    #expect(abs(rule.weights.reduce(0, +) - 1) < 1e-14)
  }
}
