import TensorCore

extension ONNXReader {
  /// The elements that a tensor has in a file beside the model's.
  ///
  /// The file must stand in the model's own folder or below, and be no link of any kind: a model
  /// that somebody sent could otherwise name a private file as its weights. A checksum that the
  /// model gives is not compared.
  func external(
    _ tensor: TensorProto, _ shape: Shape, _ type: ElementType, at offset: Int
  ) throws(FormatError) -> StoredArray {
    func refused(_ found: String, _ expected: String) -> FormatError {
      malformed(
        at: offset, "\(found) in the array \(FormatError.quoted(tensor.name))", expected: expected,
        remedy: "export the model again, or put all its files in one folder")
    }
    var entries: [String: String] = [:]
    for entry in tensor.externalData {
      guard ["location", "offset", "length", "checksum"].contains(entry.key),
        entries.updateValue(entry.value, forKey: entry.key) == nil
      else {
        throw refused(
          "the key \(FormatError.quoted(entry.key)) of external data",
          "location, offset, length and checksum, once each")
      }
    }
    func number(_ key: String) throws(FormatError) -> Int? {
      guard let text = entries[key] else { return nil }
      guard text.utf8.allSatisfy({ 0x30...0x39 ~= $0 }), let value = Int(text) else {
        throw refused(
          "the \(key) \(FormatError.quoted(text))", "a whole number of bytes below 2^63")
      }
      return value
    }
    guard let location = entries["location"] else {
      throw refused("external data without a location", "the name of a file")
    }
    let (start, length) = (try number("offset") ?? 0, try number("length"))
    let size = shape.count * type.byteCount
    guard length == nil || length == size else {
      throw refused(
        "\(length ?? 0) bytes of external data", "\(size) for the shape \(shape)")
    }
    let content = try externalFile(location)
    guard start <= content.count, size <= content.count - start else {
      throw refused(
        "external data of \(size) bytes from \(start) on",
        "at most the \(content.count) bytes of \(FormatError.quoted(location))")
    }
    return try StoredArray(shape, type, in: content, at: start)
  }

  private func externalFile(_ location: String) throws(FormatError) -> ByteSource {
    if let known = externalFiles[location] { return known }
    let end = source.name.utf8.lastIndex(of: UInt8(ascii: "/"))
    let folder = end.map { $0 == source.name.startIndex ? "/" : String(source.name[..<$0]) } ?? "."
    let opened = try ByteSource(location, inside: folder, namedBy: source.name)
    externalFiles[location] = opened
    return opened
  }
}
