import Autodiff
import TensorCore

/// Probabilities out of scores.
///
/// Before opset 13 these take all axes from `axis` on together; since then `axis` alone.
extension ONNXOperator {
  static let softmaxes: [ONNXOperator] =
    family("Softmax") { o, x throws(FormatError) in o.graph.softmax(x) }
    + family("LogSoftmax") { o, x throws(FormatError) in o.graph.logSoftmax(x) }
    + family("Hardmax") { o, x throws(FormatError) in
      // 1 in the place of the first largest.
      let shape = o.graph.shape(x)
      let n = shape[-1]
      let windows = Windows(WindowAxis(extent: 1, size: 1), WindowAxis(extent: n, size: n))
      let rows = try o.reshape(x, to: [shape.dropLast().count, 1, n])
      let ones = o.graph.constant(1, [shape.dropLast().count, 1, 1])
      return try o.reshape(try o.adding(WindowScatter(windows), rows, ones), to: shape.extents)
    }

  private typealias Rows =
    @Sendable (inout ONNXOperation, NodeID) throws(FormatError) -> NodeID

  /// A function of the last axis in its two meanings.
  private static func family(_ name: String, _ function: @escaping Rows) -> [ONNXOperator] {
    [
      ONNXOperator(name) { o throws(FormatError) in
        let shape = try o.shape(0)
        let axis = try o.axis(try o.int("axis") ?? 1, rank: shape.rank)
        let columns = shape.suffix(shape.rank - axis).count
        guard columns > 0 else { return [try o.value(0)] }
        let x = try o.input(0)
        let rows = try o.reshape(x, to: [shape.count / columns, columns])
        return [try o.result(try o.reshape(try function(&o, rows), to: shape.extents))]
      },
      ONNXOperator(name, since: 13) { o throws(FormatError) in
        let shape = try o.shape(0)
        let axis = try o.axis(try o.int("axis") ?? -1, rank: shape.rank)
        guard shape[axis] > 0 else { return [try o.value(0)] }
        let last = try o.move(try o.input(0), axis: axis, to: shape.rank - 1)
        let result = try function(&o, last)
        return [try o.result(try o.move(result, axis: shape.rank - 1, to: axis))]
      },
    ]
  }
}
