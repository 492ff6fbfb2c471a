/// The extents of a tensor's axes, outermost first; storage is row-major.
public struct Shape: Hashable, Sendable, ExpressibleByArrayLiteral, CustomStringConvertible {
  /// The extent of each axis.
  public let extents: [Int]
  /// The number of elements: the product of the extents, 1 for rank 0.
  public let count: Int

  /// A shape of these extents.
  ///
  /// - Precondition: No extent is negative and the product fits an `Int`.
  public init(_ extents: [Int]) {
    guard let count = Shape.count(of: extents) else {
      preconditionFailure("a shape of extents \(extents) has no element count")
    }
    self.extents = extents
    self.count = count
  }

  /// A shape of these extents.
  public init(arrayLiteral elements: Int...) { self.init(elements) }

  /// The number of elements, nil where an extent is negative or the product overflows.
  ///
  /// Readers of foreign files call this before they trust a declared shape.
  public static func count(of extents: [Int]) -> Int? {
    guard extents.allSatisfy({ $0 >= 0 }) else { return nil }
    if extents.contains(0) { return 0 }
    var product = 1
    for extent in extents {
      let (next, overflow) = product.multipliedReportingOverflow(by: extent)
      if overflow { return nil }
      product = next
    }
    return product
  }

  /// The number of axes.
  public var rank: Int { extents.count }

  /// The extent of an axis; negative axes count from the end, -1 being the last.
  public subscript(axis: Int) -> Int { extents[axis < 0 ? rank + axis : axis] }

  /// How many elements apart neighbours along each axis are stored.
  ///
  /// - Precondition: `count > 0`.
  var strides: [Int] {
    var strides = [Int](repeating: 1, count: rank)
    for axis in extents.indices.dropLast().reversed() {
      strides[axis] = strides[axis + 1] * extents[axis + 1]
    }
    return strides
  }

  /// `[2, 3]`.
  public var description: String { "[\(extents.map(String.init).joined(separator: ", "))]" }

  /// The shape without its last `count` axes.
  public func dropLast(_ count: Int = 1) -> Shape { Shape(Array(extents.dropLast(count))) }

  /// The last `count` axes.
  public func suffix(_ count: Int) -> Shape { Shape(Array(extents.suffix(count))) }

  /// The axes of this shape followed by those of another.
  public func appending(_ other: Shape) -> Shape { Shape(extents + other.extents) }

  /// The shape that two operands broadcast to, aligned at the last axis; nil where they do not fit.
  public func broadcast(with other: Shape) -> Shape? {
    let rank = Swift.max(rank, other.rank)
    var extents = [Int](repeating: 1, count: rank)
    for axis in 1...Swift.max(rank, 1) where axis <= rank {
      let a = axis <= self.rank ? self[-axis] : 1
      let b = axis <= other.rank ? other[-axis] : 1
      guard a == b || a == 1 || b == 1 else { return nil }
      extents[rank - axis] = a == 1 ? b : a
    }
    return Shape(extents)
  }
}
