import Autodiff
import TensorCore

/// Several arrays under one name.
extension ONNXOperator {
  static let sequences: [ONNXOperator] = [
    ONNXOperator("SequenceConstruct") { o throws(FormatError) in
      for index in o.operands.indices { _ = try o.type(index) }
      return [.sequence(o.operands.compactMap(\.self))]
    },
    ONNXOperator("SequenceEmpty") { o throws(FormatError) in
      o.ignore("dtype")
      return [.sequence([])]
    },
    ONNXOperator("SequenceLength") { o throws(FormatError) in
      [.constant(ONNXConstant([], .int64, [Double(try o.sequence(0).count)]))]
    },
    ONNXOperator("SequenceAt") { o throws(FormatError) in
      let parts = try o.sequence(0)
      return [parts[try o.place(in: parts.count, 1)]]
    },
    ONNXOperator("SequenceInsert") { o throws(FormatError) in
      var parts = try o.sequence(0)
      let place = try o.insertion(among: parts.count)
      _ = try o.type(1)
      parts.insert(try o.value(1), at: place)
      return [.sequence(parts)]
    },
    ONNXOperator("SequenceErase") { o throws(FormatError) in
      var parts = try o.sequence(0)
      guard !parts.isEmpty else { throw o.fault("a place in an empty sequence") }
      parts.remove(at: o.has(1) ? try o.place(in: parts.count, 1) : parts.count - 1)
      return [.sequence(parts)]
    },
    ONNXOperator("SplitToSequence", splitToSequence),
    ONNXOperator("ConcatFromSequence") { o throws(FormatError) in
      let stacks = try o.flag("new_axis")
      let given = try o.int("axis")
      var (ids, type): ([NodeID], ElementType) = ([], .float32)
      for part in try o.sequence(0) {
        let (id, own) = try o.array(part)
        ids.append(id)
        type = own
      }
      guard let first = ids.first, let given else {
        throw o.fault("a sequence of \(ids.count) and axis \(given ?? 0)", expected: "both given")
      }
      let axis = try o.axis(given, rank: o.graph.shape(first).rank + (stacks ? 1 : 0))
      if stacks {
        for index in ids.indices {
          var extents = o.graph.shape(ids[index]).extents
          guard extents.count >= axis else { throw o.fault("parts of different axes") }
          extents.insert(1, at: axis)
          ids[index] = try o.reshape(ids[index], to: extents)
        }
      }
      return [.computed(try o.concatenate(ids, axis: axis), type)]
    },
  ]

  private static func splitToSequence(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    let keepsAxis = try o.flag("keepdims", default: true)
    let shape = try o.shape(0)
    let axis = try o.axis(try o.int("axis") ?? 0, rank: shape.rank)
    let extent = shape[axis]
    let given = o.has(1) ? try o.known(1) : ONNXConstant([], .int64, [1])
    let sizes: [Int]
    if given.shape.rank == 0 {
      let size = given.integers[0]
      guard size > 0 else { throw o.fault("pieces of \(size)") }
      let (whole, rest) = extent.quotientAndRemainder(dividingBy: size)
      try requireFew(whole)
      sizes = [Int](repeating: size, count: whole) + (rest == 0 ? [] : [rest])
    } else {
      try requireFew(given.elements.count)
      sizes = given.integers
    }
    func requireFew(_ count: Int) throws(FormatError) {
      guard count <= 1 << 16 else {
        throw o.fault("a sequence of \(count) arrays", expected: "at most \(1 << 16)")
      }
    }
    let type = try o.type(0)
    var parts: [ONNXValue] = []
    for part in try o.split(try o.input(0), axis: axis, sizes: sizes) {
      var extents = o.graph.shape(part).extents
      if !keepsAxis && !o.has(1) { extents.remove(at: axis) }
      parts.append(.computed(try o.reshape(part, to: extents), type))
    }
    return [.sequence(parts)]
  }
}

extension ONNXOperation {
  /// An operand as the values under its name.
  fileprivate func sequence(_ index: Int) throws(FormatError) -> [ONNXValue] {
    guard case .sequence(let values) = try value(index) else {
      throw fault("operand \(index + 1) is an array", expected: "a sequence")
    }
    return values
  }

  /// Where a new part goes among so many: at the end where nothing is said.
  fileprivate func insertion(among count: Int) throws(FormatError) -> Int {
    guard has(2) else { return count }
    return try integer(2) == count ? count : try place(in: count, 2)
  }

  /// An operand that is a known place among so many.
  fileprivate func place(in count: Int, _ index: Int) throws(FormatError) -> Int {
    let place = try integer(index)
    guard place >= -count, place < count else {
      throw fault("place \(place) in a sequence of \(count)")
    }
    return place < 0 ? place + count : place
  }

  /// A value that is no sequence, as a value of the graph.
  fileprivate mutating func array(
    _ value: ONNXValue
  ) throws(FormatError) -> (NodeID, ElementType) {
    switch value {
    case .computed(let id, let type): return (id, type)
    case .constant(let constant): return (literal(constant), constant.elementType)
    case .sequence: throw fault("a sequence in a sequence, which is not supported")
    }
  }
}
