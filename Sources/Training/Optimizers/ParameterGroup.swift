/// Parameters with a weight decay and learning rates of their own, as a group of PyTorch's optimizers
/// has; all other parameters follow the run's.
public struct ParameterGroup: Equatable, Sendable {
  /// The names of its parameters.
  public var parameters: [String]
  /// λ, of the kind of the run's decay.
  public var weightDecay: Double
  /// The learning rate of each of the S steps; nil for the run's.
  public var learningRates: [Double]?

  /// A group.
  public init(_ parameters: [String], weightDecay: Double, learningRates: [Double]? = nil) {
    self.parameters = parameters
    self.weightDecay = weightDecay
    self.learningRates = learningRates
  }
}

/// A stretch of the flat vector `[P]` that one decay and one learning rate act on.
package struct OptimizerPart: Sendable {
  /// The places.
  package var range: Range<Int>
  /// The run's constants with the stretch's decay.
  package let settings: OptimizerSettings
  private let learningRates: [Double]?

  init(_ range: Range<Int>, _ settings: OptimizerSettings, _ group: ParameterGroup?) {
    var settings = settings
    if let group { settings.weightDecay.rate = group.weightDecay }
    settings.groups = []
    self.range = range
    self.settings = settings
    learningRates = group?.learningRates
  }

  /// η of a step, counted from 0, where the run's is `rate`.
  package func rate(at step: Int, _ rate: Double) -> Double { learningRates?[step] ?? rate }
}

extension OptimizerSettings {
  /// Whether some parameters are drawn towards zero.
  public var decays: Bool { weightDecay.rate != 0 || groups.contains { $0.weightDecay != 0 } }

  /// The trained parameters in stretches, ascending; one where there are no groups.
  package func parts(of layout: ParameterLayout) -> [OptimizerPart] {
    guard !groups.isEmpty else { return [OptimizerPart(0..<layout.trainableCount, self, nil)] }
    var groupOf: [String: Int] = [:]
    for (index, group) in groups.enumerated() {
      for name in group.parameters { groupOf[name] = index }
    }
    var parts: [OptimizerPart] = []
    var last: Int??
    for entry in layout.entries where entry.isTrainable {
      let group = groupOf[entry.name]
      if let last, last == group {
        parts[parts.count - 1].range =
          parts[parts.count - 1].range.lowerBound..<entry.range.upperBound
      } else {
        parts.append(OptimizerPart(entry.range, self, group.map { groups[$0] }))
      }
      last = .some(group)
    }
    return parts
  }

  /// Checks the groups of a run of S steps.
  ///
  /// - Throws: ``TrainingError/setting(name:found:expected:)`` with the first that does not fit.
  func checkGroups(_ layout: ParameterLayout, steps: Int) throws(TrainingError) {
    let known = Set(layout.entries.map(\.name))
    var seen: Set<String> = []
    for (index, group) in groups.enumerated() {
      let what = "optimizer group \(index)"
      for name in group.parameters {
        guard known.contains(name), seen.insert(name).inserted else {
          throw .setting(
            name: what, found: "the parameter \"\(name)\"" + (seen.contains(name) ? " again" : ""),
            expected: "parameters of the model, each in one group")
        }
      }
      guard WeightDecay(group.weightDecay, weightDecay.kind).isValid else {
        throw .setting(
          name: "\(what), weight decay", found: "\(group.weightDecay)", expected: WeightDecay.range)
      }
      guard let rates = group.learningRates else { continue }
      guard rates.count == steps else {
        throw .setting(
          name: "\(what), learning rates", found: "\(rates.count)",
          expected: "\(steps), one for each step")
      }
      if let step = rates.firstIndex(where: { !($0 >= 0 && $0.isFinite) }) {
        throw .setting(
          name: "\(what), learning rate of step \(step)", found: "\(rates[step])",
          expected: "a number from 0")
      }
    }
  }
}
