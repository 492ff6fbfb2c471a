import TensorCore

extension Safetensors {
  /// Writes a file, whole or not at all.
  ///
  /// Equal arrays and metadata give equal bytes, whatever the order of the arrays: wide types come
  /// first, then the names decide.
  public func write(to path: String) throws(FormatError) {
    let ordered = arrays.sorted { a, b in
      let (left, right) = (Safetensors.rank(of: a), Safetensors.rank(of: b))
      return left == right ? a.name.utf8.lexicographicallyPrecedes(b.name.utf8) : left < right
    }
    var entries: [String] = []
    if !metadata.isEmpty {
      let members = metadata.map { "\(JSONValue.quoted($0.name)):\(JSONValue.quoted($0.text))" }
      entries.append(
        "\(JSONValue.quoted(Safetensors.metadataName)):{\(members.joined(separator: ","))}")
    }
    var offset = 0
    for entry in ordered {
      let end = offset + entry.array.byteCount
      let shape = entry.array.shape.extents.map(String.init).joined(separator: ",")
      let type = Safetensors.types[Safetensors.rank(of: entry)].name
      entries.append(
        "\(JSONValue.quoted(entry.name)):{\"dtype\":\"\(type)\",\"shape\":[\(shape)],"
          + "\"data_offsets\":[\(offset),\(end)]}")
      offset = end
    }
    var header = Array("{\(entries.joined(separator: ","))}".utf8)
    header += [UInt8](repeating: 0x20, count: (8 - header.count % 8) % 8)
    let length = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) }

    let file = try AtomicFile(path: path)
    try file.append(length + header)
    for entry in ordered {
      try entry.array.forEachChunk { chunk throws(FormatError) in try file.append(chunk) }
    }
    try file.commit()
  }

  private static func rank(of entry: NamedArray) -> Int {
    types.firstIndex { $0.type == entry.array.elementType } ?? types.count
  }
}
