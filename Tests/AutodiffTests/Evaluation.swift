import Autodiff
import TensorCore

/// Runs a graph on named values.
func evaluate<Scalar: TensorScalar>(
  _ graph: Graph, _ outputs: [NodeID], _ values: [String: Tensor<Scalar>],
  indices: [String: [Int32]] = [:], pool: WorkerPool? = nil
) -> [Tensor<Scalar>] {
  let plan = Plan<Scalar>(graph, outputs: outputs)
  let workspace = plan.makeWorkspace()
  for (label, value) in values { workspace.set(label, value) }
  for (label, value) in indices { workspace.set(label, indices: value) }
  plan.run(workspace, pool: pool)
  return outputs.indices.map { workspace.tensor($0) }
}

/// A small generator that repeats, so that a failure can be run again.
struct Draws {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }

  mutating func number(in range: ClosedRange<Double>) -> Double {
    let unit = Double(next() >> 11) * 0x1p-53
    return range.lowerBound + unit * (range.upperBound - range.lowerBound)
  }

  mutating func tensor(_ shape: Shape, in range: ClosedRange<Double> = -1...1) -> Tensor<Double> {
    Tensor(shape, (0..<shape.count).map { _ in number(in: range) })
  }

  mutating func indices(_ count: Int, below bound: Int) -> [Int32] {
    (0..<count).map { _ in Int32(next() % UInt64(bound)) }
  }
}

func dot(_ a: Tensor<Double>, _ b: Tensor<Double>) -> Double {
  zip(a.scalars, b.scalars).reduce(0) { $0 + $1.0 * $1.1 }
}

/// The largest difference relative to the larger of 1 and the largest element.
func difference(_ a: Tensor<Double>, _ b: Tensor<Double>) -> Double {
  guard a.count == b.count else { return .infinity }
  let scale = max(1, (a.scalars + b.scalars).map(abs).max() ?? 1)
  let worst = zip(a.scalars, b.scalars).map { abs($0 - $1) }.max() ?? 0
  return (a.scalars + b.scalars).allSatisfy(\.isFinite) ? worst / scale : .infinity
}
