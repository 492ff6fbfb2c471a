public import TensorCore

/// A named array of numbers bound when the graph runs: data, a parameter, a direction, a seed.
public struct Input: Primitive {
  /// The name of the primitive.
  public static let name = "input"
  /// Leaves have no derivative of their own.
  public static let examples: [PrimitiveExample] = []
  /// What the binding calls it.
  public let label: String
  /// Its shape.
  public let shape: Shape
}

/// A named array of indices (labels, token numbers) bound when the graph runs.
public struct IndexInput: Primitive {
  /// The name of the primitive.
  public static let name = "index-input"
  /// Leaves have no derivative of their own.
  public static let examples: [PrimitiveExample] = []
  /// What the binding calls it.
  public let label: String
  /// Its shape.
  public let shape: Shape
}

/// An array of one repeated value.
public struct Constant: Primitive {
  /// The name of the primitive.
  public static let name = "constant"
  /// Leaves have no derivative of their own.
  public static let examples: [PrimitiveExample] = []
  /// The value of every element.
  public let value: Double
  /// Its shape.
  public let shape: Shape
}

/// An array of known elements, such as a mask or a table of positions.
public struct Literal: Primitive {
  /// The name of the primitive.
  public static let name = "literal"
  /// Leaves have no derivative of their own.
  public static let examples: [PrimitiveExample] = []
  /// The elements, row-major.
  public let elements: [Double]
  /// Its shape.
  public let shape: Shape
}

/// A node without operands: it has a shape, no derivative rule, and nothing to compute.
public protocol Leaf: Primitive {
  /// The shape of the value.
  var shape: Shape { get }
}

extension Input: Leaf {}
extension IndexInput: Leaf {}
extension Constant: Leaf {}
extension Literal: Leaf {}

extension Leaf {
  /// The declared shape.
  public func shape(of operands: [Shape]) -> Shape { shape }

  /// Transforms start from leaves and never ask them.
  public func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID? { nil }

  /// Leaves have no operands.
  public func vjp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, cotangent: NodeID, operand: Int
  ) -> NodeID? { nil }

  /// The plan fills or binds leaves itself.
  public func kernel<Scalar: TensorScalar>(
    _ operands: [Shape], _ result: Shape, _ type: Scalar.Type
  ) -> Kernel<Scalar> { { _ in } }
}

extension Graph {
  /// An array bound by name when the graph runs.
  public mutating func input(_ label: String, _ shape: Shape) -> NodeID {
    add(Input(label: label, shape: shape))
  }

  /// An array of indices bound by name when the graph runs.
  public mutating func indexInput(_ label: String, _ shape: Shape) -> NodeID {
    add(IndexInput(label: label, shape: shape))
  }

  /// An array of one repeated value.
  public mutating func constant(_ value: Double, _ shape: Shape = []) -> NodeID {
    add(Constant(value: value, shape: shape))
  }

  /// An array of known elements.
  ///
  /// - Precondition: `elements.count == shape.count`.
  public mutating func literal(_ elements: [Double], _ shape: Shape) -> NodeID {
    precondition(elements.count == shape.count, "\(elements.count) elements for \(shape)")
    if let first = elements.first, elements.allSatisfy({ $0 == first }) {
      return constant(first, shape)
    }
    return add(Literal(elements: elements, shape: shape))
  }

  /// The value of a constant node, nil for others.
  package func constantValue(_ id: NodeID) -> Double? { (self[id].primitive as? Constant)?.value }
}
