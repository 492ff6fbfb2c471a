import Autodiff
import TensorCore

/// Arrays made larger at their ends.
extension ONNXOperator {
  static let padding: [ONNXOperator] = [ONNXOperator("Pad", pad)]

  private static func pad(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    let shape = try o.shape(0)
    let mode = try o.string("mode") ?? "constant"
    // Named so in the first opset of all.
    let old = try o.ints("paddings")
    let pads = if let old { old } else { try o.integers("pads", or: 1) }
    let attribute = try o.float("value")
    let value = if let attribute { attribute } else { o.has(2) ? try o.number(2) : 0 }
    let axes = try o.axes(
      o.has(3) ? try o.integers(3) : Array(0..<shape.rank), rank: shape.rank)
    guard pads.count == 2 * axes.count else {
      throw o.fault("\(pads.count) pads", expected: "two for each of \(axes.count) axes")
    }
    let type = try o.type(0)
    var x = try o.input(0)
    var extents = shape.extents
    for (index, axis) in axes.enumerated() {
      let (low, high) = (pads[index], pads[index + axes.count])
      let limit = ONNXOperation.mostElements
      guard abs(low.clamped(to: limit)) < limit, abs(high.clamped(to: limit)) < limit else {
        throw o.fault("pads \(pads)")
      }
      extents[axis] += low + high
      _ = try o.shape(of: extents)
      x = try o.padded(x, axis: axis, low: low, high: high, mode: mode, value: value)
    }
    return [.computed(x, type)]
  }
}

extension Int {
  fileprivate func clamped(to limit: Int) -> Int { Swift.min(Swift.max(self, -limit), limit) }
}

extension ONNXOperation {
  /// x with entries added at both ends of an axis, or taken away where a number is negative.
  fileprivate mutating func padded(
    _ x: NodeID, axis: Int, low: Int, high: Int, mode: String, value: Double
  ) throws(FormatError) -> NodeID {
    if low == 0 && high == 0 { return x }
    let extent = graph.shape(x)[axis]
    let total = extent + low + high
    guard mode == "constant" else {
      guard extent > 0 else { throw fault("\(low) and \(high) entries around \(extent)") }
      try charge(total)
      let places = try (0..<total).map { place throws(FormatError) in
        try source(of: place - low, extent, mode)
      }
      return try take(x, axis: axis, places)
    }
    // What stays of x, and where it starts in the result.
    let (first, last) = (max(0, -low), min(extent, extent + high))
    let kept = max(last - first, 0)
    let core = try slice(x, axis: axis, start: min(first, extent), count: kept, step: 1)
    let start = max(low, 0)
    guard start + kept <= total else { throw fault("\(low) and \(high) entries around \(extent)") }
    let placed = try place(core, axis: axis, start: start, extent: total)
    guard value != 0 else { return placed }
    // The value outside, 0 inside.
    var extents = [Int](repeating: 1, count: graph.shape(x).rank)
    extents[axis] = total
    let outside = try literal(Shape(extents)) { $0 < start || $0 >= start + kept ? value : 0 }
    return try add(placed, outside)
  }

  /// The entry that stands at a place beside those of an axis.
  private func source(
    of place: Int, _ extent: Int, _ mode: String
  ) throws(FormatError) -> Int {
    switch mode {
    case "edge": return min(max(place, 0), extent - 1)
    case "wrap": return (place % extent + extent) % extent
    case "reflect":
      guard extent > 1 else { return 0 }
      let period = 2 * (extent - 1)
      let phase = (place % period + period) % period
      return phase < extent ? phase : period - phase
    default:
      throw fault(
        "the mode \(FormatError.quoted(mode))", expected: "constant, reflect, edge or wrap")
    }
  }
}
