import Autodiff
import TensorCore

/// Parts of arrays, and arrays out of parts.
extension ONNXOperator {
  static let indexing: [ONNXOperator] = [
    ONNXOperator("Concat") { o throws(FormatError) in
      let parts = try o.inputs()
      guard let first = parts.first else { throw o.fault("no operands", expected: "one at least") }
      let axis = try o.axis(try o.int("axis") ?? 1, rank: o.graph.shape(first).rank)
      return [try o.result(try o.concatenate(parts, axis: axis))]
    },
    ONNXOperator("Slice", slice),
    ONNXOperator("Split", split),
    ONNXOperator("Gather", gather),
    ONNXOperator("GatherElements", gatherElements),
    ONNXOperator("GatherND", gatherND),
    ONNXOperator("OneHot", oneHot),
    ONNXOperator("Trilu") { o throws(FormatError) in
      let isUpper = try o.flag("upper", default: true)
      let shape = try o.shape(0)
      guard shape.rank >= 2 else {
        throw o.fault("an operand of shape \(shape)", expected: "[…, M, N]")
      }
      let offset = min(max(o.has(1) ? try o.integer(1) : 0, -shape[-2]), shape[-1])
      let columns = shape[-1]
      let mask = try o.literal(shape.suffix(2)) { place in
        let distance = place % columns - place / columns - offset
        return (isUpper ? distance >= 0 : distance <= 0) ? 1 : 0
      }
      let x = try o.input(0)
      return [try o.result(try o.binary(.mask, mask, x))]
    },
    ONNXOperator("CumSum", cumulativeSum),
  ]

  private static func slice(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    let shape = try o.shape(0)
    let starts = try o.integers("starts", or: 1)
    let ends = try o.integers("ends", or: 2)
    let axes = try o.axes(try o.axes(operand: 3) ?? Array(starts.indices), rank: shape.rank)
    let steps = o.has(4) ? try o.integers(4) : [Int](repeating: 1, count: starts.count)
    guard ends.count == starts.count, axes.count == starts.count, steps.count == starts.count,
      !steps.contains(0)
    else { throw o.fault("starts \(starts), ends \(ends), axes \(axes), steps \(steps)") }
    var x = try o.input(0)
    for (index, axis) in axes.enumerated() {
      let extent = shape[axis]
      let step = min(max(steps[index], -extent - 1), extent + 1)
      func place(_ given: Int, _ range: ClosedRange<Int>) -> Int {
        min(max(given < 0 ? given + extent : given, range.lowerBound), range.upperBound)
      }
      if step > 0 {
        let (start, end) = (place(starts[index], 0...extent), place(ends[index], 0...extent))
        let count = max(0, (end - start + step - 1) / step)
        x = try o.slice(x, axis: axis, start: start, count: count, step: step)
      } else {
        let range = -1...max(extent - 1, -1)
        let start = place(starts[index], range)
        let end = ends[index] < -extent ? -1 : place(ends[index], range)
        let count = max(0, (start - end - step - 1) / -step)
        try o.charge(count)
        x = try o.take(x, axis: axis, (0..<count).map { start + $0 * step })
      }
    }
    return [try o.result(x)]
  }

  private static func split(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    let shape = try o.shape(0)
    let axis = try o.axis(try o.int("axis") ?? 0, rank: shape.rank)
    let number = try o.int("num_outputs") ?? o.node.outputs.count
    guard number == o.node.outputs.count else {
      throw o.fault("\(number) pieces for \(o.node.outputs.count) outputs")
    }
    let sizes: [Int]
    if let given = try o.ints("split") {
      sizes = given
    } else {
      sizes = o.has(1) ? try o.integers(1) : try o.pieces(of: shape[axis], number)
    }
    guard sizes.count == o.node.outputs.count else {
      throw o.fault("\(sizes.count) pieces for \(o.node.outputs.count) outputs")
    }
    let x = try o.input(0)
    let type = try o.type(0)
    return try o.split(x, axis: axis, sizes: sizes).map { .computed($0, type) }
  }

  private static func gather(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    let shape = try o.shape(0)
    let axis = try o.axis(try o.int("axis") ?? 0, rank: shape.rank)
    let x = try o.input(0)
    let padding = try o.paddingRow()
    if padding == nil, case .constant(let indices) = try o.value(1) {
      return [try o.result(try o.gather(x, axis: axis, indices))]
    }
    let own = try o.input(1)
    let indices = try o.wrapped(own, extent: shape[axis])
    let rows = try o.gather(x, axis: axis, indices)
    guard let padding else { return [try o.result(rows)] }
    // The row of padding is read, and gets no gradient.
    let isPadding = try o.binary(.equal, indices, o.graph.constant(Double(padding)))
    let column = try o.reshape(isPadding, to: o.graph.shape(own).extents + [1])
    return [try o.result(try o.select(column, o.graph.detach(rows), rows))]
  }

  /// Element by element: y[i, j, k] = x[i, index[i, j, k], k] for axis 1.
  private static func gatherElements(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    let (shape, own) = (try o.shape(0), try o.shape(1))
    let axis = try o.axis(try o.int("axis") ?? 0, rank: shape.rank)
    guard own.rank == shape.rank,
      own.extents.indices.allSatisfy({ $0 == axis || own[$0] <= shape[$0] })
    else { throw o.fault("indices of shape \(own) into \(shape)") }
    let strides = o.strides(shape)
    let places = o.strides(own)
    // Where each element would stand with index 0.
    let origins = try o.literal(own) { element in
      var (rest, origin) = (element, 0)
      for (other, size) in places.enumerated() {
        if other != axis { origin += rest / size * strides[other] }
        rest %= size
      }
      return Double(origin)
    }
    let indices = try o.wrapped(try o.input(1), extent: shape[axis])
    let flat = try o.places(
      o.graph.add(o.graph.affine(indices, scale: Double(strides[axis]), offset: 0), origins),
      where: try o.isWithin(indices, o.graph.constant(Double(shape[axis]))), in: shape)
    let table = try o.reshape(try o.input(0), to: [shape.count, 1])
    return [try o.result(try o.reshape(o.graph.gather(table, flat), to: own.extents))]
  }

  private static func gatherND(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    let (shape, own) = (try o.shape(0), try o.shape(1))
    let shared = try o.int("batch_dims") ?? 0
    guard own.rank >= 1, shared >= 0, shared < min(shape.rank, own.rank),
      own[-1] >= 1, shared + own[-1] <= shape.rank,
      shape.extents.prefix(shared) == own.extents.prefix(shared)
    else { throw o.fault("indices of shape \(own) into \(shape)") }
    let depth = own[-1]
    let rest = shape.suffix(shape.rank - shared - depth)
    let indexed = Array(shape.extents[shared..<shared + depth])
    let strides = o.strides(Shape(indexed))
    // Σ index · stride over the last axis, and the start of each shared part.
    let extents = graphVector(&o, indexed.map(Double.init))
    var indices = try o.input(1)
    let negative = try o.binary(.less, indices, o.graph.constant(0))
    indices = try o.add(indices, try o.binary(.mask, negative, extents))
    let areWithin = try o.isWithin(indices, extents)
    let isWithin = try o.binary(
      .equal, o.graph.sum(areWithin, axes: [-1]), o.graph.constant(Double(depth)))
    let scaled = try o.multiply(indices, graphVector(&o, strides.map(Double.init)))
    var flat = o.graph.sum(scaled, axes: [-1])
    let chosen = own.dropLast()
    let perPart = chosen.suffix(chosen.rank - shared).count
    let partSize = Shape(indexed).count
    flat = o.graph.add(
      flat, try o.literal(chosen) { perPart == 0 ? 0 : Double($0 / perPart * partSize) })
    flat = try o.places(flat, where: isWithin, in: shape)
    let rows = shape.dropLast(rest.rank).count
    let table = try o.reshape(try o.input(0), to: [rows, rest.count])
    let gathered = o.graph.gather(table, flat)
    return [try o.result(try o.reshape(gathered, to: chosen.extents + rest.extents))]
  }

  private static func graphVector(_ o: inout ONNXOperation, _ elements: [Double]) -> NodeID {
    o.graph.literal(elements, [elements.count])
  }

  private static func oneHot(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    let depth = try o.integer(1)
    let shape = try o.shape(0)
    let axis = try o.axis(try o.int("axis") ?? -1, rank: shape.rank + 1)
    guard try o.shape(2) == [2] else {
      throw o.fault("values of shape \(try o.shape(2))", expected: "[2]")
    }
    guard depth >= 0 else { throw o.fault("a depth of \(depth)") }
    var places = shape.extents
    places.insert(1, at: axis)
    let after = shape.rank - axis
    let indices = try o.wrapped(try o.input(0), extent: depth)
    let classes = try o.literal(
      try o.shape(of: [depth] + [Int](repeating: 1, count: after))
    ) { Double($0) }
    let hot = try o.binary(.equal, try o.reshape(indices, to: places), classes)
    let values = try o.input(2)
    let off = try o.reshape(try o.slice(values, axis: 0, start: 0, count: 1, step: 1), to: [])
    let on = try o.reshape(try o.slice(values, axis: 0, start: 1, count: 1, step: 1), to: [])
    return [try o.result(try o.select(hot, on, off), like: 2)]
  }

  /// Sums of two neighbours, then of four, of eight, until each reaches the end.
  private static func cumulativeSum(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    let (excludes, reverses) = (try o.flag("exclusive"), try o.flag("reverse"))
    let shape = try o.shape(0)
    let axis = try o.axis(try o.integer(1), rank: shape.rank)
    let count = shape[axis]
    func shifted(_ x: NodeID, by distance: Int) throws(FormatError) -> NodeID {
      let kept = try o.slice(
        x, axis: axis, start: reverses ? distance : 0, count: count - distance, step: 1)
      return try o.place(kept, axis: axis, start: reverses ? 0 : distance, extent: count)
    }
    var sums = try o.input(0)
    if excludes && count > 0 { sums = try shifted(sums, by: 1) }
    var distance = 1
    while distance < count {
      sums = o.graph.add(sums, try shifted(sums, by: distance))
      distance *= 2
    }
    return [try o.result(sums)]
  }
}

extension ONNXOperation {
  /// Indices counted from the front, where negative ones count from the end.
  mutating func wrapped(_ indices: NodeID, extent: Int) throws(FormatError) -> NodeID {
    let negative = try binary(.less, indices, graph.constant(0))
    let shift = graph.affine(negative, scale: Double(extent), offset: 0)
    return graph.add(indices, shift)
  }

  /// Whether indices counted from the front stand within an extent.
  fileprivate mutating func isWithin(
    _ indices: NodeID, _ extent: NodeID
  ) throws(FormatError) -> NodeID {
    try multiply(
      try binary(.lessOrEqual, graph.constant(0), indices), try binary(.less, indices, extent))
  }

  /// Places in an array read as one row, -1 (of which `Gather` makes NaN) where an index is beyond
  /// its axis, which would be the place of another element.
  fileprivate mutating func places(
    _ flat: NodeID, where isWithin: NodeID, in shape: Shape
  ) throws(FormatError) -> NodeID {
    // Beyond this single precision does not count one by one.
    guard shape.count <= Self.mostKnownElements else {
      throw fault(
        "elements of \(shape) by places", expected: "at most \(Self.mostKnownElements) elements")
    }
    return try select(isWithin, flat, graph.constant(-1))
  }

  /// Entries along an axis by known indices: a slice where they follow one another.
  mutating func gather(
    _ x: NodeID, axis: Int, _ indices: ONNXConstant
  ) throws(FormatError) -> NodeID {
    let shape = graph.shape(x)
    try charge(indices.elements.count)
    var places: [Int] = []
    for index in indices.integers {
      guard index >= -shape[axis], index < shape[axis] else {
        throw fault("index \(index) into axis \(axis) of \(shape)")
      }
      places.append(index < 0 ? index + shape[axis] : index)
    }
    let taken = try take(x, axis: axis, places)
    let before = shape.extents[..<axis], behind = shape.extents[(axis + 1)...]
    return try reshape(taken, to: before + indices.shape.extents + behind)
  }

  /// Entries along an axis by indices that the graph computes.
  mutating func gather(
    _ x: NodeID, axis: Int, _ indices: NodeID
  ) throws(FormatError) -> NodeID {
    let shape = graph.shape(x)
    _ = try self.axis(axis, rank: shape.rank)
    let before = Array(shape.extents[..<axis]), behind = Array(shape.extents[(axis + 1)...])
    _ = try self.shape(of: before + graph.shape(indices).extents + behind)
    let table = try reshape(x, to: before + [shape[axis], Shape(behind).count])
    let rows = try adding(Gather(), table, indices)
    return try reshape(rows, to: before + graph.shape(indices).extents + behind)
  }

  /// The row of a table of embeddings that training leaves alone (`padding_idx`), as the exporter
  /// says; nil for none.
  fileprivate func paddingRow() throws(FormatError) -> Int? {
    guard node.trace.target == "aten.embedding.default" else { return nil }
    let arguments = node.trace.arguments.dropFirst(2)
    if arguments.dropFirst().first == "True" {
      throw fault(
        "a table of embeddings whose gradient is divided by how often a batch has each row "
          + "(scale_grad_by_freq), so that an item has none of its own",
        remedy: "train without it")
    }
    return arguments.first.flatMap { Int($0) }.flatMap { $0 >= 0 ? $0 : nil }
  }

  /// Entries along an axis by indices within its extent.
  mutating func take(_ x: NodeID, axis: Int, _ indices: [Int]) throws(FormatError) -> NodeID {
    guard let first = indices.first else {
      return try slice(x, axis: axis, start: 0, count: 0, step: 1)
    }
    let step = indices.count > 1 ? indices[1] - first : 1
    if step > 0, indices.indices.allSatisfy({ indices[$0] == first + $0 * step }) {
      return try slice(x, axis: axis, start: first, count: indices.count, step: step)
    }
    return try gather(x, axis: axis, graph.literal(indices.map(Double.init), [indices.count]))
  }

  /// The pieces of an axis, the last one smaller where it does not divide.
  func pieces(of extent: Int, _ number: Int) throws(FormatError) -> [Int] {
    guard number > 0, number <= max(extent, 1) else {
      throw fault("\(extent) entries split into \(number) pieces")
    }
    let size = (extent + number - 1) / number
    let rest = extent - size * (number - 1)
    guard rest >= 0 else { throw fault("\(extent) entries split into \(number) pieces") }
    return [Int](repeating: size, count: number - 1) + [rest]
  }

  /// Pieces along an axis.
  mutating func split(
    _ x: NodeID, axis: Int, sizes: [Int]
  ) throws(FormatError) -> [NodeID] {
    let shape = graph.shape(x)
    var parts: [NodeID] = []
    var start = 0
    for size in sizes {
      guard size >= 0, size <= shape[axis] - start else {
        throw fault("pieces of \(sizes) along axis \(axis) of \(shape)")
      }
      parts.append(try slice(x, axis: axis, start: start, count: size, step: 1))
      start += size
    }
    guard start == shape[axis] else {
      throw fault("pieces of \(sizes) along axis \(axis) of \(shape)")
    }
    return parts
  }

  /// How many elements apart neighbours along each axis stand; 1 at least.
  func strides(_ shape: Shape) -> [Int] {
    var strides = [Int](repeating: 1, count: shape.rank)
    for axis in shape.extents.indices.dropLast().reversed() {
      strides[axis] = max(strides[axis + 1] * shape[axis + 1], 1)
    }
    return strides
  }
}
