/// What a file or a folder says of N items: arrays and texts by name.
public struct ItemTable: Sendable {
  /// A text for each item, under a name.
  public struct Texts: Sendable, Equatable {
    /// Their name, such as `id`.
    public let name: String
    /// One for each item.
    public let values: [String]
  }

  /// What errors call it: the path of the file or the folder.
  public let name: String
  /// The arrays; the first axis of those of JSON lines and of picture folders has an element for
  /// each item.
  public let arrays: [NamedArray]
  /// The texts, N of each; none in formats that hold arrays alone.
  public let texts: [Texts]

  /// The array of this name, nil where there is none.
  public subscript(name: String) -> StoredArray? { arrays.first { $0.name == name }?.array }

  /// The texts of this name, nil where there are none.
  public func texts(_ name: String) -> [String]? { texts.first { $0.name == name }?.values }

  /// Reads a file of any known format.
  public init(_ source: ByteSource) throws(FormatError) {
    let format = try FormatRegistry.format(of: source)
    if format.name == JSONLines.format.name {
      self = try JSONLines.read(source)
    } else {
      self.init(source.name, try format.read(source))
    }
  }

  init(_ name: String, _ arrays: [NamedArray], texts: [Texts] = []) {
    self.name = name
    self.arrays = arrays
    self.texts = texts
  }
}
