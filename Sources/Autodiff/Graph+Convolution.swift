public import TensorCore

/// Convolutions as products with unfolded images, in one or two dimensions.
extension Graph {
  /// The convolution (without flipping) of images with a weight.
  ///
  /// Shapes, for C channels, O outputs, G groups and L positions along each of one or two axes:
  /// x `[…, C, L…]`, weight `[O, C / G, l…]`, bias `[O]`, result `[…, O, L'…]`.
  ///
  /// - Parameters:
  ///   - axes: How the windows slide: one for each L, of its extent and the size l.
  ///   - groups: G. Group g of the outputs sees group g of the channels.
  /// - Throws: ``GraphError`` where the shapes do not fit.
  public mutating func convolution(
    _ x: NodeID, _ weight: NodeID, bias: NodeID? = nil, over axes: [WindowAxis], groups: Int = 1
  ) throws(GraphError) -> NodeID {
    let (own, kernel) = (shape(x), shape(weight))
    let windows = try Windows(axes, of: "a convolution", [own, kernel])
    let rank = axes.count
    guard kernel.rank == rank + 2, own.rank > rank, groups > 0, kernel[0].isMultiple(of: groups),
      own[-rank - 1].isMultiple(of: groups), own[-rank - 1] / groups == kernel[1],
      own.suffix(rank).extents == axes.map(\.extent),
      kernel.suffix(rank).extents == axes.map(\.size), hasBias(bias, kernel[0])
    else {
      throw .shapes(
        primitive: "a convolution", operands: [own, kernel] + (bias.map { [shape($0)] } ?? []),
        expected: "[…, C] + \(axes.map(\.extent)), [O, C / \(groups)] + \(axes.map(\.size)) and [O]"
      )
    }
    let outputs = kernel[0]
    let columns = try unfolded(x, rank: rank, windows)
    let (inputs, places) = (kernel[1] * windows.window.count, windows.places.count)
    var y: NodeID
    if groups == 1 {
      y = matmul(reshape(weight, to: [outputs, inputs]), columns)
    } else {
      let grouped = reshape(
        columns, from: [groups * inputs, places], to: [groups, inputs, places])
      y = matmul(reshape(weight, to: [groups, outputs / groups, inputs]), grouped)
      y = reshape(
        y, from: [groups, outputs / groups, places], to: [outputs, places])
    }
    if let bias { y = add(y, reshape(bias, to: [outputs, 1])) }
    return reshape(
      y, from: [outputs, places], to: Shape([outputs] + axes.map(\.windows)))
  }

  /// The transposed convolution: each element of x adds the weight times itself to the result.
  ///
  /// Shapes, for C channels, O outputs, G groups and L positions along each of one or two axes:
  /// x `[…, C, L…]`, weight `[C, O / G, l…]`, bias `[O]`, result `[…, O, L'…]`.
  ///
  /// - Parameters:
  ///   - axes: How the windows slide over the **result**, one for each L, such as those of
  ///     ``TensorCore/WindowAxis/init(transposing:size:stride:dilation:low:high:outputPadding:)``.
  ///   - groups: G. Group g of the outputs sees group g of the channels.
  /// - Throws: ``GraphError`` where the shapes do not fit.
  public mutating func transposedConvolution(
    _ x: NodeID, _ weight: NodeID, bias: NodeID? = nil, over axes: [WindowAxis], groups: Int = 1
  ) throws(GraphError) -> NodeID {
    let (own, kernel) = (shape(x), shape(weight))
    let windows = try Windows(axes, of: "a transposed convolution", [own, kernel])
    let rank = axes.count
    guard kernel.rank == rank + 2, own.rank > rank, groups > 0, kernel[0].isMultiple(of: groups),
      own[-rank - 1] == kernel[0], own.suffix(rank).extents == axes.map(\.windows),
      kernel.suffix(rank).extents == axes.map(\.size),
      Shape.count(of: [kernel[1], groups, windows.window.count]) != nil,
      hasBias(bias, kernel[1] * groups)
    else {
      throw .shapes(
        primitive: "a transposed convolution",
        operands: [own, kernel] + (bias.map { [shape($0)] } ?? []),
        expected: "[…, C] + \(axes.map(\.windows)), [C, O / \(groups)] + \(axes.map(\.size)), [O]")
    }
    let (channels, outputs) = (kernel[0], kernel[1] * groups)
    let places = windows.places.count
    let (rows, size) = (kernel[1] * windows.window.count, own.suffix(rank + 1))
    var columns: NodeID
    if groups == 1 {
      columns = matmul(
        reshape(weight, to: [channels, rows]), reshape(x, from: size, to: [channels, places]),
        transposeA: true)
    } else {
      columns = matmul(
        reshape(weight, to: [groups, channels / groups, rows]),
        reshape(x, from: size, to: [groups, channels / groups, places]), transposeA: true)
      columns = reshape(
        columns, from: [groups, rows, places], to: [groups * rows, places])
    }
    var y = try adding(Fold(windows), [columns])
    if let bias { y = add(y, reshape(bias, to: [outputs, 1, 1])) }
    return reshape(
      y, from: Shape([outputs]).appending(windows.image), to: Shape([outputs] + axes.map(\.extent)))
  }

  /// x `[…, C, L…]` as `[…, C · l, L']`.
  private mutating func unfolded(
    _ x: NodeID, rank: Int, _ windows: Windows
  ) throws(GraphError) -> NodeID {
    let own = shape(x).suffix(rank + 1)
    if windows.areElements {
      return reshape(x, from: own, to: [own[0], windows.places.count])
    }
    let image = reshape(x, from: own, to: Shape([own[0]]).appending(windows.image))
    return try adding(Unfold(windows), [image])
  }

  private func hasBias(_ bias: NodeID?, _ outputs: Int) -> Bool {
    bias.map { shape($0) == [outputs] } ?? true
  }
}

extension Windows {
  /// Windows along one or two axes of data; one axis is the columns of images of one row.
  init(_ axes: [WindowAxis], of function: String, _ operands: [Shape]) throws(GraphError) {
    switch axes.count {
    case 1: self.init(WindowAxis(extent: 1, size: 1), axes[0])
    case 2: self.init(axes[0], axes[1])
    default:
      throw .shapes(primitive: function, operands: operands, expected: "one or two axes of windows")
    }
    guard places.count > 0 else {
      throw .shapes(
        primitive: function, operands: operands,
        expected: "room for a window of \(axes.map(\.size)) in \(axes.map(\.extent))")
    }
  }

  /// Whether each element of the image is a window of its own.
  fileprivate var areElements: Bool {
    [rows, columns].allSatisfy { $0.size == 1 && $0.stride == 1 && $0.low == 0 && $0.high == 0 }
  }
}
