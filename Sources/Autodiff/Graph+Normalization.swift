import TensorCore

/// Normalisations of layers, for inference: whatever statistics they need are of one item or given.
extension Graph {
  /// (x − mean) / √(variance + ε) · scale + offset, over the last axes of each item.
  ///
  /// Ba, Kiros & Hinton 2016, equation 4; the variance is that of the elements themselves.
  ///
  /// - Parameters:
  ///   - axes: How many of the last axes belong together.
  ///   - scale: Of the shape of those axes, or one that broadcasts to them; `offset` likewise.
  public mutating func layerNormalization(
    _ x: NodeID, axes: Int = 1, scale: NodeID? = nil, offset: NodeID? = nil, epsilon: Double = 1e-5
  ) throws(GraphError) -> NodeID {
    let axes = try lastAxes(axes, of: x)
    let average = mean(x, axes: axes, keepsAxes: true)
    let centred = subtract(x, average)
    let variance = mean(unary(.square, centred), axes: axes, keepsAxes: true)
    return try scaled(multiply(centred, inverseRoot(variance, epsilon)), scale, offset)
  }

  /// x / √(mean x² + ε) · scale, over the last axes of each item (Zhang & Sennrich 2019, equation 4).
  public mutating func rmsNormalization(
    _ x: NodeID, axes: Int = 1, scale: NodeID? = nil, epsilon: Double = 1e-5
  ) throws(GraphError) -> NodeID {
    let square = mean(unary(.square, x), axes: try lastAxes(axes, of: x), keepsAxes: true)
    return try scaled(multiply(x, inverseRoot(square, epsilon)), scale, nil)
  }

  /// Normalisation over groups of channels and all positions (Wu & He 2018, equations 1 and 7).
  ///
  /// With as many groups as channels it is instance normalisation.
  ///
  /// - Parameters:
  ///   - x: `[…, C, L…]`.
  ///   - positionAxes: The number of axes L.
  ///   - scale: `[C]`; `offset` likewise.
  /// - Throws: ``GraphError`` where the shapes do not fit.
  public mutating func groupNormalization(
    _ x: NodeID, groups: Int, positionAxes: Int, scale: NodeID? = nil, offset: NodeID? = nil,
    epsilon: Double = 1e-5
  ) throws(GraphError) -> NodeID {
    let item = shape(x).suffix(positionAxes + 1)
    guard item.rank == positionAxes + 1, groups > 0, item[0].isMultiple(of: groups) else {
      throw .shapes(
        primitive: "a group normalisation", operands: [shape(x)],
        expected: "[…, C] + \(positionAxes) axes with \(groups) groups of C channels")
    }
    let grouped = reshape(x, from: item, to: [groups, item.count / groups])
    let normal = reshape(
      try layerNormalization(grouped, epsilon: epsilon), from: shape(grouped).suffix(2), to: item)
    return try scaled(
      normal, scale.map { channels($0, positionAxes) }, offset.map { channels($0, positionAxes) })
  }

  /// (x − mean) / √(variance + ε) · scale + offset with statistics that were fixed in training
  /// (Ioffe & Szegedy 2015, algorithm 2).
  ///
  /// - Parameters:
  ///   - x: `[…, C, L…]`.
  ///   - positionAxes: The number of axes L.
  ///   - mean: `[C]`; `variance`, `scale` and `offset` likewise.
  public mutating func batchNormalization(
    _ x: NodeID, positionAxes: Int, mean: NodeID, variance: NodeID, scale: NodeID? = nil,
    offset: NodeID? = nil, epsilon: Double = 1e-5
  ) throws(GraphError) -> NodeID {
    let factor = inverseRoot(channels(variance, positionAxes), epsilon)
    let centred = try adding(Binary(.subtract), [x, channels(mean, positionAxes)])
    return try scaled(
      try adding(Binary(.multiply), [centred, factor]), scale.map { channels($0, positionAxes) },
      offset.map { channels($0, positionAxes) })
  }

  private func lastAxes(_ count: Int, of x: NodeID) throws(GraphError) -> [Int] {
    guard count > 0, count <= shape(x).rank else {
      throw .shapes(
        primitive: "a normalisation", operands: [shape(x)], expected: "\(count) axes or more")
    }
    return (1...count).map { -$0 }
  }

  /// `[C]` as `[C, 1, …]`, so that it meets `[…, C, L…]`.
  private mutating func channels(_ x: NodeID, _ positionAxes: Int) -> NodeID {
    reshape(
      x, to: Shape(shape(x).extents + [Int](repeating: 1, count: positionAxes)))
  }

  /// 1 / √(x + ε).
  private mutating func inverseRoot(_ x: NodeID, _ epsilon: Double) -> NodeID {
    unary(.reciprocal, unary(.sqrt, affine(x, scale: 1, offset: epsilon)))
  }

  private mutating func scaled(
    _ x: NodeID, _ scale: NodeID?, _ offset: NodeID?
  ) throws(GraphError) -> NodeID {
    var y = x
    if let scale { y = try adding(Binary(.multiply), [y, scale]) }
    if let offset { y = try adding(Binary(.add), [y, offset]) }
    return y
  }
}
