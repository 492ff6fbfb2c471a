import Autodiff
import TensorCore

/// Convolutions as products of the weight with the windows of an image.
extension ONNXOperator {
  static let convolutions: [ONNXOperator] = [
    ONNXOperator("Conv", convolution), ONNXOperator("ConvTranspose", transposedConvolution),
  ]

  /// x `[N, C, H, W]` and weight `[O, C / groups, h, w]` give `[N, O, H', W']`; or one axis alone.
  private static func convolution(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    let (shape, weight) = (try o.shape(0), try o.shape(1))
    let groups = try o.int("group") ?? 1
    guard shape.rank >= 3, weight.rank == shape.rank, groups > 0, shape[1] % groups == 0,
      weight[0] % groups == 0, weight[1] == shape[1] / groups, weight.count > 0, shape.count > 0
    else {
      throw o.fault(
        "\(shape) and a weight \(weight) in \(groups) groups",
        expected: "[N, C, …] and [O, C / groups, …]")
    }
    let sizes = Array(weight.extents.dropFirst(2))
    if let kernel = try o.ints("kernel_shape"), kernel != sizes {
      throw o.fault("windows \(kernel) and a weight \(weight)")
    }
    let axes = try o.windows(over: Array(shape.extents.dropFirst(2)), sizes: sizes)
    let windows = try o.image(axes)
    let (n, channels, outputs) = (shape[0], shape[1], weight[0])
    let (inner, places) = (weight[1] * windows.window.count, windows.places.count)
    _ = try o.shape(of: [n, channels, windows.window.count, places])
    let image = try o.reshape(try o.input(0), to: [n, channels] + windows.image.extents)
    // Windows of one element, side by side, are the image itself.
    let isWhole =
      windows.window.count == 1 && windows.places == windows.image
      && axes.allSatisfy { $0.low == 0 && $0.stride == 1 }
    var columns = isWhole ? image : try o.adding(Unfold(windows), image)
    columns = try o.reshape(
      columns, to: groups == 1 ? [n, inner, places] : [n, groups, inner, places])
    let matrix = try o.reshape(
      try o.input(1), to: groups == 1 ? [outputs, inner] : [groups, outputs / groups, inner])
    let result = try o.reshape(
      try o.matmul(matrix, columns), to: [n, outputs] + axes.map(\.windows))
    return [try o.result(try o.addingBias(result, 2))]
  }

  /// x `[N, C, H, W]` and weight `[C, O / groups, h, w]`: the transpose of a convolution.
  private static func transposedConvolution(
    _ o: inout ONNXOperation
  ) throws(FormatError) -> [ONNXValue] {
    let (shape, weight) = (try o.shape(0), try o.shape(1))
    let groups = try o.int("group") ?? 1
    guard shape.rank >= 3, weight.rank == shape.rank, groups > 0, weight[0] == shape[1],
      shape[1] % groups == 0, weight.count > 0, shape.count > 0
    else {
      throw o.fault(
        "\(shape) and a weight \(weight) in \(groups) groups",
        expected: "[N, C, …] and [C, O / groups, …]")
    }
    let sizes = Array(weight.extents.dropFirst(2))
    if let kernel = try o.ints("kernel_shape"), kernel != sizes {
      throw o.fault("windows \(kernel) and a weight \(weight)")
    }
    let axes = try o.transposedWindows(over: Array(shape.extents.dropFirst(2)), sizes: sizes)
    let windows = try o.image(axes)
    let (n, channels) = (shape[0], shape[1])
    let places = windows.places.count
    guard places == Shape(Array(shape.extents.dropFirst(2))).count else {
      throw o.fault("\(shape) as the windows \(windows.places) of its result")
    }
    let (outputs, inner) = (weight[1] * groups, weight[1] * windows.window.count)
    _ = try o.shape(of: [n, groups, inner, places])
    _ = try o.shape(of: [n, outputs] + windows.image.extents)
    let matrix = try o.reshape(try o.input(1), to: [groups, channels / groups, inner])
    let x = try o.reshape(try o.input(0), to: [n, groups, channels / groups, places])
    let columns = try o.matmul(try o.transpose(matrix, [0, 2, 1]), x)
    let flat = try o.reshape(columns, to: [n, groups * inner, places])
    let image = try o.adding(Fold(windows), flat)
    let result = try o.reshape(image, to: [n, outputs] + axes.map(\.extent))
    return [try o.result(try o.addingBias(result, 2))]
  }
}

extension ONNXOperation {
  /// Channels `[N, C, …]` plus an optional operand `[C]`.
  fileprivate mutating func addingBias(
    _ x: NodeID, _ index: Int
  ) throws(FormatError) -> NodeID {
    guard has(index) else { return x }
    return try add(x, try channelColumn(index, rank: graph.shape(x).rank))
  }

  /// An operand `[C]` beside channels `[N, C, …]`.
  mutating func channelColumn(_ index: Int, rank: Int) throws(FormatError) -> NodeID {
    let shape = try self.shape(index)
    guard shape.rank == 1, rank >= 2 else {
      throw fault("operand \(index + 1) has the shape \(shape)", expected: "one number per channel")
    }
    return try reshape(
      try input(index), to: shape.extents + [Int](repeating: 1, count: rank - 2))
  }
}
