import Autodiff
import TensorCore

/// The same elements in other shapes and orders.
extension ONNXOperator {
  static let layout: [ONNXOperator] = [
    ONNXOperator("Reshape", reshape),
    ONNXOperator("Transpose") { o throws(FormatError) in
      let x = try o.input(0)
      let reversed = Array((0..<o.graph.shape(x).rank).reversed())
      return [try o.result(try o.transpose(x, try o.ints("perm") ?? reversed))]
    },
    ONNXOperator("Squeeze", squeeze),
    ONNXOperator("Unsqueeze", unsqueeze),
    ONNXOperator("Flatten") { o throws(FormatError) in
      let shape = try o.shape(0)
      let given = try o.int("axis") ?? 1
      let axis = given < 0 ? given + shape.rank : given
      guard axis >= 0, axis <= shape.rank else {
        throw o.fault("axis \(given) of an array of \(shape.rank) axes")
      }
      let rows = shape.dropLast(shape.rank - axis)
      let x = try o.input(0)
      return [
        try o.result(try o.reshape(x, to: [rows.count, shape.suffix(shape.rank - axis).count]))
      ]
    },
    ONNXOperator("Expand") { o throws(FormatError) in
      let target = try o.shape(of: try o.integers(1))
      let shape = try o.broadcast([try o.shape(0), target])
      let x = try o.input(0)
      return [try o.result(try o.broadcast(x, to: shape))]
    },
    ONNXOperator("Tile", tile),
    ONNXOperator("DepthToSpace", depthToSpace),
    ONNXOperator("SpaceToDepth") { o throws(FormatError) in
      let mode = try o.string("mode") ?? "DCR"
      guard ["DCR", "CRD"].contains(mode) else {
        throw o.fault("the mode \(FormatError.quoted(mode))", expected: "DCR or CRD")
      }
      let isByColumn = mode == "CRD"
      let size = try o.int("blocksize") ?? 0
      let shape = try o.shape(0)
      guard shape.rank == 4, (1...1 << 15).contains(size), shape[2] % size == 0,
        shape[3] % size == 0
      else {
        throw o.fault("blocks of \(size) in \(shape)", expected: "[N, C, H, W] of whole blocks")
      }
      let (n, c, h, w) = (shape[0], shape[1], shape[2] / size, shape[3] / size)
      let blocks = try o.reshape(try o.input(0), to: [n, c, h, size, w, size])
      let moved = try o.transpose(
        blocks, isByColumn ? [0, 1, 3, 5, 2, 4] : [0, 3, 5, 1, 2, 4])
      return [try o.result(try o.reshape(moved, to: [n, c * size * size, h, w]))]
    },
  ]

  private static func reshape(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    o.ignore("consumed_inputs")
    let keepsZeros = try o.flag("allowzero")
    let shape = try o.shape(0)
    var extents = try o.integers("shape", or: 1)
    for axis in extents.indices where extents[axis] == 0 && !keepsZeros {
      guard axis < shape.rank else {
        throw o.fault("an extent of 0 for axis \(axis) stands for that of \(shape)")
      }
      extents[axis] = shape[axis]
    }
    if let open = extents.firstIndex(of: -1) {
      extents[open] = 1
      let rest = try o.shape(of: extents).count
      guard rest > 0, shape.count % rest == 0 else {
        extents[open] = -1
        throw o.fault("\(shape) cannot be read as \(extents)", expected: "as many elements")
      }
      extents[open] = shape.count / rest
    }
    let x = try o.input(0)
    return [try o.result(try o.reshape(x, to: extents))]
  }

  private static func squeeze(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    let shape = try o.shape(0)
    let given = try o.axes(operand: 1) ?? shape.extents.indices.filter { shape[$0] == 1 }
    let axes = try o.axes(given, rank: shape.rank)
    guard axes.allSatisfy({ shape[$0] == 1 }) else {
      throw o.fault("the axes \(axes) of \(shape)", expected: "axes of one element")
    }
    let x = try o.input(0)
    let kept = shape.extents.indices.filter { !axes.contains($0) }
    return [try o.result(try o.reshape(x, to: kept.map { shape[$0] }))]
  }

  private static func unsqueeze(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    let shape = try o.shape(0)
    guard let given = try o.axes(operand: 1) else { throw o.fault("no axes") }
    let axes = try o.axes(given, rank: shape.rank + given.count).sorted()
    var extents = shape.extents
    for axis in axes { extents.insert(1, at: axis) }
    let x = try o.input(0)
    return [try o.result(try o.reshape(x, to: extents))]
  }

  private static func tile(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    let (shape, repeats) = (try o.shape(0), try o.integers(1))
    guard repeats.count == shape.rank, repeats.allSatisfy({ $0 >= 0 }) else {
      throw o.fault("\(repeats) repeats of \(shape)", expected: "one for each axis")
    }
    var tiled: [Int] = []
    for (extent, count) in zip(shape.extents, repeats) {
      tiled.append(try o.shape(of: [extent, count]).count)
    }
    _ = try o.shape(of: tiled)
    let x = try o.input(0)
    let apart = try o.reshape(x, to: shape.extents.flatMap { [1, $0] })
    let full = try o.shape(of: zip(repeats, shape.extents).flatMap { [$0, $1] })
    return [try o.result(try o.reshape(try o.broadcast(apart, to: full), to: tiled))]
  }

  private static func depthToSpace(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    let size = try o.int("blocksize") ?? 0
    let mode = try o.string("mode") ?? "DCR"
    let shape = try o.shape(0)
    guard shape.rank == 4, (1...1 << 15).contains(size), shape[1] % (size * size) == 0 else {
      throw o.fault("blocks of \(size) in \(shape)", expected: "[N, C, H, W] of whole blocks")
    }
    let (n, c, h, w) = (shape[0], shape[1] / (size * size), shape[2], shape[3])
    let x = try o.input(0)
    let moved: NodeID
    switch mode {
    case "DCR":
      moved = try o.transpose(try o.reshape(x, to: [n, size, size, c, h, w]), [0, 3, 4, 1, 5, 2])
    case "CRD":
      moved = try o.transpose(try o.reshape(x, to: [n, c, size, size, h, w]), [0, 1, 4, 2, 5, 3])
    default: throw o.fault("the mode \(FormatError.quoted(mode))", expected: "DCR or CRD")
    }
    return [try o.result(try o.reshape(moved, to: [n, c, h * size, w * size]))]
  }
}
