import Autodiff
import TensorCore

/// Changes of type: numbers stay what they are, and lose their fractions on the way to integers.
extension ONNXOperator {
  static let types: [ONNXOperator] = [
    ONNXOperator("Cast") { o throws(FormatError) in
      // Beyond the range of a type nothing is promised by the standard either.
      o.ignore("saturate", "round_mode")
      guard let code = try o.int("to") else { throw o.fault("no attribute to") }
      return [try o.cast(to: try o.elementType(code))]
    },
    ONNXOperator("CastLike") { o throws(FormatError) in
      o.ignore("saturate", "round_mode")
      return [try o.cast(to: try o.type(1))]
    },
    ONNXOperator("Identity") { o throws(FormatError) in
      // The exporter has no other operator for where a module stops the gradient.
      guard o.node.trace.target == "aten.detach.default",
        case .computed(let x, let type) = try o.value(0)
      else { return [try o.value(0)] }
      return [.computed(o.graph.detach(x), type)]
    },
  ]
}

extension ONNXOperation {
  /// The type of a number in the file format.
  func elementType(_ code: Int) throws(FormatError) -> ElementType {
    let code = Int32(clamping: code)
    guard let type = ONNXElementType(code: code) else {
      throw fault(
        "the element type \(ONNXElementType.name(code: code)), which is not supported",
        expected: "integers, bool or floating point of 2, 4 or 8 bytes")
    }
    return type.element
  }

  fileprivate mutating func cast(to type: ElementType) throws(FormatError) -> ONNXValue {
    let from = try self.type(0)
    let x = try input(0)
    if type == .bool && from != .bool {
      let zero = graph.constant(0, [])
      return .computed(graph.not(try binary(.equal, x, zero)), type)
    }
    let drops = from.isFloatingPoint && !type.isFloatingPoint
    return .computed(drops ? graph.unary(.truncate, x) : x, type)
  }
}
