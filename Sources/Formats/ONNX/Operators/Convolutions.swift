import Autodiff
import TensorCore

/// Convolutions, plain and transposed.
extension ONNXOperator {
  static let convolutions: [ONNXOperator] = [
    ONNXOperator("Conv") { o throws(FormatError) in
      let (extents, sizes) = try o.convolved()
      let axes = try o.windows(over: extents, sizes: sizes)
      let groups = try o.int("group") ?? 1
      let (shape, outputs) = (try o.shape(0), try o.shape(1)[0])
      let windows = try o.image(axes)
      // What the windows hold, and the result.
      _ = try o.shape(of: [shape[0], shape[1], windows.window.count, windows.places.count])
      _ = try o.shape(of: [shape[0], outputs, windows.places.count])
      let (x, weight, bias) = (try o.input(0), try o.input(1), try o.optionalInput(2))
      let result = try o.building { graph throws(GraphError) in
        try graph.convolution(x, weight, bias: bias, over: axes, groups: groups)
      }
      return [try o.result(result)]
    },
    ONNXOperator("ConvTranspose") { o throws(FormatError) in
      let (extents, sizes) = try o.convolved()
      let axes = try o.transposedWindows(over: extents, sizes: sizes)
      let groups = try o.int("group") ?? 1
      let (shape, kernel) = (try o.shape(0), try o.shape(1))
      let windows = try o.image(axes)
      let outputs = try o.shape(of: [kernel[1], groups]).count
      _ = try o.shape(of: [shape[0], outputs, windows.window.count, windows.places.count])
      _ = try o.shape(of: [shape[0], outputs] + axes.map(\.extent))
      let (x, weight, bias) = (try o.input(0), try o.input(1), try o.optionalInput(2))
      let result = try o.building { graph throws(GraphError) in
        try graph.transposedConvolution(x, weight, bias: bias, over: axes, groups: groups)
      }
      return [try o.result(result)]
    },
  ]
}

extension ONNXOperation {
  /// The extents of the first operand behind its channels, and of the windows of the second.
  fileprivate mutating func convolved() throws(FormatError) -> (extents: [Int], sizes: [Int]) {
    let (shape, weight) = (try self.shape(0), try self.shape(1))
    guard shape.rank >= 3, weight.rank == shape.rank, weight.count > 0, shape.count > 0 else {
      throw fault("\(shape) and a weight \(weight)", expected: "[N, C, …] and [O, C / groups, …]")
    }
    let sizes = Array(weight.extents.dropFirst(2))
    if let kernel = try ints("kernel_shape"), kernel != sizes {
      throw fault("windows \(kernel) and a weight \(weight)")
    }
    return (Array(shape.extents.dropFirst(2)), sizes)
  }
}
