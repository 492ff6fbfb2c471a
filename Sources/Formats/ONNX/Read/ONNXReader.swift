/// What reading one ONNX file keeps between its parts.
final class ONNXReader {
  /// The versions of ONNX's operators that are understood.
  static let opsets = 6...28
  /// The longest file; protobuf allows no more.
  static let largestFile = 1 << 31
  /// How many graphs may stand in one another.
  static let deepest = 16
  /// The most bytes that may describe an input or output.
  static let longestType = 1 << 20

  let file: ProtobufFile
  /// The files with further elements that were opened, by the name that the model gives them.
  var externalFiles: [String: ByteSource] = [:]
  /// The values that an operator may read at this place of the file, with those of the graphs
  /// around its own.
  var scope: [String: ONNXValueKind] = [:]

  var source: ByteSource { file.source }

  init(_ source: ByteSource) throws(FormatError) {
    guard source.count <= ONNXReader.largestFile else {
      throw source.malformed(
        found: "\(source.count) bytes", expected: "at most \(ONNXReader.largestFile)",
        remedy: "export the model with its weights in a file beside it (external data)")
    }
    file = ProtobufFile(source)
  }

  /// The error for a part of the file that begins at a byte.
  func malformed(
    at offset: Int, _ found: String, expected: String, remedy: String = ""
  ) -> FormatError {
    source.malformed(at: .byte(offset), found: found, expected: expected, remedy: remedy)
  }
}

/// What is known of a value that a name stands for.
enum ONNXValueKind {
  /// Operators can read it.
  case readable
  /// An array of elements that this program does not know, of which the name is kept.
  case unreadable(elements: String)
}
