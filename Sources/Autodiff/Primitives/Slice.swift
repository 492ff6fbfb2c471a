public import TensorCore

/// Some elements along one axis, in steps: element i of the result is element start + i · step.
///
/// With a negative step the axis is read backwards.
public struct Slice: Primitive {
  /// The name of the primitive.
  public static let name = "slice"
  /// A run, steps forwards and backwards, and the last axis.
  public static let examples = SliceExamples.all.map {
    PrimitiveExample(Slice($0.axis, $0.places), [$0.shape])
  }
  /// The axis, counted from the end (−1 is the last).
  public let axis: Int
  /// Which elements.
  public let places: SlicePlaces

  /// These elements of an axis counted from the end.
  public init(_ axis: Int, _ places: SlicePlaces) {
    precondition(axis < 0, "axes are counted from the end")
    self.axis = axis
    self.places = places
  }

  /// The shape with fewer elements along the axis.
  public func shape(of operands: [Shape]) throws(GraphError) -> Shape {
    let x = operands[0]
    guard x.rank >= -axis, x[axis] == places.extent, places.areInside else {
      throw .shapes(
        primitive: Self.name, operands: operands,
        expected: "\(places.extent) elements along axis \(axis) and, of these, \(places)")
    }
    return x.replacing(axis, by: places.count)
  }

  /// The same on the tangent.
  public func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID? { tangents[0].map { graph.add(self, $0) } }

  /// The cotangent put back in its place.
  public func vjp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, cotangent: NodeID, operand: Int
  ) -> NodeID? { graph.add(Place(axis, places), cotangent) }

  /// Copies of runs.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public func kernel<Scalar: TensorScalar>(
    _ operands: [Shape], _ result: Shape, _ type: Scalar.Type
  ) -> Kernel<Scalar> {
    let places = places
    let (outer, inner) = (result.dropLast(-axis).count, result.suffix(-axis - 1).count)
    let (long, short) = (places.extent * inner, places.count * inner)
    return { operands in
      for item in 0..<outer {
        let x = operands[0] + item * long + places.start * inner
        let y = operands.result + item * short
        if places.step == 1 {
          y.update(from: x, count: short)
        } else if inner == 1 {
          for i in 0..<short { y[i] = x[i * places.step] }
        } else {
          for i in 0..<places.count {
            (y + i * inner).update(from: x + i * places.step * inner, count: inner)
          }
        }
      }
    }
  }
}

/// Elements put along one axis of zeros, in steps: element i goes to start + i · step.
///
/// The transpose of ``Slice``.
public struct Place: Primitive {
  /// The name of the primitive.
  public static let name = "place"
  /// Those of ``Slice``.
  public static let examples = SliceExamples.all.map {
    PrimitiveExample(Place($0.axis, $0.places), [$0.shape.replacing($0.axis, by: $0.places.count)])
  }
  /// The axis, counted from the end (−1 is the last).
  public let axis: Int
  /// Where to.
  public let places: SlicePlaces

  /// These places of an axis counted from the end.
  public init(_ axis: Int, _ places: SlicePlaces) {
    precondition(axis < 0, "axes are counted from the end")
    self.axis = axis
    self.places = places
  }

  /// The shape with more elements along the axis.
  public func shape(of operands: [Shape]) throws(GraphError) -> Shape {
    let x = operands[0]
    guard x.rank >= -axis, x[axis] == places.count, places.areInside,
      let shape = Shape(
        checked: x.dropLast(-axis).extents + [places.extent] + x.suffix(-axis - 1).extents)
    else {
      throw .shapes(
        primitive: Self.name, operands: operands,
        expected: "\(places.count) elements along axis \(axis) to put at \(places)")
    }
    return shape
  }

  /// The same on the tangent.
  public func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID? { tangents[0].map { graph.add(self, $0) } }

  /// The cotangent's elements in those places.
  public func vjp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, cotangent: NodeID, operand: Int
  ) -> NodeID? { graph.add(Slice(axis, places), cotangent) }

  /// Zeros, then copies of runs.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public func kernel<Scalar: TensorScalar>(
    _ operands: [Shape], _ result: Shape, _ type: Scalar.Type
  ) -> Kernel<Scalar> {
    let places = places
    let (outer, inner) = (result.dropLast(-axis).count, result.suffix(-axis - 1).count)
    let (long, short) = (places.extent * inner, places.count * inner)
    return { operands in
      for item in 0..<outer {
        let (x, image) = (operands[0] + item * short, operands.result + item * long)
        let y = image + places.start * inner
        if places.step == 1 {
          image.update(repeating: 0, count: places.start * inner)
          y.update(from: x, count: short)
          (y + short).update(repeating: 0, count: long - places.start * inner - short)
          continue
        }
        image.update(repeating: 0, count: long)
        for i in 0..<places.count {
          (y + i * places.step * inner).update(from: x + i * inner, count: inner)
        }
      }
    }
  }
}

/// Places along an axis: start, start + step, … .
public struct SlicePlaces: Hashable, Sendable, CustomStringConvertible {
  /// The extent of the axis.
  public let extent: Int
  /// The first place.
  public let start: Int
  /// From each place to the next; not 0, negative for backwards.
  public let step: Int
  /// How many places.
  public let count: Int

  /// `count` places along an axis of `extent`, from `start` in steps.
  public init(extent: Int, start: Int, step: Int = 1, count: Int) {
    self.extent = extent
    self.start = start
    self.step = step
    self.count = count
  }

  /// Whether the axis has all of them.
  var areInside: Bool {
    guard extent >= 0, count >= 0, step != 0, start >= 0 else { return false }
    if count == 0 { return start <= extent }
    let (reach, overflow) = (count - 1).multipliedReportingOverflow(by: step)
    let (last, overflowOfSum) = reach.addingReportingOverflow(start)
    return !overflow && !overflowOfSum && start < extent && (0..<extent).contains(last)
  }

  /// `3 from 1 in steps of 2`.
  public var description: String { "\(count) from \(start) in steps of \(step)" }
}

/// What the examples of both primitives take.
private enum SliceExamples {
  static let all: [(axis: Int, places: SlicePlaces, shape: Shape)] = [
    (-2, SlicePlaces(extent: 5, start: 1, count: 3), [2, 5, 2]),
    (-1, SlicePlaces(extent: 5, start: 0, step: 2, count: 3), [2, 5]),
    (-1, SlicePlaces(extent: 4, start: 3, step: -1, count: 4), [4]),
    (-3, SlicePlaces(extent: 4, start: 3, step: -2, count: 2), [4, 1, 2]),
    (-2, SlicePlaces(extent: 3, start: 3, count: 0), [3, 2]),
  ]
}

extension Shape {
  /// The shape with another extent of one axis, counted from the end.
  func replacing(_ axis: Int, by extent: Int) -> Shape {
    var extents = extents
    extents[rank + axis] = extent
    return Shape(extents)
  }
}

extension Graph {
  /// `count` elements of an axis counted from the end, from `start` on in steps.
  public mutating func slice(
    _ x: NodeID, axis: Int, start: Int, step: Int = 1, count: Int
  ) -> NodeID {
    let places = SlicePlaces(extent: shape(x)[axis], start: start, step: step, count: count)
    if start == 0, step == 1, count == places.extent { return x }
    return add(Slice(axis, places), x)
  }

  /// x along an axis of `extent` with zeros elsewhere, from `start` on in steps.
  public mutating func place(
    _ x: NodeID, axis: Int, extent: Int, start: Int, step: Int = 1
  ) -> NodeID {
    let places = SlicePlaces(extent: extent, start: start, step: step, count: shape(x)[axis])
    if start == 0, step == 1, places.count == extent { return x }
    return add(Place(axis, places), x)
  }
}
