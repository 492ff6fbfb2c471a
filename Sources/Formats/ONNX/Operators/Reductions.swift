import Autodiff
import Foundation
import TensorCore

/// Sums, extremes and the like over axes.
extension ONNXOperator {
  static let reductions: [ONNXOperator] = [
    reduce("ReduceSum") { o, x, axes throws(FormatError) in o.sum(x, axes: axes, keepsAxes: true) },
    reduce("ReduceMean") { o, x, axes throws(FormatError) in o.mean(x, axes: axes) },
    reduce("ReduceMax") { o, x, axes throws(FormatError) in
      try o.extreme(x, axes: axes, ofNone: try o.type(0).smallest)
    },
    reduce("ReduceMin") { o, x, axes throws(FormatError) in
      let least = try o.extreme(o.graph.negate(x), axes: axes, ofNone: -(try o.type(0).largest))
      return o.graph.negate(least)
    },
    reduce("ReduceProd") { o, x, axes throws(FormatError) in try o.product(x, axes: axes) },
    reduce("ReduceL1") { o, x, axes throws(FormatError) in
      o.sum(o.graph.unary(.abs, x), axes: axes, keepsAxes: true)
    },
    reduce("ReduceL2") { o, x, axes throws(FormatError) in
      o.norm(ofSquare: o.sum(o.graph.unary(.square, x), axes: axes, keepsAxes: true))
    },
    reduce("ReduceSumSquare") { o, x, axes throws(FormatError) in
      o.sum(o.graph.unary(.square, x), axes: axes, keepsAxes: true)
    },
    reduce("ReduceLogSum") { o, x, axes throws(FormatError) in
      o.graph.unary(.log, o.sum(x, axes: axes, keepsAxes: true))
    },
    reduce("ReduceLogSumExp") { o, x, axes throws(FormatError) in
      let shape = o.graph.shape(x)
      let kept = o.kept(shape, axes)
      let rows = o.graph.axesLast(x, axes.map { $0 - shape.rank })
      guard o.graph.shape(rows)[-1] > 0 else { return o.graph.constant(-.infinity, kept) }
      return try o.reshape(o.graph.logSumExp(rows), to: kept.extents)
    },
    ONNXOperator("ArgMax") { o throws(FormatError) in
      let x = try o.input(0)
      return [.computed(try o.placeOfLargest(x), .int64)]
    },
    ONNXOperator("ArgMin") { o throws(FormatError) in
      let x = o.graph.negate(try o.input(0))
      return [.computed(try o.placeOfLargest(x), .int64)]
    },
  ]

  /// A reduction that keeps its axes with extent one, over the axes of the attribute or operand.
  private static func reduce(
    _ name: String,
    _ reduce:
      @escaping @Sendable (inout ONNXOperation, NodeID, [Int]) throws(FormatError) -> NodeID
  ) -> ONNXOperator {
    ONNXOperator(name) { o throws(FormatError) in
      let shape = try o.shape(0)
      let keepsAxes = try o.flag("keepdims", default: true)
      let leavesWhole = try o.flag("noop_with_empty_axes")
      let given = try o.axes(operand: 1) ?? []
      let all = given.isEmpty && !leavesWhole ? Array(0..<shape.rank) : given
      let axes = try o.axes(all, rank: shape.rank)
      let x = try o.input(0)
      let reduced = try reduce(&o, x, axes)
      if keepsAxes { return [try o.result(reduced)] }
      let rest = shape.extents.indices.filter { !axes.contains($0) }.map { shape[$0] }
      return [try o.result(try o.reshape(reduced, to: rest))]
    }
  }
}

extension ElementType {
  /// The least number of the type.
  fileprivate var smallest: Double {
    switch self {
    case .int8: -0x1p7
    case .int16: -0x1p15
    case .int32: -0x1p31
    case .int64: -0x1p63
    case .float16, .bfloat16, .float32, .float64: -.infinity
    case .bool, .uint8, .uint16, .uint32, .uint64: 0
    }
  }

  /// The largest number of the type.
  fileprivate var largest: Double {
    switch self {
    case .bool: 1
    case .float16, .bfloat16, .float32, .float64: .infinity
    case .uint8, .uint16, .uint32, .uint64: exp2(Double(8 * byteCount)) - 1
    case .int8, .int16, .int32, .int64: -smallest - 1
    }
  }
}

extension ONNXOperation {
  /// The product over axes, by halves.
  fileprivate mutating func product(_ x: NodeID, axes: [Int]) throws(FormatError) -> NodeID {
    let shape = graph.shape(x)
    let kept = kept(shape, axes)
    var rows = graph.axesLast(x, axes.map { $0 - shape.rank })
    let last = graph.shape(rows).rank - 1
    guard graph.shape(rows)[-1] > 0 else { return graph.constant(1, kept) }
    while graph.shape(rows)[-1] > 1 {
      let count = graph.shape(rows)[-1]
      let low = try slice(rows, axis: last, start: 0, count: count / 2)
      let high = try slice(rows, axis: last, start: count / 2, count: count / 2)
      let rest = try slice(rows, axis: last, start: count / 2 * 2, count: count % 2)
      rows = try concatenate([graph.multiply(low, high), rest], axis: last)
    }
    return try reshape(rows, to: kept.extents)
  }

  /// The place along an axis of the largest element, of the first or the last one of equals.
  fileprivate mutating func placeOfLargest(_ x: NodeID) throws(FormatError) -> NodeID {
    let shape = graph.shape(x)
    let axis = try axis(try int("axis") ?? 0, rank: shape.rank)
    let takesLast = try flag("select_last_index")
    let keepsAxis = try flag("keepdims", default: true)
    // Every place along the axis is a known number.
    try charge(shape[axis])
    let last = shape[axis] - 1
    let directed = takesLast ? try take(x, axis: axis, Array((0...max(last, 0)).reversed())) : x
    let place = try building { graph throws(GraphError) in
      try graph.maximumPlace(directed, axis: axis - shape.rank, keepsAxis: keepsAxis)
    }
    return takesLast ? graph.affine(place, scale: -1, offset: Double(last)) : place
  }
}
