import Formats

/// A protobuf message that a test writes by hand; the numbers are those of ONNX.
struct Proto {
  var bytes: [UInt8] = []

  func int(_ field: Int, _ value: Int64) -> Proto {
    Proto(bytes: bytes + Proto.varint(UInt64(field) << 3) + Proto.varint(UInt64(bitPattern: value)))
  }

  func bytes(_ field: Int, _ content: [UInt8]) -> Proto {
    let length = Proto.varint(UInt64(content.count))
    return Proto(bytes: bytes + Proto.varint(UInt64(field) << 3 | 2) + length + content)
  }

  func text(_ field: Int, _ text: String) -> Proto { bytes(field, Array(text.utf8)) }
  func message(_ field: Int, _ message: Proto) -> Proto { bytes(field, message.bytes) }
  func messages(_ field: Int, _ messages: [Proto]) -> Proto {
    messages.reduce(self) { $0.message(field, $1) }
  }

  static func varint(_ value: UInt64) -> [UInt8] {
    var (rest, bytes) = (value, [UInt8]())
    while rest > 0x7f {
      bytes.append(UInt8(rest & 0x7f) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  /// The source of a model in memory.
  var source: ByteSource { ByteSource(bytes, name: "model.onnx") }
}

extension Proto {
  static func model(_ graph: Proto, opset: Int64 = 20) -> Proto {
    Proto().int(1, 9).message(7, graph).message(8, Proto().int(2, opset))
  }

  static func model(
    nodes: [Proto] = [], weights: [Proto] = [], inputs: [String] = [], outputs: [String] = []
  ) -> Proto {
    model(graph(nodes: nodes, weights: weights, inputs: inputs, outputs: outputs))
  }

  static func graph(
    nodes: [Proto] = [], weights: [Proto] = [], inputs: [String] = [], outputs: [String] = []
  ) -> Proto {
    Proto().messages(1, nodes).messages(5, weights)
      .messages(11, inputs.map { Proto().text(1, $0) })
      .messages(12, outputs.map { Proto().text(1, $0) })
  }

  static func node(
    _ type: String, _ inputs: [String], _ outputs: [String], attributes: [Proto] = []
  ) -> Proto {
    let inputs = inputs.reduce(Proto()) { $0.text(1, $1) }
    return outputs.reduce(inputs) { $0.text(2, $1) }.text(4, type).messages(5, attributes)
  }

  /// An attribute of a kind, without its value.
  static func attribute(_ name: String, kind: Int64) -> Proto {
    Proto().text(1, name).int(20, kind)
  }

  /// An array of floats with raw elements.
  static func tensor(
    _ name: String, _ extents: [Int64], kind: Int64 = 1, raw: [UInt8]? = nil
  ) -> Proto {
    let start = extents.reduce(Proto()) { $0.int(1, $1) }.int(2, kind).text(8, name)
    return raw.map { start.bytes(9, $0) } ?? start
  }

  /// An array of floats in another file.
  static func external(
    _ name: String, _ extents: [Int64], _ entries: [(key: String, value: String)]
  ) -> Proto {
    tensor(name, extents).messages(13, entries.map { Proto().text(1, $0.key).text(2, $0.value) })
      .int(14, 1)
  }
}
