public import TensorCore

/// An operation on arrays whose derivatives are again made of primitives.
///
/// A primitive acts on the **trailing** axes of its operands; whatever axes stand before those are
/// carried along. The forward-mode rules rely on that: a tangent may have one axis more than its
/// value, in front, and then holds many directions at once.
///
/// A new primitive is one file with a conforming type, and one line in ``PrimitiveRegistry``.
public protocol Primitive: Hashable, Sendable {
  /// The name in messages and listings.
  static var name: String { get }

  /// Small instances that the conformance suite differentiates; empty for leaves.
  static var examples: [PrimitiveExample] { get }

  /// The shape of the result, from those of the operands.
  func shape(of operands: [Shape]) throws(GraphError) -> Shape

  /// Adds the tangent of the result, given those of the operands (nil where zero).
  ///
  /// Tangents have the shapes of their values, all with the same axes added in front.
  func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID?

  /// Adds the cotangent of one operand, given the result's; nil where it is zero.
  func vjp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, cotangent: NodeID, operand: Int
  ) -> NodeID?

  /// The code for these shapes; it neither allocates nor checks shapes when it runs.
  func kernel<Scalar: TensorScalar>(
    _ operands: [Shape], _ result: Shape, _ type: Scalar.Type
  ) -> Kernel<Scalar>

  /// The elementwise function, where the primitive is one; such primitives are fused.
  var elementwise: ElementwiseFunction? { get }

  /// Adds the primitive for B examples at once, as ``Graph/batched(_:of:size:inputs:)`` does it.
  ///
  /// - Parameters:
  ///   - operands: Those that differ from example to example have an axis of B more in front.
  ///   - single: The operands' shapes for one example.
  ///   - result: The result's shape for one example.
  ///   - size: B.
  /// - Returns: `[B] + result`.
  /// - Throws: ``GraphError/shapes(primitive:operands:expected:)`` where an operand has an axis of B
  ///   that is not the batch.
  func batched(
    _ graph: inout Graph, operands: [NodeID], single: [Shape], result: Shape, size: Int
  ) throws(GraphError) -> NodeID

  /// How a parameter in this place meets the data of B examples, one example at a time; nil where
  /// there is no cheap form.
  ///
  /// The first axis of what depends on the data is the batch, of `size` B, or the batch and positions
  /// folded into one.
  func factor(
    _ graph: Graph, operands: [NodeID], cotangent: NodeID, operand: Int, size: Int
  ) -> Factor?
}

extension Primitive {
  /// The same primitive, once all its operands have the axis.
  public func batched(
    _ graph: inout Graph, operands: [NodeID], single: [Shape], result: Shape, size: Int
  ) throws(GraphError) -> NodeID {
    var all = operands
    // Labels that all examples share stand for the last axes of the others anyway.
    for (index, shape) in single.enumerated()
    where graph.shape(operands[index]) == shape && !(graph[operands[index]].primitive is IndexInput)
    {
      all[index] = graph.copies(operands[index], size: size)
    }
    return try graph.adding(self, all)
  }

  /// Most primitives are not elementwise.
  public var elementwise: ElementwiseFunction? { nil }

  /// Most primitives have no factor form.
  public func factor(
    _ graph: Graph, operands: [NodeID], cotangent: NodeID, operand: Int, size: Int
  ) -> Factor? { nil }
}

/// A function applied element by element with broadcasting.
public enum ElementwiseFunction: Sendable, Hashable {
  /// f(x).
  case unary(UnaryFunction)
  /// scale · x + offset.
  case affine(scale: Double, offset: Double)
  /// f(x, y), broadcasting.
  case binary(BinaryFunction)
}

/// Code that reads operands and writes a result.
public typealias Kernel<Scalar: TensorScalar> = @Sendable (Operands<Scalar>) -> Void

/// Where a kernel finds its operands and its result.
///
/// The memory was sized by the plan from the same shapes that the kernel was made for.
public struct Operands<Scalar: TensorScalar> {
  let table: UnsafePointer<UnsafeMutablePointer<Scalar>>
  let indexTable: UnsafePointer<UnsafePointer<Int32>>
  let slots: UnsafePointer<Int>
  let resultSlot: Int
  /// The threads that a large kernel may share its fixed tiles among.
  public let pool: WorkerPool?

  /// An operand's elements.
  public subscript(operand: Int) -> UnsafePointer<Scalar> { UnsafePointer(table[slots[operand]]) }

  /// The elements of an operand that holds indices.
  public func indices(_ operand: Int) -> UnsafePointer<Int32> { indexTable[slots[operand]] }

  /// The result's elements.
  public var result: UnsafeMutablePointer<Scalar> { table[resultSlot] }
}

extension Operands {
  /// Runs `body` on each block of items, shared among the pool's threads where there is one.
  func share(_ blocks: Blocks, _ body: (Range<Int>) -> Void) {
    guard let pool, blocks.number > 1 else { return body(0..<blocks.count) }
    pool.run(blocks.number) { block, _ in body(blocks[block]) }
  }
}

extension Blocks {
  /// Blocks of planes with so many elements each that a block is worth a thread's while.
  static func planes(_ planes: Int, of elements: Int) -> Blocks {
    Blocks(planes, size: max((1 << 16) / max(elements, 1), 1))
  }
}

/// One instance of a primitive with operands to try it on.
public struct PrimitiveExample: Sendable {
  /// What to try.
  public let primitive: any Primitive
  /// The shapes of its operands.
  public let operands: [Shape]
  /// Which operands hold indices, and below what bound.
  public let indexBound: [Int: Int]
  /// Which operands hold whole numbers without a derivative, and below what bound.
  public let wholeNumberBound: [Int: Int]
  /// Operand elements are drawn from this interval.
  public let domain: ClosedRange<Double>

  /// An instance on operands of these shapes.
  public init(
    _ primitive: any Primitive, _ operands: [Shape], indexBound: [Int: Int] = [:],
    wholeNumberBound: [Int: Int] = [:], domain: ClosedRange<Double> = -2...2
  ) {
    self.primitive = primitive
    self.operands = operands
    self.indexBound = indexBound
    self.wholeNumberBound = wholeNumberBound
    self.domain = domain
  }
}
