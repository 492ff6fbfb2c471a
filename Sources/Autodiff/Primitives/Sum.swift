public import TensorCore

/// The sum over some of the trailing axes, in the order of the elements.
public struct Sum: Primitive {
  /// The name of the primitive.
  public static let name = "sum"
  /// Last, first, both, and an axis kept.
  public static let examples = [
    PrimitiveExample(Sum(axes: [-1], keepsAxes: false), [[2, 3]]),
    PrimitiveExample(Sum(axes: [-2], keepsAxes: false), [[2, 3]]),
    PrimitiveExample(Sum(axes: [-2, -1], keepsAxes: false), [[2, 3]]),
    PrimitiveExample(Sum(axes: [-3, -1], keepsAxes: true), [[2, 3, 2]]),
  ]
  /// The axes summed over, counted from the end (−1 is the last), ascending.
  public let axes: [Int]
  /// Whether they stay with extent one.
  public let keepsAxes: Bool

  /// The sum over these axes.
  public init(axes: [Int], keepsAxes: Bool) {
    precondition(axes.allSatisfy { $0 < 0 }, "axes are counted from the end")
    self.axes = axes.sorted()
    self.keepsAxes = keepsAxes
  }

  /// The shape without those axes, or with ones.
  public func shape(of operands: [Shape]) throws(GraphError) -> Shape {
    let shape = operands[0]
    guard (axes.first ?? -1) >= -shape.rank || axes.isEmpty else {
      throw .shapes(primitive: Self.name, operands: operands, expected: "rank ≥ \(-(axes[0]))")
    }
    return keepsAxes ? kept(shape) : Shape(remaining(shape))
  }

  private func kept(_ shape: Shape) -> Shape {
    Shape(shape.extents.enumerated().map { axes.contains($0.0 - shape.rank) ? 1 : $0.1 })
  }

  private func remaining(_ shape: Shape) -> [Int] {
    shape.extents.enumerated().filter { !axes.contains($0.0 - shape.rank) }.map(\.1)
  }

  /// The same on the tangent.
  public func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID? { tangents[0].map { graph.add(self, $0) } }

  /// The cotangent repeated.
  public func vjp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, cotangent: NodeID, operand: Int
  ) -> NodeID? {
    let shape = graph.shape(operands[0])
    let one = graph.reshape(cotangent, from: graph.shape(result), to: kept(shape))
    return graph.broadcast(one, from: kept(shape), to: shape)
  }

  /// Sums of rows, or of columns in blocks; other patterns add run after run.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public func kernel<Scalar: TensorScalar>(
    _ operands: [Shape], _ result: Shape, _ type: Scalar.Type
  ) -> Kernel<Scalar> {
    let shape = operands[0]
    var loops = StridedLoops(broadcasting: shape, kept(shape), to: shape)
    let axes = loops.axes
    switch axes.map({ $0.strideB == 0 }) {
    case [true], [true, false]:
      let rows = result.count
      return { Scalar.sumRows(rows, axes[0].extent, $0[0], $0.result) }
    case [false, true], [false, true, false]:
      let blocks = axes.count == 3 ? axes[2].extent : 1
      return { Scalar.sumColumns(blocks, axes[1].extent, axes[0].extent, $0[0], $0.result) }
    default: break
    }
    let (run, total) = (loops.removeInnermost(), result.count)
    return { [loops] operands in
      let (x, y) = (operands[0], operands.result)
      y.update(repeating: 0, count: total)
      loops.forEach { from, to in
        if run.strideB == 1 {
          Scalar.zip(.add, run.extent, UnsafePointer(y + to), true, x + from, true, y + to)
        } else {
          y[to] += Scalar.sum(run.extent, x + from)
        }
      }
    }
  }
}

extension Graph {
  /// The sum over axes counted from the end.
  public mutating func sum(_ x: NodeID, axes: [Int], keepsAxes: Bool = false) -> NodeID {
    if axes.isEmpty { return x }
    let sum = Sum(axes: axes, keepsAxes: keepsAxes)
    if let value = constantValue(x), let shape = try? sum.shape(of: [shape(x)]) {
      return constant(value * Double(self.shape(x).count / max(shape.count, 1)), shape)
    }
    return add(sum, x)
  }

  /// The sum of all elements, of shape [].
  public mutating func sumAll(_ x: NodeID) -> NodeID {
    sum(x, axes: (0..<shape(x).rank).map { -$0 - 1 })
  }

  /// The sum over whatever broadcasting added to `shape`.
  mutating func sum(_ x: NodeID, to shape: Shape) -> NodeID {
    let full = self.shape(x)
    if full == shape { return x }
    let padded = Shape([Int](repeating: 1, count: full.rank - shape.rank) + shape.extents)
    let axes = (1...full.rank).filter { padded[-$0] != full[-$0] }.map { -$0 }
    return reshape(sum(x, axes: axes, keepsAxes: true), from: padded, to: shape)
  }
}
