/// The bytes of an ONNX file written by hand: y = x w of two inputs and three outputs.
struct TinyNetwork {
  /// The name and the length of the file with the weight, where it stands in one of its own.
  var external: String?
  /// Whether a batch normalization as in training stands behind the product.
  var isTraining = false

  /// The elements of w, `[2, 3]`.
  static let weight: [Float] = [0.5, -1, 0.25, 1, 0.75, -0.5]

  /// w as it stands in a file.
  static var weightBytes: [UInt8] { bytes(weight) }

  private static func bytes(_ values: [Float]) -> [UInt8] {
    values.flatMap { value in
      (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
    }
  }

  private static func varint(_ value: Int) -> [UInt8] {
    value < 128 ? [UInt8(value)] : [UInt8(value & 127) | 128] + varint(value >> 7)
  }

  private static func number(_ field: Int, _ value: Int) -> [UInt8] {
    varint(field << 3) + varint(value)
  }

  private static func message(_ field: Int, _ content: [UInt8]) -> [UInt8] {
    varint(field << 3 | 2) + varint(content.count) + content
  }

  private static func text(_ field: Int, _ text: String) -> [UInt8] {
    message(field, Array(text.utf8))
  }

  private static func tensor(_ name: String, _ extents: [Int], _ values: [Float]) -> [UInt8] {
    extents.flatMap { number(1, $0) } + number(2, 1) + text(8, name) + message(9, bytes(values))
  }

  /// A value of floats whose first axis is the batch.
  private static func value(_ name: String, _ extent: Int) -> [UInt8] {
    let shape = message(1, text(2, "batch")) + message(1, number(1, extent))
    return text(1, name) + message(2, message(1, number(1, 1) + message(2, shape)))
  }

  private static func node(
    _ type: String, _ inputs: [String], _ output: String, _ attribute: [UInt8] = []
  ) -> [UInt8] {
    inputs.flatMap { text(1, $0) } + text(2, output) + text(4, type) + attribute
  }

  /// The file.
  var bytes: [UInt8] {
    var weight = Self.tensor("w", [2, 3], Self.weight)
    if let external {
      let entry = Self.text(1, "location") + Self.text(2, external)
      weight =
        Self.number(1, 2) + Self.number(1, 3) + Self.number(2, 1) + Self.text(8, "w")
        + Self.message(13, entry) + Self.number(14, 1)
    }
    var nodes = [Self.node("MatMul", ["x", "w"], isTraining ? "z" : "y")]
    var weights = [weight]
    if isTraining {
      let names = ["scale", "bias", "mean", "variance"]
      weights += names.map { Self.tensor($0, [3], [1, 1, 1]) }
      let flag = Self.text(1, "training_mode") + Self.number(3, 1) + Self.number(20, 2)
      nodes.append(Self.node("BatchNormalization", ["z"] + names, "y", Self.message(5, flag)))
    }
    let graph =
      nodes.flatMap { Self.message(1, $0) } + weights.flatMap { Self.message(5, $0) }
      + Self.message(11, Self.value("x", 2)) + Self.message(12, Self.value("y", 3))
    return Self.number(1, 9) + Self.message(7, graph) + Self.message(8, Self.number(2, 17))
  }
}
