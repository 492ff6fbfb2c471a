import Autodiff
import TensorCore

extension ONNXOperation {
  /// The largest number in the attributes of windows.
  private static let largest = 1 << 24

  /// How windows slide over the last axes of an array, from the attributes of the node.
  ///
  /// - Parameters:
  ///   - extents: The axes that they slide over.
  ///   - sizes: The elements of a window along each.
  mutating func windows(
    over extents: [Int], sizes: [Int]
  ) throws(FormatError) -> [WindowAxis] {
    let attributes = try windowAttributes(extents.count, sizes: sizes)
    return extents.indices.map { axis in
      let (size, stride) = (sizes[axis], attributes.strides[axis])
      let span = (size - 1) * attributes.dilations[axis] + 1
      var (low, high) = (attributes.low[axis], attributes.high[axis])
      if let same = attributes.same {
        let windows = (extents[axis] + stride - 1) / stride
        (low, high) = same.split(max((windows - 1) * stride + span - extents[axis], 0))
      }
      return WindowAxis(
        extent: extents[axis], size: size, stride: stride, dilation: attributes.dilations[axis],
        low: low, high: high)
    }
  }

  /// The windows of a transposed convolution: those over its result that give its operand.
  mutating func transposedWindows(
    over extents: [Int], sizes: [Int]
  ) throws(FormatError) -> [WindowAxis] {
    let attributes = try windowAttributes(extents.count, sizes: sizes)
    let added = try numbers("output_padding", extents.count, default: 0, least: 0)
    let shape = try ints("output_shape")
    guard shape == nil || [extents.count, extents.count + 2].contains(shape?.count) else {
      throw fault(
        "the attribute output_shape is \(shape ?? [])", expected: "\(extents.count) extents")
    }
    let asked = shape.map { $0.suffix(extents.count) }
    var axes: [WindowAxis] = []
    for axis in extents.indices {
      let (size, stride) = (sizes[axis], attributes.strides[axis])
      let span = (size - 1) * attributes.dilations[axis] + 1
      let whole = stride * (extents[axis] - 1) + added[axis] + span
      var (low, high) = (attributes.low[axis], attributes.high[axis])
      if let asked {
        let place = asked.startIndex + axis
        guard (1...Self.largest).contains(asked[place]) else {
          throw fault("the attribute output_shape is \(asked)")
        }
        (low, high) = (attributes.same ?? .lower).split(whole - asked[place])
      } else if let same = attributes.same {
        (low, high) = same.split(whole - extents[axis] * stride)
      }
      axes.append(
        WindowAxis(
          extent: whole - low - high, size: size, stride: stride,
          dilation: attributes.dilations[axis], low: low, high: high - added[axis]))
    }
    return axes
  }

  /// Windows over one or two axes as windows over images.
  func image(_ axes: [WindowAxis]) throws(FormatError) -> Windows {
    let windows: Windows
    switch axes.count {
    case 1: windows = Windows(WindowAxis(extent: 1, size: 1), axes[0])
    case 2: windows = Windows(axes[0], axes[1])
    default:
      throw fault("windows over \(axes.count) axes are not supported", expected: "1 or 2")
    }
    guard windows.places.count > 0 else {
      throw fault("windows of \(axes.map(\.size)) do not fit into \(axes.map(\.extent))")
    }
    return windows
  }

  private struct WindowAttributes {
    let strides: [Int]
    let dilations: [Int]
    let low: [Int]
    let high: [Int]
    let same: WindowPadding?
  }

  private mutating func windowAttributes(
    _ rank: Int, sizes: [Int]
  ) throws(FormatError) -> WindowAttributes {
    guard sizes.count == rank, sizes.allSatisfy({ (1...Self.largest).contains($0) }) else {
      throw fault("windows of \(sizes) elements over \(rank) axes")
    }
    let strides = try numbers("strides", rank, default: 1, least: 1)
    let dilations = try numbers("dilations", rank, default: 1, least: 1)
    for (size, dilation) in zip(sizes, dilations) where size * dilation > Self.largest {
      throw fault("windows of \(sizes) elements, \(dilations) apart")
    }
    var pads = try numbers("pads", 2 * rank, default: 0, least: -Self.largest)
    let same: WindowPadding?
    switch try string("auto_pad") ?? "NOTSET" {
    case "", "NOTSET": same = nil
    case "SAME_UPPER": same = .upper
    case "SAME_LOWER": same = .lower
    case "VALID":
      same = nil
      pads = pads.map { _ in 0 }
    case let other: throw fault("the padding \(FormatError.quoted(other))")
    }
    return WindowAttributes(
      strides: strides, dilations: dilations, low: Array(pads[..<rank]),
      high: Array(pads[rank...]), same: same)
  }

  private mutating func numbers(
    _ name: String, _ count: Int, default value: Int, least: Int
  ) throws(FormatError) -> [Int] {
    guard let values = try ints(name), !values.isEmpty else {
      return [Int](repeating: value, count: count)
    }
    guard values.count == count, values.allSatisfy({ (least...Self.largest).contains($0) }) else {
      throw fault(
        "the attribute \(name) is \(values)", expected: "\(count) numbers of \(least) or more")
    }
    return values
  }
}

/// Where the odd element of a padding goes.
enum WindowPadding {
  case upper, lower

  func split(_ total: Int) -> (low: Int, high: Int) {
    // What is missing instead is missing at the end.
    if total < 0 { return (0, total) }
    return self == .upper ? (total / 2, total - total / 2) : (total - total / 2, total / 2)
  }
}
