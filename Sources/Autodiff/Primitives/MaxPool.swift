public import TensorCore

/// The largest element of each window: x `[…, H, W]` gives `[…, H', W']`.
///
/// Padding does not take part; a window of nothing else gives −∞. NaN is the largest of all.
public struct MaxPool: Primitive {
  /// The name of the primitive.
  public static let name = "max-pool"
  /// Those of ``Unfold``.
  public static let examples = WindowExamples.all.map {
    PrimitiveExample(MaxPool($0), [Shape([2]).appending($0.image)])
  }
  /// How the windows slide over the image.
  public let windows: Windows

  /// The largest elements of windows.
  public init(_ windows: Windows) { self.windows = windows }

  /// `[…, H', W']`.
  public func shape(of operands: [Shape]) throws(GraphError) -> Shape {
    try windows.check(operands, of: Self.name)
    return operands[0].dropLast(2).appending(windows.places)
  }

  /// The tangent where the window has its first largest element.
  public func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID? { tangents[0].map { graph.add(WindowSelect(windows), operands[0], $0) } }

  /// The cotangent put there.
  public func vjp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, cotangent: NodeID, operand: Int
  ) -> NodeID? { graph.add(WindowScatter(windows), operands[0], cotangent) }

  /// The bulk kernel, plane by plane.
  public func kernel<Scalar: TensorScalar>(
    _ operands: [Shape], _ result: Shape, _ type: Scalar.Type
  ) -> Kernel<Scalar> {
    let (windows, planes) = (windows, operands[0].dropLast(2).count)
    let (size, places) = (windows.image.count, windows.places.count)
    let blocks = Blocks.planes(planes, of: size)
    return { operands in
      let (x, y) = (operands[0], operands.result)
      operands.share(blocks) { range in
        let first = range.lowerBound
        Scalar.maxPool(range.count, windows, x + first * size, y + first * places)
      }
    }
  }
}

extension Windows {
  /// Checks an operand `[…, H, W]`.
  func check(_ operands: [Shape], of primitive: String) throws(GraphError) {
    guard operands[0].rank >= 2, operands[0].suffix(2) == image, places.count > 0 else {
      throw .shapes(
        primitive: primitive, operands: operands,
        expected: "[…] + \(image) with room for a window \(window)")
    }
  }
}
