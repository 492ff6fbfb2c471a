import TensorCore

extension ONNXReader {
  /// An array of the file.
  struct Tensor {
    let name: String
    let content: Content

    enum Content {
      case array(StoredArray)
      /// The elements are of a type that this program does not know, of which the name is kept.
      case unreadable(elements: String)
    }
  }

  /// Reads the `TensorProto` in a range of the file; its elements stay on disk if they can.
  func tensor(in range: Range<Int>) throws(FormatError) -> Tensor {
    let segment = 3
    let texts = 6
    let raw = 9
    let (body, parts) = try file.message(TensorProto.self, in: range, apart: [segment, texts, raw])
    guard let type = ONNXElementType(code: body.dataType) else {
      let name = ONNXElementType.name(code: body.dataType)
      return Tensor(name: body.name, content: .unreadable(elements: name))
    }
    func refused(_ found: String, _ expected: String, _ remedy: String = "") -> FormatError {
      let name = FormatError.quoted(body.name)
      return malformed(
        at: range.lowerBound, "\(found) in the array \(name)", expected: expected, remedy: remedy)
    }
    let extents = body.dims.map { Int($0) }
    guard extents.allSatisfy({ $0 >= 0 }), let shape = Shape(declared: extents),
      case let (size, overflow) = shape.count.multipliedReportingOverflow(
        by: type.element.byteCount),
      !overflow
    else {
      throw refused(
        "the shape [\(body.dims.prefix(9).map(String.init).joined(separator: ", "))]",
        "at most \(Shape.largestRank) axes of 0 or more, and less than 2^63 bytes")
    }
    guard shape.count > 0 || shape.isBounded(by: ONNXOperation.mostElements) else {
      throw refused("the shape \(shape) without elements", "smaller extents")
    }
    guard !parts.contains(where: { $0.number == segment }) else {
      throw refused("a segment", "the whole", "save the model with the onnx package")
    }
    guard !parts.contains(where: { $0.number == texts }) else {
      throw refused("texts", "elements of type \(type.element)")
    }
    let rawData = parts.map(\.payload).filter { !$0.isEmpty }
    guard rawData.count <= 1 else { throw refused("raw_data twice", "it once") }
    let typed = body.typedElementCount

    switch body.dataLocation {
    case 0: break
    case 1:
      guard rawData.isEmpty, typed == 0 else {
        throw refused("elements both here and in another file", "them in one place")
      }
      return Tensor(
        name: body.name,
        content: .array(try external(body, shape, type.element, at: range.lowerBound)))
    default:
      throw refused("the data location \(body.dataLocation)", "0 or 1", "export the model again")
    }
    if let elements = rawData.first {
      guard typed == 0 else { throw refused("elements in two fields", "them in one") }
      guard elements.count == size else {
        throw refused(
          "\(elements.count) bytes of elements", "\(size) for the shape \(shape)",
          "export the model again")
      }
      return Tensor(
        name: body.name,
        content: .array(
          try StoredArray(shape, type.element, in: source, at: elements.lowerBound)))
    }
    guard typed == shape.count, type.count(in: body) == typed else {
      throw refused(
        "\(type.count(in: body)) of \(typed) elements in \(type.field)",
        "\(shape.count) for the shape \(shape)", "export the model again")
    }
    guard let elements = type.elements(of: body, name: source.name) else {
      throw refused("an element too large for \(type.element)", "elements of that type")
    }
    return Tensor(
      name: body.name, content: .array(try StoredArray(shape, type.element, in: elements, at: 0)))
  }
}

extension NamedArray {
  /// Reads the one array of a file that is a `TensorProto`, such as the data of ONNX's own tests.
  package static func readTensorProto(path: String) throws(FormatError) -> NamedArray {
    let source = try ByteSource(path: path)
    let tensor = try ONNXReader(source).tensor(in: 0..<source.count)
    switch tensor.content {
    case .array(let array): return NamedArray(tensor.name, array)
    case .unreadable(let elements):
      throw source.malformed(found: "elements of type \(elements)", expected: "numbers")
    }
  }
}
