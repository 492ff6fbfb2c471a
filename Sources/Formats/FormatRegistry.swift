/// All kinds of files that hold arrays; a new one is a file of its own and a line here.
public enum FormatRegistry {
  /// The formats, in the order in which a file's content is compared with them.
  public static let all: [FileFormat] = [
    NPY.format, Safetensors.format, IDX.format, CSV.format, JSONLines.format, PNGPicture.format,
    JPEGPicture.format, Pickle.format, NPZ.format, ONNXGraph.format,
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
      remedy: "give the file the right ending or convert it")
  }
}

extension NamedArray {
  /// All arrays of a file of any known format.
  public static func readAll(path: String) throws(FormatError) -> [NamedArray] {
    let source = try ByteSource(path: path)
    return try FormatRegistry.format(of: source).read(source)
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
    let arrays = try FormatRegistry.format(of: source).read(source)
    guard let first = arrays.first, arrays.count == 1 else {
      throw source.malformed(
        found: "\(arrays.count) arrays", expected: "one",
        remedy: "save the array on its own, for instance with numpy.save")
    }
    return first.array
  }
}
