import Autodiff
import TensorCore

/// Arrays that stand in the file or follow from shapes.
extension ONNXOperator {
  static let constants: [ONNXOperator] = [
    ONNXOperator("Constant", constant),
    ONNXOperator("ConstantOfShape") { o throws(FormatError) in
      let shape = try o.shape(of: try o.integers(0))
      guard let value = try o.tensor("value") else {
        return [.computed(o.graph.constant(0, shape), .float32)]
      }
      guard value.count == 1 else {
        throw o.fault("a value of \(value.count) elements", expected: "one")
      }
      let element = try value.tensor(as: Double.self).scalars[0]
      return [.computed(o.graph.constant(element, shape), value.elementType)]
    },
    ONNXOperator("Shape") { o throws(FormatError) in
      let extents = try o.shape(0).extents
      let start = bound(try o.int("start") ?? 0, extents.count)
      let end = bound(try o.int("end") ?? extents.count, extents.count)
      return [.constant(ONNXConstant(integers: Array(extents[start..<max(start, end)])))]
    },
    ONNXOperator("Size") { o throws(FormatError) in
      [.constant(ONNXConstant([], .int64, [Double(try o.shape(0).count)]))]
    },
    ONNXOperator("Range", range),
    ONNXOperator("EyeLike") { o throws(FormatError) in
      let shape = try o.shape(0)
      guard shape.rank == 2 else {
        throw o.fault("an operand of shape \(shape)", expected: "[M, N]")
      }
      let offset = try o.int("k") ?? 0
      let code = try o.int("dtype")
      let type = if let code { try o.elementType(code) } else { try o.type(0) }
      let eye = try o.literal(shape) { $0 % shape[1] - $0 / shape[1] == offset ? 1 : 0 }
      return [.computed(eye, type)]
    },
  ]

  private static func bound(_ place: Int, _ count: Int) -> Int {
    min(max(place < 0 ? place + count : place, 0), count)
  }

  private static func constant(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    let constant: ONNXConstant
    if let array = try o.tensor("value") {
      constant = try ONNXConstant(array, name: o.node.outputs.first ?? "", file: o.file)
    } else if let value = try o.float("value_float") {
      constant = ONNXConstant([], .float32, [value])
    } else if let values = try o.floats("value_floats") {
      constant = ONNXConstant([values.count], .float32, values)
    } else if let value = try o.int("value_int") {
      constant = ONNXConstant([], .int64, [Double(value)])
    } else if let values = try o.ints("value_ints") {
      constant = ONNXConstant(integers: values)
    } else {
      throw o.fault("a constant that is not an array of numbers, which is not supported")
    }
    try o.charge(constant.elements.count)
    return [.constant(constant)]
  }

  private static func range(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    let (start, limit, step) = (try o.number(0), try o.number(1), try o.number(2))
    let count = ((limit - start) / step).rounded(.up)
    guard step != 0, count.isFinite else {
      throw o.fault("a range from \(start) to \(limit) in steps of \(step)")
    }
    let shape = try o.shape(of: [Int(saturating: max(count, 0))])
    guard shape.count <= ONNXOperation.mostKnownElements else { throw o.tooLarge(shape.extents) }
    try o.charge(shape.count)
    let elements = (0..<shape.count).map { start + Double($0) * step }
    return [.constant(ONNXConstant(shape, try o.type(0), elements))]
  }
}
