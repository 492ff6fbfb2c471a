package import Autodiff
package import TensorCore

/// An array whose elements are known before there are any data.
package struct ONNXConstant: Sendable {
  /// The extents of its axes.
  package let shape: Shape
  /// The type that the file gives it.
  package let elementType: ElementType
  /// Row-major; whole numbers of an integer type, 0 and 1 of bool.
  package let elements: [Double]

  /// An array of as many elements as the shape has.
  package init(_ shape: Shape, _ elementType: ElementType, _ elements: [Double]) {
    precondition(elements.count == shape.count, "\(elements.count) elements for \(shape)")
    self.shape = shape
    self.elementType = elementType
    self.elements = elements
  }

  /// A vector of whole numbers.
  init(integers: [Int]) { self.init([integers.count], .int64, integers.map(Double.init)) }

  /// The elements as whole numbers; what lies beyond `Int` becomes its end.
  var integers: [Int] { elements.map(Int.init(saturating:)) }
}

extension Int {
  /// The whole part of a number; the nearest end of `Int` where that does not fit, 0 for NaN.
  init(saturating value: Double) {
    if value.isNaN {
      self = 0
    } else if value >= 0x1p63 {
      self = .max
    } else {
      self = value <= -0x1p63 ? .min : Int(value)
    }
  }
}

/// A value while a file is brought into a graph.
package enum ONNXValue: Sendable {
  /// Known now.
  case constant(ONNXConstant)
  /// Computed by the graph; integers and booleans are ordinary numbers there.
  case computed(NodeID, ElementType)
  /// Several values under one name.
  case sequence([ONNXValue])
}
