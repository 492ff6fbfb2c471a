public import TensorCore

/// The largest element and the mean of windows, in one or two dimensions.
extension Graph {
  /// The largest element of each window: x `[…, L…]` gives `[…, L'…]`.
  ///
  /// Padding does not take part; NaN is the largest of all.
  ///
  /// - Parameters:
  ///   - axes: How the windows slide: one for each L.
  ///   - roundsUp: Whether elements that are left over make one window more.
  /// - Throws: ``GraphError`` where the shapes do not fit.
  public mutating func maxPooling(
    _ x: NodeID, over axes: [WindowAxis], roundsUp: Bool = false
  ) throws(GraphError) -> NodeID {
    let axes = roundsUp ? axes.map(\.roundedUp) : axes
    let (windows, extents) = try poolingWindows(x, axes)
    let image = reshape(x, from: extents, to: windows.image)
    let pooled = try adding(MaxPool(windows), [image])
    return reshape(pooled, from: windows.places, to: Shape(axes.map(\.windows)))
  }

  /// The mean of each window: x `[…, L…]` gives `[…, L'…]`.
  ///
  /// - Parameters:
  ///   - axes: How the windows slide: one for each L.
  ///   - roundsUp: Whether elements that are left over make one window more; what such a window has
  ///     beyond the padding is never counted.
  ///   - countsPadding: Whether padding counts as zeros, or does not take part.
  /// - Throws: ``GraphError`` where the shapes do not fit, or where a window has no element.
  public mutating func averagePooling(
    _ x: NodeID, over axes: [WindowAxis], roundsUp: Bool = false, countsPadding: Bool = false
  ) throws(GraphError) -> NodeID {
    let rounded = roundsUp ? axes.map(\.roundedUp) : axes
    let (windows, extents) = try poolingWindows(x, rounded)
    if zip(rounded, axes).allSatisfy({ $0.isWhole && $1.isWhole }) {
      return mean(x, axes: (1...axes.count).map { -$0 }, keepsAxes: true)
    }
    let counts = zip(rounded, axes).map { $0.counts(padding: countsPadding ? $1 : nil) }
    guard counts.joined().allSatisfy({ $0 > 0 }) else {
      throw .shapes(
        primitive: "an average pooling", operands: [shape(x)],
        expected: "at least one element in each window")
    }
    let image = reshape(x, from: extents, to: Shape([1]).appending(windows.image))
    let sums = sum(try adding(Unfold(windows), [image]), axes: [-2])
    let reciprocals =
      counts.count == 1
      ? counts[0].map { 1 / $0 }
      : counts[0].flatMap { rows in counts[1].map { 1 / (rows * $0) } }
    let weights = literal(reciprocals, [windows.places.count])
    let means = multiply(sums, weights)
    return reshape(means, from: [windows.places.count], to: Shape(rounded.map(\.windows)))
  }

  private func poolingWindows(
    _ x: NodeID, _ axes: [WindowAxis]
  ) throws(GraphError) -> (Windows, extents: Shape) {
    let windows = try Windows(axes, of: "a pooling", [shape(x)])
    let extents = Shape(axes.map(\.extent))
    guard shape(x).rank >= axes.count, shape(x).suffix(axes.count) == extents else {
      throw .shapes(primitive: "a pooling", operands: [shape(x)], expected: "[…] + \(extents)")
    }
    return (windows, extents)
  }
}

extension WindowAxis {
  /// Whether the axis is one window.
  fileprivate var isWhole: Bool {
    windows == 1 && dilation == 1 && size == extent && low == 0 && high == 0
  }

  /// The elements of each window inside the axis, or inside the axis with another's padding.
  fileprivate func counts(padding: WindowAxis?) -> [Double] {
    let bounds = -(padding?.low ?? 0)..<extent + (padding?.high ?? 0)
    return (0..<windows).map { window in
      // The elements before the one that is at or beyond a position.
      let before = { (position: Int) in
        let distance = position - (window * stride - low)
        return distance <= 0 ? 0 : min((distance + dilation - 1) / dilation, size)
      }
      return Double(before(bounds.upperBound) - before(bounds.lowerBound))
    }
  }
}
