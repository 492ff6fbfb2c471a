public import TensorCore

/// The windows of images as columns (im2col): x `[…, C, H, W]` gives `[…, C · h · w, H' · W']`.
///
/// Row (c, i, j) holds element (i, j) of every window of channel c, and zeros where that is padding.
/// A weight `[O, C · h · w]` times this is a convolution.
public struct Unfold: Primitive {
  /// The name of the primitive.
  public static let name = "unfold"
  /// Plain, with steps and padding of both signs, one axis alone, and axes carried in front.
  public static let examples = WindowExamples.all.map {
    PrimitiveExample(Unfold($0), [Shape([2]).appending($0.image)])
  }
  /// How the windows slide over the image.
  public let windows: Windows

  /// The windows of images.
  public init(_ windows: Windows) { self.windows = windows }

  /// `[…, C · h · w, H' · W']`.
  public func shape(of operands: [Shape]) throws(GraphError) -> Shape {
    let x = operands[0]
    guard x.rank >= 3, x.suffix(2) == windows.image, windows.places.count > 0,
      let shape = windows.unfolded(x)
    else {
      throw .shapes(
        primitive: Self.name, operands: operands,
        expected: "[…, C] + \(windows.image) with room for a window \(windows.window)")
    }
    return shape
  }

  /// The same on the tangent.
  public func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID? { tangents[0].map { graph.add(self, $0) } }

  /// The cotangent added where it came from.
  public func vjp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, cotangent: NodeID, operand: Int
  ) -> NodeID? { graph.add(Fold(windows), cotangent) }

  /// Copies of runs, plane by plane.
  public func kernel<Scalar: TensorScalar>(
    _ operands: [Shape], _ result: Shape, _ type: Scalar.Type
  ) -> Kernel<Scalar> {
    let (windows, planes) = (windows, operands[0].dropLast(2).count)
    let (size, unfolded) = (windows.image.count, windows.window.count * windows.places.count)
    let blocks = Blocks.planes(planes, of: unfolded)
    return { operands in
      let (x, y) = (operands[0], operands.result)
      operands.share(blocks) { range in
        let first = range.lowerBound
        Scalar.unfold(range.count, windows, x + first * size, y + first * unfolded)
      }
    }
  }
}

/// Columns added into images (col2im): x `[…, C · h · w, H' · W']` gives `[…, C, H, W]`.
///
/// The transpose of ``Unfold``: elements of windows that overlap are added, padding is dropped.
public struct Fold: Primitive {
  /// The name of the primitive.
  public static let name = "fold"
  /// Those of ``Unfold``.
  public static let examples = WindowExamples.all.map {
    PrimitiveExample(Fold($0), [[2 * $0.window.count, $0.places.count]])
  }
  /// How the windows slide over the image.
  public let windows: Windows

  /// The images of columns.
  public init(_ windows: Windows) { self.windows = windows }

  /// `[…, C, H, W]`.
  public func shape(of operands: [Shape]) throws(GraphError) -> Shape {
    let (x, window) = (operands[0], windows.window.count)
    guard windows.places.count > 0, x.rank >= 2, x[-1] == windows.places.count,
      x[-2].isMultiple(of: window),
      let shape = Shape(
        checked: x.dropLast(2).extents + [x[-2] / window] + windows.image.extents)
    else {
      throw .shapes(
        primitive: Self.name, operands: operands,
        expected: "[…, C · \(window), \(windows.places.count)] for windows \(windows.window) "
          + "over \(windows.image)")
    }
    return shape
  }

  /// The same on the tangent.
  public func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID? { tangents[0].map { graph.add(self, $0) } }

  /// The windows of the cotangent.
  public func vjp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, cotangent: NodeID, operand: Int
  ) -> NodeID? { graph.add(Unfold(windows), cotangent) }

  /// Sums of runs, plane by plane.
  public func kernel<Scalar: TensorScalar>(
    _ operands: [Shape], _ result: Shape, _ type: Scalar.Type
  ) -> Kernel<Scalar> {
    let (windows, planes) = (windows, result.dropLast(2).count)
    let (size, unfolded) = (windows.image.count, windows.window.count * windows.places.count)
    let blocks = Blocks.planes(planes, of: unfolded)
    return { operands in
      let (x, y) = (operands[0], operands.result)
      operands.share(blocks) { range in
        let first = range.lowerBound
        Scalar.fold(range.count, windows, x + first * unfolded, y + first * size)
      }
    }
  }
}

extension Windows {
  /// `[…, C · h · w, H' · W']` for x `[…, C, H, W]`; nil where it has too many elements to count.
  fileprivate func unfolded(_ x: Shape) -> Shape? {
    let (rows, overflow) = x[-3].multipliedReportingOverflow(by: window.count)
    return overflow ? nil : Shape(checked: x.dropLast(3).extents + [rows, places.count])
  }
}

extension Shape {
  /// A shape of these extents; nil where it has too many elements to count.
  init?(checked extents: [Int]) {
    guard Shape.count(of: extents) != nil else { return nil }
    self.init(extents)
  }
}

/// The windows that the examples of the primitives on images slide.
enum WindowExamples {
  static let all = [
    Windows(WindowAxis(extent: 4, size: 2), WindowAxis(extent: 5, size: 3)),
    Windows(
      WindowAxis(extent: 5, size: 3, stride: 2, low: 1, high: 2),
      WindowAxis(extent: 6, size: 2, dilation: 2, low: 0, high: 1)),
    Windows(WindowAxis(extent: 1, size: 1), WindowAxis(extent: 7, size: 3, stride: 3, low: 2)),
    Windows(
      WindowAxis(extent: 5, size: 2, stride: 2),
      WindowAxis(extent: 6, size: 2, stride: 2, low: -1, high: -1)),
    Windows(
      WindowAxis(extent: 5, size: 2, stride: 2), WindowAxis(extent: 4, size: 2, stride: 2)),
  ]
}
