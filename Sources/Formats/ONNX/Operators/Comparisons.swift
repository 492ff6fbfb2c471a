import Autodiff
import TensorCore

/// Comparisons and logic: 1 where it is true, 0 elsewhere; and what chooses by them.
extension ONNXOperator {
  static let comparisons: [ONNXOperator] = [
    comparison("Less") { o, a, b throws(FormatError) in try o.binary(.less, a, b) },
    comparison("LessOrEqual") { o, a, b throws(FormatError) in try o.binary(.lessOrEqual, a, b) },
    comparison("Greater") { o, a, b throws(FormatError) in try o.binary(.less, b, a) },
    comparison("GreaterOrEqual") { o, a, b throws(FormatError) in
      try o.binary(.lessOrEqual, b, a)
    },
    comparison("Equal") { o, a, b throws(FormatError) in try o.binary(.equal, a, b) },
    comparison("And") { o, a, b throws(FormatError) in try o.multiply(a, b) },
    comparison("Or") { o, a, b throws(FormatError) in try o.binary(.maximum, a, b) },
    comparison("Xor") { o, a, b throws(FormatError) in
      o.graph.not(try o.binary(.equal, a, b))
    },
    ONNXOperator("Where") { o throws(FormatError) in
      let (condition, a, b) = (try o.input(0), try o.input(1), try o.input(2))
      return [try o.result(try o.select(condition, a, b), like: 1)]
    },
    ONNXOperator("IsInf") { o throws(FormatError) in
      let detectsNegative = try o.flag("detect_negative", default: true)
      let detectsPositive = try o.flag("detect_positive", default: true)
      let x = try o.input(0)
      let high = try o.binary(.equal, x, o.graph.constant(.infinity))
      let low = try o.binary(.equal, x, o.graph.constant(-.infinity))
      let (a, b) = (detectsPositive ? 1.0 : 0, detectsNegative ? 1.0 : 0)
      let either = o.graph.add(
        o.graph.affine(high, scale: a, offset: 0), o.graph.affine(low, scale: b, offset: 0))
      return [.computed(either, .bool)]
    },
    ONNXOperator("IsNaN") { o throws(FormatError) in
      let x = try o.input(0)
      return [.computed(o.graph.not(try o.binary(.equal, x, x)), .bool)]
    },
  ]

  private static func comparison(
    _ name: String,
    _ compare:
      @escaping @Sendable (inout ONNXOperation, NodeID, NodeID) throws(FormatError) -> NodeID
  ) -> ONNXOperator {
    ONNXOperator(name) { o throws(FormatError) in
      let (a, b) = try o.aligned()
      return [.computed(try compare(&o, a, b), .bool)]
    }
  }
}
