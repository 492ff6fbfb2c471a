import Autodiff
import TensorCore

/// Windows of images summed up by one number each.
extension ONNXOperator {
  static let pooling: [ONNXOperator] = [
    ONNXOperator("MaxPool", maxPool),
    ONNXOperator("AveragePool", averagePool),
    ONNXOperator("LpPool", lpPool),
    global("GlobalAveragePool") { o, x, axes throws(FormatError) in o.mean(x, axes: axes) },
    global("GlobalMaxPool") { o, x, axes throws(FormatError) in try o.largest(x, axes: axes) },
    global("GlobalLpPool") { o, x, axes throws(FormatError) in
      let exponent = Double(try o.int("p") ?? 2)
      let powers = try o.power(o.graph.unary(.abs, x), o.graph.constant(exponent))
      let sum = o.sum(powers, axes: axes, keepsAxes: true)
      return try o.power(sum, o.graph.constant(1 / exponent))
    },
  ]

  /// A pool of all places of a channel.
  private static func global(
    _ name: String,
    _ pool: @escaping @Sendable (inout ONNXOperation, NodeID, [Int]) throws(FormatError) -> NodeID
  ) -> ONNXOperator {
    ONNXOperator(name) { o throws(FormatError) in
      let rank = try o.shape(0).rank
      guard rank >= 2 else { throw o.fault("an operand of \(rank) axes", expected: "[N, C, …]") }
      let x = try o.input(0)
      return [try o.result(try pool(&o, x, Array(2..<rank)))]
    }
  }

  private static func maxPool(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    let (x, axes, windows) = try o.pooled()
    let isColumnMajor = try o.int("storage_order") == 1
    let shape = o.graph.shape(x)
    let result = try o.shape(0).extents.prefix(2) + axes.map(\.windows)
    let largest = try o.reshape(try o.adding(MaxPool(windows), x), to: Array(result))
    var results = [try o.result(largest)]
    if o.node.outputs.count > 1, !o.node.outputs[1].isEmpty {
      let size = windows.image
      let places = try o.literal(shape) { element in
        let (plane, place) = (element / size.count, element % size.count)
        let (row, column) = (place / size[1], place % size[1])
        return Double(plane * size.count + (isColumnMajor ? column * size[0] + row : place))
      }
      let chosen = try o.adding(WindowSelect(windows), x, places)
      results.append(.computed(try o.reshape(chosen, to: Array(result)), .int64))
    }
    return results
  }

  private static func averagePool(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    let countsPadding = try o.flag("count_include_pad")
    let given = try o.ints("pads")
    let (x, axes, windows) = try o.pooled()
    let sums = try o.windowSums(x, windows)
    // The padding beyond what was asked for, where windows are rounded up, never counts.
    let counts = axes.indices.map { axis in
      let high = given.map { $0[axis + axes.count] } ?? max(axes[axis].high, 0)
      return axes[axis].counts(within: countsPadding ? -axes[axis].low : 0,
        axes[axis].extent + (countsPadding ? high : 0))
    }
    let columns = counts.last ?? [1]
    let rows = counts.count > 1 ? counts[0] : [1]
    let weights = try o.literal(windows.places) { place in
      let count = rows[place / columns.count] * columns[place % columns.count]
      return 1 / Double(max(count, 1))
    }
    let result = try o.shape(0).extents.prefix(2) + axes.map(\.windows)
    return [try o.result(try o.reshape(o.graph.multiply(sums, weights), to: Array(result)))]
  }

  private static func lpPool(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    let exponent = Double(try o.int("p") ?? 2)
    let (x, axes, windows) = try o.pooled()
    let powers = try o.power(o.graph.unary(.abs, x), o.graph.constant(exponent))
    let root = try o.power(try o.windowSums(powers, windows), o.graph.constant(1 / exponent))
    let result = try o.shape(0).extents.prefix(2) + axes.map(\.windows)
    return [try o.result(try o.reshape(root, to: Array(result)))]
  }
}

extension ONNXOperation {
  /// The operand as images `[N, C, H, W]`, and the windows over them.
  fileprivate mutating func pooled() throws(FormatError) -> (NodeID, [WindowAxis], Windows) {
    let shape = try self.shape(0)
    let roundsUp = try flag("ceil_mode")
    guard shape.rank >= 3, shape.count > 0, let sizes = try ints("kernel_shape") else {
      throw fault("an operand of shape \(shape)", expected: "[N, C, …] and a kernel_shape")
    }
    let axes = try windows(
      over: Array(shape.extents.dropFirst(2)), sizes: sizes, roundsUp: roundsUp)
    let windows = try image(axes)
    _ = try self.shape(of: [shape[0], shape[1], windows.window.count, windows.places.count])
    let images = try reshape(try input(0), to: [shape[0], shape[1]] + windows.image.extents)
    return (images, axes, windows)
  }

  /// The sum of each window of `[N, C, H, W]`, as `[N, C, H', W']`.
  fileprivate mutating func windowSums(
    _ x: NodeID, _ windows: Windows
  ) throws(FormatError) -> NodeID {
    let front = graph.shape(x).extents.prefix(2)
    let planes = try reshape(x, to: front + [1] + windows.image.extents)
    let sums = graph.sum(try adding(Unfold(windows), planes), axes: [-2])
    return try reshape(sums, to: front + windows.places.extents)
  }
}

extension WindowAxis {
  /// How many elements of each window stand in a range of places.
  fileprivate func counts(within first: Int, _ end: Int) -> [Int] {
    (0..<windows).map { window in
      (0..<size).count(where: { element in
        let place = window * stride + element * dilation - low
        return place >= first && place < end
      })
    }
  }
}
