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
      o.graph.affine(try o.binary(.equal, a, b), scale: -1, offset: 1)
    },
    ONNXOperator("Where") { o throws(FormatError) in
      let (condition, a, b) = (try o.input(0), try o.input(1), try o.input(2))
      return [try o.result(try o.select(condition, a, b), like: 1)]
    },
    ONNXOperator("IsNaN") { o throws(FormatError) in
      let x = try o.input(0)
      return [.computed(o.graph.affine(try o.binary(.equal, x, x), scale: -1, offset: 1), .bool)]
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
