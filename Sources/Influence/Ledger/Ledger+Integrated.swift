import TensorCore
import Training

extension Ledger {
  /// Nodes of the integral over the weight, until the rows add up.
  static var nodeCounts: [Int] { [8, 16, 32] }

  /// Integrates the marginal over the weight of all items together.
  ///
  /// With no weight only decay acts: what that does is the decay's row. Queries whose rows do not add
  /// up are refused.
  func integrate(
    _ group: [Range<Int>], _ plan: Layout, into accounts: inout [OutputAccount], _ sign: Double,
    _ report: (Int, Int) throws -> Void
  ) throws {
    var open = Array(group.indices)
    let rowOf = group.indices.map { group[..<$0].reduce(0) { $0 + $1.count } }
    func queries(of blocks: [Int]) -> [Int] {
      blocks.flatMap { block in (0..<group[block].count).map { rowOf[block] + $0 } }
    }
    let full =
      problem.run.itemWeights ?? [Scalar](repeating: 1, count: problem.run.train.items.count)
    var decay: [Double] = []
    do {
      let idle = try replay(weights: full.map { _ in 0 }, plan)
      let measured = try measuredPath(group, idle, { _, _ in })
      decay = (0..<measured.path.queries).map {
        measured.path[measured.path.steps, $0] - measured.path[0, $0]
      }
    } catch let error as TrainingError {
      return refuse(.integrated, queries(of: open), &accounts, "\(error)")
    } catch let error as LedgerError {
      return refuse(.integrated, queries(of: open), &accounts, "\(error)")
    }
    for count in Self.nodeCounts where !open.isEmpty {
      let blocks = open.map { group[$0] }
      var sums = [[Double]](
        repeating: [Double](repeating: 0, count: full.count),
        count: blocks.reduce(0) { $0 + $1.count })
      var predictions = sums.map { _ in [Double](repeating: 0, count: options.removals.count) }
      if count > Self.nodeCounts[0] {
        progress.expect(count * problem.run.batches.count * sums.count * LedgerProgress.marginal)
      }
      let rule = GaussLegendre(count)
      do {
        for (number, (place, weight)) in zip(rule.nodes, rule.weights).enumerated() {
          let scaled = full.map { $0 * Scalar(place) }
          var problem = hasStandIns ? problem : problem.withoutStrangers
          problem.run.itemWeights = scaled
          let trajectory = try replay(weights: scaled, plan)
          var final: [Scalar] = []
          try trajectory.forward { if $0.step == trajectory.steps { final = $0.parameters } }
          let rows = try sweep(
            problem, blocks, .marginal, trajectory, final: final, legMemory: plan.legMemory,
            key: "integrated-\(count)-\(number)", report)
          for (query, items) in rows.items.enumerated() {
            for (item, value) in items.enumerated() {
              sums[query][item] += weight * Double(full[item]) * value
            }
            for (removal, change) in rows.predictions[query].enumerated() {
              predictions[query][removal] += weight * change
            }
          }
        }
      } catch let error as TrainingError {
        return refuse(.integrated, queries(of: open), &accounts, "\(error)")
      } catch let error as LedgerError {
        return refuse(.integrated, queries(of: open), &accounts, "\(error)")
      }
      var first = 0
      var stillOpen: [Int] = []
      for block in open {
        var isOpen = false
        for place in 0..<group[block].count {
          let query = rowOf[block] + place
          // A query that was balanced with fewer nodes keeps those.
          if let earlier = accounts[query].columns[.integrated], earlier.refusal == nil { continue }
          let rows = Rows(
            items: [sums[first + place]], decay: [decay[query]],
            predictions: [predictions[first + place]])
          var column = account(rows, 0, sign, accounts[query].total)
          if !(column.relativeResidual <= options.tolerance) {
            column.refusal =
              "the integral over the weight has not converged with \(count) nodes: the rows miss the "
              + "measured change by \(Float(column.relativeResidual)) of the gross movement"
            // Twice the nodes of a smooth integrand leave far less than half: this one is not smooth.
            let before = accounts[query].columns[.integrated]?.relativeResidual ?? .infinity
            if column.relativeResidual < before / 2 { isOpen = true }
          }
          accounts[query].columns[.integrated] = column
        }
        if isOpen { stillOpen.append(block) }
        first += group[block].count
      }
      open = stillOpen
    }
  }

  /// The run with other weights, from its start.
  private func replay(weights: [Scalar], _ plan: Layout) throws -> Trajectory<Scalar> {
    var run = problem.run
    run.itemWeights = weights
    return try Trajectory(run, record: nil, room: plan.room, pool: pool)
  }

  /// Notes that a column has no answer for some queries, unless it has one already.
  func refuse(
    _ column: LedgerColumn, _ queries: [Int], _ accounts: inout [OutputAccount], _ reason: String
  ) {
    for query in queries {
      if let earlier = accounts[query].columns[column], earlier.refusal == nil { continue }
      accounts[query].columns[column] = LedgerAccount(
        items: [Double](repeating: 0, count: problem.run.train.items.count),
        residual: accounts[query].total,
        predictions: [Double](repeating: 0, count: options.removals.count), refusal: reason)
    }
  }
}
