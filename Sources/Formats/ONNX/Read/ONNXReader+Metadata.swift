extension ONNXReader {
  /// The longest text of metadata that is read.
  private static let longestText = 1 << 22

  /// The texts under some keys among the `StringStringEntryProto` of these fields.
  ///
  /// The others, such as places in the source, are passed over undecoded.
  func metadata(
    _ parts: [ProtobufFile.Field], _ keys: Set<String>
  ) throws(FormatError) -> [String: String] {
    var found: [String: String] = [:]
    for part in parts {
      var (key, value): (Range<Int>?, Range<Int>?)
      try file.forEachField(in: part.payload) { field throws(FormatError) in
        guard field.wireType == .bytes else { return }
        if field.number == 1 { key = field.payload }
        if field.number == 2 { value = field.payload }
      }
      guard let key, let value, key.count <= 256, value.count <= Self.longestText,
        let name = String(validating: try file.bytes([key]), as: UTF8.self), keys.contains(name),
        let text = String(validating: try file.bytes([value]), as: UTF8.self)
      else { continue }
      found[name] = text
    }
    return found
  }

  /// The name of the `ValueInfoProto` of an inner value, and what the exporter says of its origin.
  func described(
    _ part: ProtobufFile.Field
  ) throws(FormatError) -> (name: String, metadata: [String: String]) {
    let (label, metadata) = (1, 4)
    var (name, entries): (String, [ProtobufFile.Field]) = ("", [])
    try file.forEachField(in: part.payload) { field throws(FormatError) in
      guard field.wireType == .bytes else { return }
      if field.number == metadata { entries.append(field) }
      if field.number == label, field.payload.count <= Self.longestText {
        name = String(validating: try file.bytes([field.payload]), as: UTF8.self) ?? ""
      }
    }
    return (
      name, try self.metadata(entries, [ONNXSignature.kindKey, ONNXSignature.originsKey])
    )
  }
}
