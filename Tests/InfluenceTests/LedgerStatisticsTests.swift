import Influence
import TensorCore
import Testing

@Suite("statistics of an account")
struct LedgerStatisticsTests {
  private func statistics(
    _ items: [Double], ownClass: [Bool]? = nil, ownGroup: [Bool]? = nil
  ) -> LedgerStatistics {
    LedgerStatistics(
      account: LedgerAccount(items: items, residual: 0), ownClass: ownClass, ownGroup: ownGroup)
  }

  /// Rows of very different sizes and both signs, with zeros and ties.
  private func rows(_ count: Int, seed: UInt64) -> [Double] {
    var random = RandomStream(seed: seed, stream: 900)
    return (0..<count).map { place in
      let normal: Double = random.nextNormal()
      if place % 7 == 0 { return 0 }
      if place % 5 == 0 { return place % 2 == 0 ? 0.3 : -0.3 }
      return normal * normal * normal
    }
  }

  @Test("shares of three items, by hand") func byHand() {
    let three = statistics(
      [3, -1, 0], ownClass: [false, true, true], ownGroup: [true, false, true])
    #expect(three.cocktail.net == 2)
    #expect(three.cocktail.gross == 4)
    #expect(three.cocktail.cancellation == 0.5)
    #expect(three.cocktail.topShare == 0.75)
    #expect(three.cocktail.equalShare == 1.0 / 3)
    #expect(three.cocktail.effectiveContributors == 1.6)
    // Mean absolute difference over twice the mean: (3 + 2 + 1) · 2 / 9 over 2 · 4/3.
    #expect(abs(three.gini - 0.5) < 1e-15)
    #expect(three.ownClass?.share == 0.25)
    #expect(three.ownClass?.net == -1)
    #expect(three.ownClass?.items == 2)
    #expect(three.ownClass?.itemShare == 2.0 / 3)
    #expect(three.ownGroup?.share == 0.75)
    #expect(three.strongestPercentCount == 1)
    #expect(three.strongestPercentShare == 0.75)
    #expect(three.phases.isEmpty)
  }

  @Test("the strongest 1 % are rounded up to whole items") func strongest() {
    for (items, count) in [(0, 0), (1, 1), (100, 1), (101, 2), (200, 2), (201, 3)] {
      #expect(statistics((0..<items).map(Double.init)).strongestPercentCount == count)
    }
    // The items are 1 … 200, the two strongest 199 and 200.
    let share = statistics((1...200).map(Double.init)).strongestPercentShare
    #expect(abs(share - 399 / 20_100) < 1e-15)
  }

  @Test("Gini: none among equals, all but 1/N where one item holds everything") func gini() {
    #expect(statistics([2, -2, 2, -2]).gini == 0)
    #expect(statistics([0, 0, 0, -5]).gini == 0.75)
    // Rows 1 … N have (N − 1)/(3N).
    #expect(abs(statistics((1...10).map(Double.init)).gini - 0.3) < 1e-15)
    // Against its definition, the mean absolute difference over twice the mean.
    let rows = rows(60, seed: 1).map { abs($0) }
    let differences = rows.reduce(0) { sum, a in sum + rows.reduce(0) { $0 + abs(a - $1) } }
    let naive = differences / (2 * 60 * rows.reduce(0, +))
    #expect(abs(statistics(rows).gini - naive) < 1e-14)
  }

  @Test("no item, one item, nothing moved") func edges() {
    let none = statistics([], ownClass: [])
    #expect(none.cocktail.items == 0 && none.gini == 0 && none.strongestPercentShare == 0)
    #expect(none.ownClass?.share == 0 && none.ownClass?.itemShare == 0)
    #expect(none.cocktail.equalShare == 0)
    let one = statistics([-0.3], ownClass: [true], ownGroup: [false])
    #expect(one.cocktail.topShare == 1 && one.gini == 0 && one.strongestPercentShare == 1)
    #expect(one.ownClass?.share == 1 && one.ownGroup?.share == 0)
    let still = statistics([0, -0.0, 0], ownClass: [true, false, false])
    #expect(still.cocktail.gross == 0 && still.gini == 0 && still.strongestPercentShare == 0)
    #expect(still.ownClass?.share == 0)
    #expect(still.cocktail.cancellation == 0)
  }

  @Test("all items of one class hold exactly all") func wholeClass() {
    let rows = rows(333, seed: 2)
    #expect(statistics(rows, ownClass: rows.map { _ in true }).ownClass?.share == 1)
    #expect(statistics(rows, ownClass: rows.map { $0 != 0 }).ownClass?.share == 1)
  }

  @Test("huge and tiny rows have the shares of ordinary ones", arguments: [1e300, 1e-300])
  func extremes(_ factor: Double) {
    let rows = rows(101, seed: 3)
    let isOwn = rows.indices.map { $0 < 30 }
    let (usual, extreme) = (
      statistics(rows, ownClass: isOwn), statistics(rows.map { $0 * factor }, ownClass: isOwn)
    )
    // Products with the factor are rounded once each.
    func agree(_ a: Double, _ b: Double) -> Bool { abs(a - b) <= 1e-13 * abs(b) }
    #expect(
      agree(extreme.cocktail.effectiveContributors, usual.cocktail.effectiveContributors))
    #expect(agree(extreme.cocktail.entropyContributors, usual.cocktail.entropyContributors))
    #expect(agree(extreme.cocktail.gross, usual.cocktail.gross * factor))
    #expect(agree(extreme.cocktail.net, usual.cocktail.net * factor))
    #expect(agree(extreme.gini, usual.gini))
    #expect(agree(extreme.ownClass?.share ?? 0, usual.ownClass?.share ?? 1))
    #expect(agree(extreme.strongestPercentShare, usual.strongestPercentShare))
  }

  @Test("the largest and the smallest numbers there are") func limits() {
    let largest = statistics([Double.greatestFiniteMagnitude, -.greatestFiniteMagnitude])
    #expect(largest.cocktail.effectiveContributors == 2)
    #expect(largest.cocktail.topShare == 0.5)
    #expect(largest.cocktail.net == 0 && largest.cocktail.gross == .infinity)
    let smallest = statistics([Double.leastNonzeroMagnitude, 3 * .leastNonzeroMagnitude])
    #expect(smallest.cocktail.topShare == 0.75)
    #expect(smallest.cocktail.gross == 4 * .leastNonzeroMagnitude)
    #expect(smallest.gini == 0.25)
  }

  @Test("the order of the items changes no bit, a power of two changes only the unit")
  func invariance() {
    for seed in 1...5 as ClosedRange<UInt64> {
      let rows = rows(150, seed: seed)
      let isOwn = rows.indices.map { $0 % 3 == 0 }
      let groups = rows.indices.map { "owner \($0 % 4)" }
      var random = RandomStream(seed: seed, stream: 901)
      let order = random.permutation(rows.count)
      let account = LedgerAccount(items: rows, residual: 0)
      let shuffled = LedgerAccount(items: order.map { rows[$0] }, residual: 0)
      let usual = statistics(rows, ownClass: isOwn, ownGroup: isOwn.map { !$0 })
      #expect(
        statistics(
          shuffled.items, ownClass: order.map { isOwn[$0] }, ownGroup: order.map { !isOwn[$0] })
          == usual)
      #expect(
        shuffled.rollUp(groups: order.map { groups[$0] }) == account.rollUp(groups: groups))

      let scaled = statistics(rows.map { $0 * 1024 }, ownClass: isOwn)
      #expect(scaled.cocktail.net == usual.cocktail.net * 1024)
      #expect(scaled.cocktail.gross == usual.cocktail.gross * 1024)
      #expect(scaled.cocktail.effectiveContributors == usual.cocktail.effectiveContributors)
      #expect(scaled.gini == usual.gini)
      #expect(scaled.ownClass?.share == usual.ownClass?.share)
      #expect(scaled.ownClass?.net == usual.ownClass.map { $0.net * 1024 })
      // Turning the sign of all rows turns the net alone.
      let turned = statistics(rows.map { -$0 }, ownClass: isOwn)
      #expect(abs(turned.cocktail.net + usual.cocktail.net) < 1e-13 * usual.cocktail.gross)
      #expect(abs(turned.gini - usual.gini) < 1e-13)
    }
  }

  @Test("phases have sums and shares of their own") func phases() {
    let account = LedgerAccount(
      items: [2, -1], residual: 0, phases: [[3, 0], [-1, -2], [0, 1]])
    let phases = LedgerStatistics(account: account).phases
    #expect(phases.map(\.net) == [3, -3, 1])
    #expect(phases.map(\.gross) == [3, 3, 1])
    #expect(phases.map(\.cancellation) == [1, 1, 1])
    #expect(phases.map(\.net).reduce(0, +) == account.itemsSum)
  }

  @Test("groups by what they moved, equal ones by name") func groups() {
    let account = LedgerAccount(items: [1, -2, 0.5, 0.5, 0, 1], residual: 0)
    let groups = account.rollUp(groups: ["b", "c", "a", "a", "idle", "c"])
    #expect(groups.map(\.name) == ["c", "a", "b", "idle"])
    #expect(groups.map(\.part.net) == [-1, 1, 1, 0])
    #expect(groups.map(\.part.gross) == [3, 1, 1, 0])
    #expect(groups.map(\.part.items) == [2, 2, 1, 1])
    #expect(groups.map(\.part.share) == [0.6, 0.2, 0.2, 0])
    #expect(LedgerAccount(items: [], residual: 0).rollUp(groups: []).isEmpty)
  }

  @Test("where one item stands") func standing() {
    let account = LedgerAccount(items: [0.5, -3, 1, 0.5], residual: 0)
    #expect(account.standing(of: 2).rank == 1)
    #expect(account.standing(of: 2).magnitudeRank == 2)
    #expect(account.standing(of: 1).rank == 4)
    #expect(account.standing(of: 1).magnitudeRank == 1)
    #expect(account.standing(of: 1).share == 0.6)
    #expect(account.standing(of: 1).timesEqual == 2.4)
    #expect(account.standing(of: 0).rank == 2 && account.standing(of: 3).rank == 2)
    #expect(LedgerAccount(items: [0], residual: 0).standing(of: 0).share == 0)
  }

  @Test("columns are compared by rank, refused ones are not") func columns() {
    let output = OutputAccount(
      measureInitial: 2, measureFinal: 1, isLowerBetter: true,
      columns: [
        .credit: LedgerAccount(items: [1, 2, 3, 4], residual: 0),
        .marginal: LedgerAccount(items: [1, 4, 9, 8], residual: 0),
        .integrated: LedgerAccount(items: [4, 3, 2, 1], residual: 1, refusal: "does not converge"),
      ])
    let pairs = output.columnCorrelations
    #expect(pairs.map(\.first) == [.credit, .credit, .marginal])
    #expect(pairs.map(\.second) == [.marginal, .integrated, .integrated])
    // 1 − 6 Σd² / (n (n² − 1)) with Σd² = 2.
    #expect(abs((pairs[0].spearman ?? 0) - 0.8) < 1e-15)
    #expect(pairs[1].spearman == nil && pairs[2].spearman == nil)
    #expect(
      OutputAccount(measureInitial: 0, measureFinal: 0, isLowerBetter: true)
        .columnCorrelations.isEmpty)
  }
}
