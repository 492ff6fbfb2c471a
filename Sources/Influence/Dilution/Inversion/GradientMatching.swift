import Autodiff
package import TensorCore
import Training

/// Searches for inputs whose gradient is a shared one.
///
/// What is lowered is Σ |∇ℓ(x̂) − G|² / |G|² over the parameter tensors. Its gradient by the inputs x̂ is
/// a graph again, because differentiation is closed. Labels come from the gradient of the last bias.
///
/// Source: L. Zhu, Z. Liu, S. Han, "Deep leakage from gradients", NeurIPS 2019, algorithm 1.
package struct GradientMatching {
  /// What a search came to.
  package struct Result: Sendable {
    /// B inputs `[I]`.
    package let inputs: [[Double]]
    /// The labels that were taken.
    package let labels: [Int32]
    /// What is left of the difference.
    package let difference: Double
  }

  /// Searches from uniform noise.
  ///
  /// - Parameters:
  ///   - range: From the least to the greatest number of an input.
  ///   - random: Where the search starts.
  ///   - iterations: Steps of L-BFGS at most.
  ///   - check: Called before each evaluation; what it throws ends the search.
  package static func search(
    _ shared: SharedGradient, range: ClosedRange<Double>, random: inout RandomStream,
    iterations: Int, check: () throws -> Void
  ) rethrows -> Result {
    let width = shared.model.inputShape.count
    let labels = labels(shared, range)
    let noise: Tensor<Double> = random.uniformTensor([shared.count, width])
    let start = noise.scalars.map {
      range.lowerBound + $0 * (range.upperBound - range.lowerBound)
    }
    let objective = Objective(shared, labels)
    let best = try LimitedMemoryBFGS(iterations: iterations, target: 1e-20)
      .minimise(from: start) {
        try check()
        return objective($0)
      }
    return Result(
      inputs: (0..<shared.count).map {
        Array(best.point[$0 * width..<($0 + 1) * width])
      },
      labels: labels, difference: best.value)
  }

  /// The labels of the batch, ascending.
  ///
  /// The gradient of the last bias is the mean of p − y. With p at a mean input, B (p − gradient) is
  /// about how often each class is there; the counts are rounded so that they add up to B. The mean
  /// input is the x̄ that makes Σ |W'_r − b'_r x̄|² least over the units of the first layer, whose
  /// gradients are W' and b'.
  private static func labels(_ shared: SharedGradient, _ range: ClosedRange<Double>) -> [Int32] {
    let classes = shared.model.outputShape[-1]
    let (weight, units) = (shared.parts[0], shared.parts[1])
    let width = weight.count / units.count
    let square = units.reduce(0) { $0 + $1 * $1 }
    var mean = [Double](repeating: 0, count: width)
    for (unit, share) in units.enumerated() where square > 0 {
      for place in 0..<width { mean[place] += weight[unit * width + place] * share / square }
    }
    mean = mean.map { min(max($0, range.lowerBound), range.upperBound) }
    // The gradient of the last bias for one item of label 0 is p less 1 at that label.
    let there = MeanGradient(
      shared.model, parameters: shared.parameters, batch: 1, wanted: [shared.parts.count - 1])(
        Tensor([1, width], mean), [0])[0]
    let bias = shared.parts[shared.parts.count - 1]
    let wanted = (0..<classes).map { label in
      max(Double(shared.count) * (there[label] + (label == 0 ? 1 : 0) - bias[label]), 0)
    }
    var counts = wanted.map { Int($0) }
    // Too many are found where the mean input says little of the others.
    while counts.reduce(0, +) > shared.count,
      let most = counts.indices.max(by: { counts[$0] < counts[$1] })
    {
      counts[most] -= 1
    }
    let rest = wanted.indices.sorted {
      (wanted[$1] - Double(counts[$1]), $0) < (wanted[$0] - Double(counts[$0]), $1)
    }
    for place in 0..<shared.count - counts.reduce(0, +) { counts[rest[place % classes]] += 1 }
    return counts.enumerated().flatMap { [Int32](repeating: Int32($0), count: $1) }
  }

  /// The difference of gradients as a function of the inputs.
  private final class Objective {
    private let plan: Plan<Double>
    private let workspace: Workspace<Double>
    private let parameters: AlignedBuffer<Double>
    private let shape: Shape

    init(_ shared: SharedGradient, _ labels: [Int32]) {
      var items = ItemGraph(shared.model, loss: .crossEntropy, batch: shared.count)
      let seed = items.graph.constant(1 / Double(shared.count), [shared.count])
      let gradients = items.gradients(seed: seed)
      var differences: [NodeID] = []
      for (gradient, target) in zip(gradients, shared.parts) {
        let square = target.reduce(0) { $0 + $1 * $1 }
        let goal = items.graph.literal(target, items.graph.shape(gradient))
        let apart = items.graph.unary(.square, items.graph.subtract(gradient, goal))
        differences.append(
          items.graph.affine(
            items.graph.sumAll(apart), scale: square > 0 ? 1 / square : 1, offset: 0))
      }
      let total = differences.dropFirst().reduce(differences[0]) { items.graph.add($0, $1) }
      let inputs = items.data[0]
      let down = items.graph.gradient(of: total, withRespectTo: [inputs])[0]
      shape = items.graph.shape(inputs)
      plan = Plan(items.graph, outputs: [total, down])
      workspace = plan.makeWorkspace()
      parameters = AlignedBuffer(copying: shared.parameters)
      workspace.bind(shared.model.layout, of: plan, to: UnsafePointer(parameters.base))
      workspace.set(ItemGraph.targetsLabel, indices: labels)
    }

    func callAsFunction(_ inputs: [Double]) -> (value: Double, gradient: [Double]) {
      workspace.set(ItemGraph.inputsLabel, Tensor(shape, inputs))
      plan.run(workspace)
      return (workspace.output(0)[0], Array(workspace.output(1)))
    }
  }
}
