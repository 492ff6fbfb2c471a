import SwiftProtobuf

extension ProtobufFile {
  /// The message in a range of the file.
  ///
  /// - Parameter apart: The numbers of the fields that are not decoded with the message but handed
  ///   out, in the order of the file: those that can be large or nested.
  func message<Body: SwiftProtobuf.Message>(
    _ type: Body.Type, in range: Range<Int>, apart: Set<Int> = []
  ) throws(FormatError) -> (body: Body, parts: [Field]) {
    var own: [Range<Int>] = []
    var parts: [Field] = []
    try forEachField(in: range) { field throws(FormatError) in
      if apart.contains(field.number) {
        guard field.wireType == .bytes else {
          throw source.malformed(
            at: .byte(field.range.lowerBound), found: "a number in field \(field.number)",
            expected: "a message or bytes", remedy: "export the model again")
        }
        parts.append(field)
      } else if let last = own.last, last.upperBound == field.range.lowerBound {
        own[own.count - 1] = last.lowerBound..<field.range.upperBound
      } else {
        own.append(field.range)
      }
    }
    let bytes = try bytes(own)
    var options = BinaryDecodingOptions()
    options.messageDepthLimit = 8
    options.discardUnknownFields = true
    do {
      return (try Body(serializedBytes: bytes, options: options), parts)
    } catch {
      throw source.malformed(
        at: .byte(range.lowerBound),
        found: "a \(Body.protoMessageName) that does not decode (\(ProtobufFile.reason(error)))",
        expected: "the fields of ONNX", remedy: "export the model again")
    }
  }

  private static func reason(_ error: any Error) -> String {
    switch error as? BinaryDecodingError {
    case .invalidUTF8: "a text is not UTF-8"
    case .messageDepthLimit: "it is nested too deeply"
    case .truncated: "a field is cut short"
    default: "a field has the wrong type"
    }
  }
}
