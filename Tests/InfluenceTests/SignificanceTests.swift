import Influence
import TensorCore
import Testing

/// Items of strata against the strangers of their stratum, counted one by one.
private func compare(
  items: [Double], strata: [Int?], strangers: [[Double]], level: Double = 0.05
) -> Significance {
  let own = strata.map { $0.map { strangers[$0] } ?? [] }
  return Significance(
    atLeast: zip(items, own).map { item, own in own.count { $0 >= item } }, of: own.map(\.count),
    level: level)
}

@Suite("significance against strangers")
struct SignificanceTests {
  @Test("p counts the strangers with as much credit, in the item's own stratum") func byHand() {
    let result = compare(
      items: [5, 2, 0, 2, 9], strata: [0, 0, 0, 1, nil], strangers: [[1, 3, 2, 4], [2]])
    // Among 1 2 3 4: none, three (a tie counts), all; against a single 2: it.
    #expect(result.pValues == [0.2, 0.8, 1, 1, nil])
    #expect(result.tested == 4)
    #expect(result.leastPValue == 0.2)
    #expect(result.count == 0)
  }

  @Test("no items, no strangers") func empty() {
    #expect(compare(items: [], strata: [], strangers: []).count == 0)
    let alone = compare(items: [1, 2], strata: [0, nil], strangers: [[]])
    #expect(alone.pValues == [nil, nil])
    #expect(alone.isSignificant == [false, false])
    #expect(alone.leastPValue == nil && alone.tested == 0)
  }

  @Test("a single stranger can never be enough at 5 %, but is at one half") func single() {
    let strangers = [[0.0]]
    #expect(compare(items: [1], strata: [0], strangers: strangers).count == 0)
    let half = compare(items: [1], strata: [0], strangers: strangers, level: 0.5)
    #expect(half.pValues == [0.5] && half.count == 1)
  }

  @Test("Benjamini–Hochberg takes all up to the last p that is low enough") func stepUp() {
    // 99 strangers 1 … 99: a credit of 99.5 − k has p = (k + 1) / 100.
    let strangers = [(1...99).map(Double.init)]
    func significant(_ percents: [Int], level: Double = 0.05) -> [Bool] {
      compare(
        items: percents.map { 100.5 - Double($0) }, strata: percents.map { _ in 0 },
        strangers: strangers, level: level
      ).isSignificant
    }
    // Limits 1.25 %, 2.5 %, 3.75 %, 5 %: the second is above its own but below the third's.
    #expect(significant([1, 3, 3, 60]) == [true, true, true, false])
    #expect(significant([60, 3, 2, 3]) == [false, true, true, true])
    // Limits 2.5 % and 5 %: a p on its limit counts.
    #expect(significant([5, 5]) == [true, true])
    #expect(significant([6, 5]) == [false, false])
    #expect(significant([5]) == [true])
    #expect(significant([6]) == [false])
  }

  @Test("items without a p-value take no part in the correction") func untested() {
    let strangers = [(1...99).map(Double.init)]
    let result = compare(
      items: [95.5] + [Double](repeating: 1000, count: 50),
      strata: [0] + [Int?](repeating: nil, count: 50), strangers: strangers)
    #expect(result.pValues[0] == 0.05)
    #expect(result.isSignificant == [true] + [Bool](repeating: false, count: 50))
  }

  @Test("an item that is no different has a uniform p") func uniform() {
    var random = RandomStream(seed: 11, stream: 910)
    // With 19 strangers p is one of 0.05, 0.10 … 1, each with chance 1/20.
    var counts = [Int](repeating: 0, count: 20)
    let trials = 4_000
    for _ in 0..<trials {
      let credits: [Double] = (0..<20).map { _ in random.nextNormal() }
      let p = compare(items: [credits[0]], strata: [0], strangers: [Array(credits[1...])])
        .pValues[0]
      counts[Int(((p ?? 0) * 20).rounded()) - 1] += 1
    }
    let expected = Double(trials) / 20
    let square = counts.reduce(0) { $0 + (Double($1) - expected) * (Double($1) - expected) }
    // χ² of 19 degrees exceeds 43.8 with chance 0.001.
    #expect(square / expected < 43.8)
  }

  @Test("ties make p too large, never too small") func conservative() {
    var random = RandomStream(seed: 12, stream: 910)
    var low = 0
    for _ in 0..<2_000 {
      let credits = (0..<20).map { _ in Double(random.nextInteger(below: 3)) }
      let p = compare(items: [credits[0]], strata: [0], strangers: [Array(credits[1...])])
        .pValues[0]
      if (p ?? 1) <= 0.3 { low += 1 }
    }
    // A chance of at most 0.3, four standard deviations of 0.0102 allowed.
    #expect(Double(low) / 2_000 < 0.341)
  }

  @Test("false claims stay below the level, and planted items are found") func falseDiscoveries() {
    var random = RandomStream(seed: 13, stream: 910)
    let (items, planted, level, trials) = (60, 15, 0.2, 150)
    var (falseShare, found) = (0.0, 0)
    for _ in 0..<trials {
      // Two strata of different spread, as labels have.
      let strata = (0..<items).map { $0 % 2 }
      let strangers = (0..<2).map { stratum in
        (0..<200).map { _ in Double(stratum + 1) * random.nextNormal() }
      }
      let credits = (0..<items).map { item in
        Double(strata[item] + 1) * (random.nextNormal() + (item < planted ? 4 : 0))
      }
      let result = compare(
        items: credits, strata: strata, strangers: strangers, level: level)
      let wrong = result.isSignificant[planted...].count { $0 }
      falseShare += Double(wrong) / Double(max(1, result.count)) / Double(trials)
      found += result.count - wrong
    }
    // The expected share is at most level · 45/60 = 0.15; its standard error here is about 0.01.
    #expect(falseShare < 0.18)
    #expect(falseShare > 0.05)
    #expect(Double(found) / Double(planted * trials) > 0.9)
  }

  @Test("few strangers in many places are few strangers") func places() {
    var random = RandomStream(seed: 15, stream: 910)
    // A stranger's credit is much the same in all places, as its gradients are.
    let (items, strangers, trials) = (80, 30, 200)
    var (claims, low) = (0, 0)
    for _ in 0..<trials {
      let effects: [Double] = (0..<strangers).map { _ in random.nextNormal() }
      let numbers = (0..<items).map { _ in
        let place = 0.1 * random.nextNormal()
        let credit = random.nextNormal() + place
        return effects.count { $0 + place + 0.05 * random.nextNormal() >= credit }
      }
      let result = Significance(
        atLeast: numbers, of: [Int](repeating: strangers, count: items))
      if result.count > 0 { claims += 1 }
      low += result.pValues.count { ($0 ?? 1) <= 0.1 }
    }
    // All are null: any claim is false. The level allows 5 % of the trials, three standard errors more.
    #expect(Double(claims) / Double(trials) <= 0.05 + 3 * 0.0154)
    // Items share their strangers, so shares scatter widely from trial to trial: about 0.05 each.
    #expect(Double(low) / Double(items * trials) < 0.1 + 3 * 0.05 / Double(trials).squareRoot())
  }

  @Test("the order of items and of strangers, and the unit, change nothing") func invariance() {
    var random = RandomStream(seed: 14, stream: 910)
    let credits: [Double] = (0..<40).map { ($0 < 10 ? 6 : 0) + random.nextNormal() }
    let strata: [Int?] = (0..<40).map { $0 % 9 == 0 ? nil : $0 % 3 }
    let strangers: [[Double]] = (0..<3).map { _ in (0..<150).map { _ in random.nextNormal() } }
    let usual = compare(items: credits, strata: strata, strangers: strangers)
    #expect(usual.count > 0)
    let order = random.permutation(40)
    let shuffled = compare(
      items: order.map { credits[$0] }, strata: order.map { strata[$0] },
      strangers: strangers.map { $0.reversed() })
    #expect(shuffled.pValues == order.map { usual.pValues[$0] })
    #expect(shuffled.isSignificant == order.map { usual.isSignificant[$0] })
    let scaled = compare(
      items: credits.map { $0 * 1e-3 }, strata: strata,
      strangers: strangers.map { $0.map { $0 * 1e-3 } })
    #expect(scaled == usual)
  }
}
