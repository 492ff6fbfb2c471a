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
    let axes = try o.poolingAxes().axes
    let isColumnMajor = try o.int("storage_order") == 1
    let x = try o.input(0)
    let largest = try o.slide(x, axes) { o, images, windows throws(FormatError) in
      try o.adding(MaxPool(windows), images)
    }
    guard o.node.outputs.count > 1, !o.node.outputs[1].isEmpty else {
      return [try o.result(largest)]
    }
    // Where each stands in the whole operand.
    let size = try o.image(axes).image
    let chosen = try o.slide(x, axes) { o, images, windows throws(FormatError) in
      let places = try o.literal(o.graph.shape(images)) { element in
        let (plane, place) = (element / size.count, element % size.count)
        let (row, column) = (place / size[1], place % size[1])
        return Double(plane * size.count + (isColumnMajor ? column * size[0] + row : place))
      }
      return try o.adding(WindowSelect(windows), images, places)
    }
    return [try o.result(largest), .computed(chosen, .int64)]
  }

  private static func averagePool(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    let countsPadding = try o.flag("count_include_pad")
    let (asked, axes) = try o.poolingAxes()
    let sums = try o.windowSums(try o.input(0), axes)
    // The padding beyond what was asked for, where windows are rounded up, never counts.
    let counts = zip(asked, axes).map { asked, axis in
      axis.counts(
        within: countsPadding ? -asked.low : 0,
        axis.extent + (countsPadding ? asked.high : 0))
    }
    let weights = try o.literal(Shape(axes.map(\.windows))) { place in
      var (rest, count) = (place, 1)
      for axis in counts.reversed() {
        count *= axis[rest % axis.count]
        rest /= axis.count
      }
      return 1 / Double(max(count, 1))
    }
    return [try o.result(o.graph.multiply(sums, weights))]
  }

  private static func lpPool(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    let exponent = Double(try o.int("p") ?? 2)
    let axes = try o.poolingAxes().axes
    let size = o.graph.unary(.abs, try o.input(0))
    let powers = try o.power(size, o.graph.constant(exponent))
    let sums = try o.windowSums(powers, axes)
    return [try o.result(try o.power(sums, o.graph.constant(1 / exponent)))]
  }
}

extension ONNXOperation {
  /// How the windows slide over the axes of `[N, C, …]` behind the channels: with the padding that
  /// the node asks for, and with the windows that `ceil_mode` adds.
  fileprivate mutating func poolingAxes() throws(FormatError) -> (
    asked: [WindowAxis], axes: [WindowAxis]
  ) {
    let shape = try self.shape(0)
    let roundsUp = try flag("ceil_mode")
    guard shape.rank >= 3, shape.count > 0, let sizes = try ints("kernel_shape") else {
      throw fault("an operand of shape \(shape)", expected: "[N, C, …] and a kernel_shape")
    }
    let asked = try windows(over: Array(shape.extents.dropFirst(2)), sizes: sizes)
    let axes = roundsUp ? asked.map(\.roundedUp) : asked
    guard axes.allSatisfy({ $0.windows > 0 }) else {
      throw fault("windows of \(sizes) do not fit into \(shape)")
    }
    _ = try self.shape(of: shape.extents.prefix(2) + axes.flatMap { [$0.size, $0.windows] })
    return (asked, axes)
  }

  /// Pools `[N, C, …]`: images of the last two axes at once, the axes before them one by one.
  fileprivate mutating func slide(
    _ x: NodeID, _ axes: [WindowAxis],
    _ pool: (inout ONNXOperation, NodeID, Windows) throws(FormatError) -> NodeID
  ) throws(FormatError) -> NodeID {
    let windows = try image(axes.suffix(2))
    var extents = graph.shape(x).extents
    let planes = extents.dropFirst().dropLast(min(axes.count, 2)).reduce(1, *)
    let images = try reshape(x, to: [extents[0], planes] + windows.image.extents)
    var result = try pool(&self, images, windows)
    extents.replaceSubrange(
      (extents.count - min(axes.count, 2))..., with: axes.suffix(2).map(\.windows))
    result = try reshape(result, to: extents)
    for (index, axis) in axes.dropLast(2).enumerated() {
      let last = try move(result, axis: 2 + index, to: extents.count - 1)
      let moved = graph.shape(last).extents
      let rows = moved.dropFirst(2).dropLast().reduce(1, *)
      let one = Windows(WindowAxis(extent: rows, size: 1), axis)
      let lines = try reshape(last, to: [moved[0], moved[1], rows, axis.extent])
      let pooled = try reshape(try pool(&self, lines, one), to: moved.dropLast() + [axis.windows])
      result = try move(pooled, axis: extents.count - 1, to: 2 + index)
    }
    return result
  }

  /// The sum of each window of `[N, C, …]`.
  fileprivate mutating func windowSums(
    _ x: NodeID, _ axes: [WindowAxis]
  ) throws(FormatError) -> NodeID {
    try slide(x, axes) { o, images, windows throws(FormatError) in
      let front = o.graph.shape(images).extents.prefix(2)
      let planes = try o.reshape(images, to: front + [1] + windows.image.extents)
      let sums = o.graph.sum(try o.adding(Unfold(windows), planes), axes: [-2])
      return try o.reshape(sums, to: front + windows.places.extents)
    }
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
