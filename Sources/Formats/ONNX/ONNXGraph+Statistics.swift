extension ONNXGraph {
  /// What an output is computed from, by the way that leads to it.
  struct Uses {
    /// The names of the values that are more than statistics.
    var ordinary: Set<String>
    /// The names of the values that a mean or variance of a batch normalization is made of.
    var statistics: Set<String>

    /// The values that are statistics and nothing else.
    var buffers: Set<String> { statistics.subtracting(ordinary) }
    /// The values that are statistics and something else as well.
    var shared: Set<String> { statistics.intersection(ordinary) }
  }

  /// How the values are used that some outputs need.
  func uses(for outputs: [String]) -> Uses {
    var uses = Uses(ordinary: Set(outputs), statistics: [])
    for node in nodes.reversed() {
      let isOrdinary = node.outputs.contains { !$0.isEmpty && uses.ordinary.contains($0) }
      let isStatistic = node.outputs.contains { !$0.isEmpty && uses.statistics.contains($0) }
      let normalizes = node.operatorName == "BatchNormalization"
      for (index, name) in node.inputs.enumerated() where isOrdinary || isStatistic {
        let isMoment = normalizes && (3...4).contains(index)
        if isStatistic || isMoment { uses.statistics.insert(name) }
        if isOrdinary && !isMoment { uses.ordinary.insert(name) }
      }
      for case .graph(let branch) in node.attributes.values where isOrdinary || isStatistic {
        let inner = branch.uses(for: branch.outputs.map(\.name))
        uses.statistics.formUnion(inner.statistics)
        if isOrdinary { uses.ordinary.formUnion(inner.ordinary) }
        if isStatistic { uses.statistics.formUnion(inner.ordinary) }
      }
    }
    return uses
  }
}
