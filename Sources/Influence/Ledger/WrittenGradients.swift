import TensorCore
import Training

/// Gradients written out, `[D, P]`: for optimizers that carry them on from step to step.
final class WrittenGradients<Scalar: TensorScalar>: ChordIntegrand {
  final class Node {
    let gradients: Directions<Scalar>
    var values: [Double]
    var slopes: [Double]

    init(_ count: Int, _ layout: ParameterLayout) {
      gradients = Directions(count, layout)
      values = [Double](repeating: 0, count: count)
      slopes = values
    }
  }

  let chord: Chord<Scalar>
  /// Where the integral is added up.
  let integral: Directions<Scalar>
  private let queries: QueryBlock<Scalar>
  private let everyone: [Int]
  private var free: [Node] = []

  init(_ queries: QueryBlock<Scalar>, into integral: Directions<Scalar>) {
    self.queries = queries
    self.integral = integral
    chord = Chord(integral.layout)
    everyone = Array(0..<queries.count)
  }

  var count: Int { queries.count }

  func node(at place: Double) -> Node {
    let node = free.popLast() ?? Node(count, integral.layout)
    node.gradients.clear()
    queries.run(at: chord.parameters(at: place))
    queries.addGradients(of: everyone, weight: 1, to: node.gradients)
    for query in everyone { node.values[query] = queries.value(query) }
    takeSlopes(node)
    return node
  }

  func takeSlopes(_ node: Node) {
    for query in everyone {
      node.slopes[query] = node.gradients.dot(query, chord.direction.memory.base)
    }
  }

  func recycle(_ node: Node) { free.append(node) }
  func value(_ node: Node, _ query: Int) -> Double { node.values[query] }
  func slope(_ node: Node, _ query: Int) -> Double { node.slopes[query] }

  func add(_ node: Node, weight: Double, of queries: [Int]) {
    let gradients = node.gradients
    if queries.count == count {
      return Scalar.axpy(
        integral.elementCount, Scalar(weight), gradients.memory.base, integral.memory.base)
    }
    for query in queries {
      for entry in integral.layout.entries {
        Scalar.axpy(
          entry.shape.count, Scalar(weight), gradients.row(query, of: entry),
          integral.row(query, of: entry))
      }
    }
  }
}
