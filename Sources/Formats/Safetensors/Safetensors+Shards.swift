extension Safetensors {
  /// The end of the name of a file that says which arrays are in which `.safetensors` file.
  static let indexExtension = "safetensors.index.json"

  /// Whether a name is that of an index of several files.
  static func isIndex(_ name: String) -> Bool { name.lowercased().hasSuffix(indexExtension) }

  /// Reads the headers of all files that an index names.
  ///
  /// - Parameter index: A JSON object whose `weight_map` has the file of each array, relative to
  ///   the folder of the index and inside it.
  /// - Throws: `FormatError` for a fault in the index or in a file of it, and where a file has other
  ///   arrays than the index says.
  /// - Complexity: O(headers); the arrays are read when they are asked for.
  init(index: ByteSource) throws(FormatError) {
    guard let map = try JSONValue(file: index)["weight_map"]?.members else {
      throw index.malformed(
        found: "no object \"weight_map\"", expected: "one with the file of each array",
        remedy: "save the model again with its index")
    }
    var files: [String] = []
    var names: [String: Set<String>] = [:]
    for member in map {
      guard let file = member.value.string else {
        throw index.malformed(
          found: "\(FormatError.quoted(member.name)) in \(FormatError.quoted("\(member.value)"))",
          expected: "the name of a file")
      }
      if names[file] == nil { files.append(file) }
      names[file, default: []].insert(member.name)
    }
    let folder = index.name.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    var arrays: [NamedArray] = []
    var unreadable: [ItemTable.Unreadable] = []
    for file in files {
      let path = try ContainedPath.resolve(
        file, inside: folder.isEmpty ? "." : folder.joined(separator: "/") + "/",
        namedBy: index.name)
      let part = try Safetensors.part(names[file, default: []], inFile: path, of: index)
      arrays += part.arrays
      unreadable += part.unreadable
    }
    self.init(arrays, unreadable: unreadable)
  }

  /// One file, whose arrays must be those that the index says.
  private static func part(
    _ names: Set<String>, inFile path: String, of index: ByteSource
  ) throws(FormatError) -> Safetensors {
    let file = try Safetensors(ByteSource(path: path))
    let present = Set(file.arrays.map(\.name) + file.unreadable.map(\.name))
    guard let other = present.symmetricDifference(names).min() else { return file }
    throw FormatError(
      .malformed, file: path,
      found: present.contains(other)
        ? "the array \(FormatError.quoted(other))" : "no array \(FormatError.quoted(other))",
      expected: "the arrays that \(FormatError.quoted(index.name)) says",
      remedy: "the files are not of one model: copy them all again")
  }
}
