/// All kinds of files that hold arrays; a new one is a file of its own and a line here.
public enum FormatRegistry {
  /// The formats, in the order in which a file's content is compared with them.
  public static let all: [FileFormat] = [
    NPY.format, Safetensors.format, IDX.format, CSV.format, JSONLines.format, PNGPicture.format,
    JPEGPicture.format, Pickle.format, NPZ.format, Compressed.format, ONNXGraph.format,
  ]

  /// The format of a source: by its content, else by its name.
  ///
  /// - Throws: `FormatError` where neither tells.
  public static func format(of source: ByteSource) throws(FormatError) -> FileFormat {
    for format in all where try format.recognises(source) { return format }
    let name = source.name.lowercased()
    if let format = all.first(where: { $0.extensions.contains { name.hasSuffix("." + $0) } }) {
      return format
    }
    throw source.malformed(
      found: source.count == 0 ? "an empty file" : "content that no reader knows",
      expected: "one of " + all.flatMap(\.extensions).map { "." + $0 }.joined(separator: " "),
      remedy: name.hasSuffix(".json")
        ? "write an object in each line and name the file .jsonl"
        : "give the file the right ending or convert it")
  }
}

extension NamedArray {
  /// All arrays of a file of any known format that can be read.
  public static func readAll(path: String) throws(FormatError) -> [NamedArray] {
    try ItemTable(ByteSource(path: path)).arrays
  }
}

extension StoredArray {
  /// The array of a file of any known format that holds one.
  ///
  /// - Throws: `FormatError` where the file is at fault or holds several arrays.
  public static func read(path: String) throws(FormatError) -> StoredArray {
    try read(ByteSource(path: path))
  }

  /// The array of a source of any known format that holds one.
  public static func read(_ source: ByteSource) throws(FormatError) -> StoredArray {
    let table = try ItemTable(source)
    guard let array = try table.only() else {
      throw source.malformed(
        found: "\(table.arrayNames.count) arrays", expected: "one",
        remedy: "save the array on its own, for instance with numpy.save")
    }
    if table.columnCount == .names { throw CSV.ambiguous(array, in: source.name) }
    return array
  }
}
