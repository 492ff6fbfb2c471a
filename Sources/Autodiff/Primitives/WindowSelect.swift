public import TensorCore

/// The element of v where x has the first largest one of each window.
///
/// Operands: x `[F…, H, W]` and v `[…, F…, H, W]`; the result is `[…, F…, H', W']`. Linear in v and,
/// in steps, constant in x: the derivative of ``MaxPool``.
public struct WindowSelect: Primitive {
  /// The name of the primitive.
  public static let name = "window-select"
  /// Those of ``Unfold``, and v with an axis in front.
  public static let examples =
    WindowExamples.all.map { windows in
      let shape = Shape([2]).appending(windows.image)
      return PrimitiveExample(WindowSelect(windows), [shape, shape])
    } + [
      PrimitiveExample(
        WindowSelect(WindowExamples.all[0]),
        [Shape([2]).appending(WindowExamples.all[0].image), [3, 2, 4, 5]])
    ]
  /// How the windows slide over the image.
  public let windows: Windows

  /// The elements at the largest ones of windows.
  public init(_ windows: Windows) { self.windows = windows }

  /// `[…, F…, H', W']`.
  public func shape(of operands: [Shape]) throws(GraphError) -> Shape {
    try windows.check(operands, of: Self.name)
    guard operands[1].rank >= operands[0].rank,
      operands[1].suffix(operands[0].rank) == operands[0]
    else {
      throw .shapes(
        primitive: Self.name, operands: operands, expected: "x and v of one shape, or more in front"
      )
    }
    return operands[1].dropLast(2).appending(windows.places)
  }

  /// The same on the tangent of v.
  public func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID? { tangents[1].map { graph.add(self, operands[0], $0) } }

  /// The cotangent put in those places.
  public func vjp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, cotangent: NodeID, operand: Int
  ) -> NodeID? {
    operand == 1 ? graph.add(WindowScatter(windows), operands[0], cotangent) : nil
  }

  /// Values with axes in front of the image's meet as many copies of it.
  public func batched(
    _ graph: inout Graph, operands: [NodeID], single: [Shape], result: Shape, size: Int
  ) throws(GraphError) -> NodeID {
    try graph.adding(self, graph.sharingWindows(operands, single: single, size: size))
  }

  /// The bulk kernel, plane by plane.
  public func kernel<Scalar: TensorScalar>(
    _ operands: [Shape], _ result: Shape, _ type: Scalar.Type
  ) -> Kernel<Scalar> {
    let (windows, planes) = (windows, operands[0].dropLast(2).count)
    let (size, places) = (windows.image.count, windows.places.count)
    let repeats = result.count / max(planes * places, 1)
    let blocks = Blocks.planes(planes, of: size)
    return { operands in
      let (x, v, y) = (operands[0], operands[1], operands.result)
      operands.share(blocks) { range in
        for repetition in 0..<repeats {
          let (first, own) = (range.lowerBound, range.lowerBound + repetition * planes)
          Scalar.windowSelect(
            range.count, windows, x + first * size, v + own * size, y + own * places)
        }
      }
    }
  }
}

/// Each element of v added where x has the first largest one of its window, in images of zeros.
///
/// Operands: x `[F…, H, W]` and v `[…, F…, H', W']`; the result is `[…, F…, H, W]`. The transpose of
/// ``WindowSelect``.
public struct WindowScatter: Primitive {
  /// The name of the primitive.
  public static let name = "window-scatter"
  /// Those of ``Unfold``, and v with an axis in front.
  public static let examples =
    WindowExamples.all.map { windows in
      PrimitiveExample(
        WindowScatter(windows),
        [Shape([2]).appending(windows.image), Shape([2]).appending(windows.places)])
    } + [
      PrimitiveExample(
        WindowScatter(WindowExamples.all[0]),
        [
          Shape([2]).appending(WindowExamples.all[0].image),
          Shape([3, 2]).appending(WindowExamples.all[0].places),
        ])
    ]
  /// How the windows slide over the image.
  public let windows: Windows

  /// The images of what belongs to the largest elements of windows.
  public init(_ windows: Windows) { self.windows = windows }

  /// `[…, F…, H, W]`.
  public func shape(of operands: [Shape]) throws(GraphError) -> Shape {
    try windows.check(operands, of: Self.name)
    let wanted = operands[0].dropLast(2).appending(windows.places)
    guard operands[1].rank >= wanted.rank, operands[1].suffix(wanted.rank) == wanted else {
      throw .shapes(
        primitive: Self.name, operands: operands, expected: "x and v […] + \(wanted)")
    }
    return operands[1].dropLast(2).appending(windows.image)
  }

  /// The same on the tangent of v.
  public func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID? { tangents[1].map { graph.add(self, operands[0], $0) } }

  /// The cotangent's elements in those places.
  public func vjp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, cotangent: NodeID, operand: Int
  ) -> NodeID? {
    operand == 1 ? graph.add(WindowSelect(windows), operands[0], cotangent) : nil
  }

  /// Values with axes in front of the image's meet as many copies of it.
  public func batched(
    _ graph: inout Graph, operands: [NodeID], single: [Shape], result: Shape, size: Int
  ) throws(GraphError) -> NodeID {
    try graph.adding(self, graph.sharingWindows(operands, single: single, size: size))
  }

  /// The bulk kernel, plane by plane.
  public func kernel<Scalar: TensorScalar>(
    _ operands: [Shape], _ result: Shape, _ type: Scalar.Type
  ) -> Kernel<Scalar> {
    let (windows, planes) = (windows, operands[0].dropLast(2).count)
    let (size, places) = (windows.image.count, windows.places.count)
    let repeats = result.count / max(planes * size, 1)
    let blocks = Blocks.planes(planes, of: size)
    return { operands in
      let (x, v, y) = (operands[0], operands[1], operands.result)
      operands.share(blocks) { range in
        for repetition in 0..<repeats {
          let (first, own) = (range.lowerBound, range.lowerBound + repetition * planes)
          Scalar.windowScatter(
            range.count, windows, x + first * size, v + own * places, y + own * size)
        }
      }
    }
  }
}

extension Graph {
  /// Images x and values v of a primitive on windows for B examples: x gets all the axes in front
  /// that v has, so that no axis of one is taken for another's.
  fileprivate mutating func sharingWindows(
    _ operands: [NodeID], single: [Shape], size: Int
  ) -> [NodeID] {
    let all = zip(operands, single).map { operand, own in
      shape(operand) == own ? copies(operand, size: size) : operand
    }
    let front = single[1].dropLast(single[0].rank)
    if front.rank == 0 { return all }
    let ones = Shape([size] + [Int](repeating: 1, count: front.rank)).appending(single[0])
    let aligned = reshape(all[0], to: ones)
    let whole = Shape([size]).appending(front).appending(single[0])
    return [broadcast(aligned, from: ones, to: whole), all[1]]
  }
}
