import Autodiff
import TensorCore

/// Shapes that a file asks for, checked before anything of their size is made.
extension ONNXOperation {
  /// A shape whose elements can be counted and held.
  func shape(of extents: [Int]) throws(FormatError) -> Shape {
    let limit = folds ? Self.mostKnownElements : Self.mostElements
    guard extents.allSatisfy({ $0 >= 0 }) else {
      throw fault("an array of extents \(extents)", expected: "extents of 0 or more")
    }
    guard let shape = Shape(declared: extents), shape.isBounded(by: limit) else {
      throw tooLarge(extents)
    }
    return shape
  }

  func tooLarge(_ extents: [Int]) -> FormatError {
    let limit = folds ? Self.mostKnownElements : Self.mostElements
    return fault(
      "an array of extents \(extents)", expected: "at most \(limit) elements")
  }

  /// An axis counted from the front.
  func axis(_ axis: Int, rank: Int) throws(FormatError) -> Int {
    guard axis >= -rank, axis < rank else {
      throw fault("axis \(axis) of an array of \(rank) axes")
    }
    return axis < 0 ? axis + rank : axis
  }

  /// Different axes counted from the front.
  func axes(_ axes: [Int], rank: Int) throws(FormatError) -> [Int] {
    var result: [Int] = []
    for axis in axes { result.append(try self.axis(axis, rank: rank)) }
    guard Set(result).count == result.count else {
      throw fault("the axes \(axes) name one of \(rank) axes twice")
    }
    return result
  }

  /// Axes from an operand or, in older opsets, from the attribute `axes`; nil where neither is.
  mutating func axes(operand index: Int) throws(FormatError) -> [Int]? {
    if let axes = try ints("axes") { return axes }
    return has(index) ? try integers(index) : nil
  }

  /// The shape that arrays broadcast to.
  func broadcast(_ shapes: [Shape]) throws(FormatError) -> Shape {
    var result: Shape = []
    for shape in shapes {
      // Checked first, because the product of both need not be countable.
      let rank = max(result.rank, shape.rank)
      var extents = [Int](repeating: 1, count: rank)
      for axis in 0..<rank {
        let a = axis < rank - result.rank ? 1 : result[axis - rank + result.rank]
        let b = axis < rank - shape.rank ? 1 : shape[axis - rank + shape.rank]
        guard a == b || a == 1 || b == 1 else {
          throw fault("the shapes \(result) and \(shape)", expected: "shapes that broadcast")
        }
        extents[axis] = a == 1 ? b : a
      }
      result = try self.shape(of: extents)
    }
    return result
  }
}

extension Shape {
  /// Whether there are so many elements at most, where an axis of none counts as one of one.
  ///
  /// So the extents of an array without elements are bounded as well.
  func isBounded(by limit: Int) -> Bool {
    var count = 1
    for extent in extents where extent > 1 {
      guard extent <= limit / count else { return false }
      count *= extent
    }
    return true
  }
}
