import Autodiff
import TensorCore

/// The largest entries of an axis, and entries put at places.
extension ONNXOperator {
  static let placing: [ONNXOperator] = [
    ONNXOperator("TopK", topK),
    ONNXOperator("ScatterElements", scatterElements),
    ONNXOperator("Scatter", scatterElements),
    ONNXOperator("ScatterND", scatterND),
  ]

  /// By ranks: an entry's is the number of those that stand before it, of equals the earlier first.
  private static func topK(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    o.ignore("sorted")
    let shape = try o.shape(0)
    let axis = try o.axis(try o.int("axis") ?? -1, rank: shape.rank)
    let takesLargest = try o.flag("largest", default: true)
    let count: Int
    if let given = try o.int("k") { count = given } else { count = try o.integer(1) }
    let extent = shape[axis]
    guard count >= 0, count <= extent else {
      throw o.fault("\(count) of \(extent) entries", expected: "0 to \(extent)")
    }
    let x = try o.move(try o.input(0), axis: axis, to: shape.rank - 1)
    let front = Array(o.graph.shape(x).extents.dropLast())
    _ = try o.shape(of: front + [extent, extent])
    let row = try o.reshape(x, to: front + [1, extent])
    let column = try o.reshape(x, to: front + [extent, 1])
    let isBefore =
      takesLargest ? try o.binary(.less, column, row) : try o.binary(.less, row, column)
    let isEarlier = try o.literal([extent, extent]) { $0 % extent < $0 / extent ? 1 : 0 }
    let isEqual = try o.multiply(try o.binary(.equal, row, column), isEarlier)
    let rank = o.sum(try o.add(isBefore, isEqual), axes: [front.count + 1], keepsAxes: false)
    let wanted = try o.literal([count, 1]) { Double($0) }
    // [K, n]: which entry has which rank.
    let choice = try o.binary(.equal, try o.reshape(rank, to: front + [1, extent]), wanted)
    let chosen = try o.binary(.mask, choice, row)
    let places = try o.multiply(choice, try o.literal([extent]) { Double($0) })
    let last = front.count + 1
    let values = o.sum(chosen, axes: [last], keepsAxes: false)
    let indices = o.sum(places, axes: [last], keepsAxes: false)
    return [
      try o.result(try o.move(values, axis: shape.rank - 1, to: axis)),
      .computed(try o.move(indices, axis: shape.rank - 1, to: axis), .int64),
    ]
  }

  /// y[i, index[i, j]] = updates[i, j] for axis 1.
  private static func scatterElements(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    let (shape, own) = (try o.shape(0), try o.shape(1))
    let axis = try o.axis(try o.int("axis") ?? 0, rank: shape.rank)
    let reduction = try o.string("reduction") ?? "none"
    guard ["none", "add"].contains(reduction) else {
      throw o.fault("the reduction \(FormatError.quoted(reduction)) is not supported")
    }
    guard own.rank == shape.rank, try o.shape(2) == own,
      own.extents.indices.allSatisfy({ $0 == axis || own[$0] == shape[$0] })
    else {
      throw o.fault(
        "indices of shape \(own) for \(shape)", expected: "equal extents but along axis \(axis)")
    }
    let last = shape.rank - 1
    let data = try o.move(try o.input(0), axis: axis, to: last)
    let wrapped = try o.wrapped(try o.input(1), extent: shape[axis])
    let indices = try o.move(wrapped, axis: axis, to: last)
    let updates = try o.move(try o.input(2), axis: axis, to: last)
    let column = o.graph.shape(indices).extents + [1]
    _ = try o.shape(of: column.dropLast() + [shape[axis]])
    let places = try o.literal([shape[axis]]) { Double($0) }
    let hits = try o.binary(.equal, try o.reshape(indices, to: column), places)
    let moved = try o.binary(.mask, hits, try o.reshape(updates, to: column))
    let placed = o.sum(moved, axes: [last], keepsAxes: false)
    var result = try o.add(data, placed)
    if reduction == "none" {
      let isHit = o.graph.unary(.step, o.sum(hits, axes: [last], keepsAxes: false))
      result = try o.select(isHit, placed, data)
    }
    return [try o.result(try o.move(result, axis: last, to: axis))]
  }

  /// Slices put at known places.
  private static func scatterND(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    let (shape, own) = (try o.shape(0), try o.shape(1))
    let reduction = try o.string("reduction") ?? "none"
    guard reduction == "none" else {
      throw o.fault("the reduction \(FormatError.quoted(reduction)) is not supported")
    }
    let depth = own.extents.last ?? 0
    guard own.rank >= 1, depth >= 1, depth <= shape.rank else {
      throw o.fault("indices of shape \(own) for \(shape)")
    }
    let rest = Shape(Array(shape.extents[depth...]))
    let front = Shape(Array(own.extents.dropLast()))
    guard try o.shape(2) == front.appending(rest) else {
      throw o.fault("updates of shape \(try o.shape(2))", expected: "\(front.appending(rest))")
    }
    let indices = try o.integers(1)
    try o.charge(shape.count)
    let strides = o.strides(shape)
    // Where each element comes from: the data, and the updates behind them.
    var sources = Array(0..<shape.count)
    for row in 0..<front.count {
      var start = 0
      for axis in 0..<depth {
        let index = indices[row * depth + axis]
        guard index >= -shape[axis], index < shape[axis] else {
          throw o.fault("the index \(index) along axis \(axis) of \(shape)")
        }
        start += (index < 0 ? index + shape[axis] : index) * strides[axis]
      }
      for place in 0..<rest.count {
        sources[start + place] = shape.count + row * rest.count + place
      }
    }
    let data = try o.reshape(try o.input(0), to: [shape.count])
    let updates = try o.reshape(try o.input(2), to: [front.count * rest.count])
    let all = try o.concatenate([data, updates], axis: 0)
    return [try o.result(try o.reshape(try o.take(all, axis: 0, sources), to: shape.extents))]
  }
}
