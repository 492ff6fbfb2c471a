/// What a file or a folder says of N items: arrays and texts by name.
public struct ItemTable: Sendable {
  /// A text for each item, under a name.
  public struct Texts: Sendable, Equatable {
    /// Their name, such as `id`.
    public let name: String
    /// One for each item.
    public let values: [String]
  }

  /// An array that is there and cannot be read, which matters to who asks for it.
  public struct Unreadable: Sendable, Equatable {
    /// Its name.
    public let name: String
    /// Why not.
    public let error: FormatError

    init(_ name: String, _ error: FormatError) {
      self.name = name
      self.error = error
    }
  }

  /// What errors call it: the path of the file or the folder.
  public let name: String
  /// The arrays; the first axis of those of JSON lines and of picture folders has an element for
  /// each item.
  public let arrays: [NamedArray]
  /// The texts, N of each; none in formats that hold arrays alone.
  public let texts: [Texts]
  /// The arrays, or members of JSON lines, that cannot be read.
  public let unreadable: [Unreadable]
  /// What a person should know before trusting the numbers of the items, a line each.
  public let notes: [String]
  /// How a table of numbers counts its columns; nil where it does not, and in other formats.
  package let columnCount: CSV.ColumnCount?

  /// The array of this name, nil where there is none that can be read.
  public subscript(name: String) -> StoredArray? { arrays.first { $0.name == name }?.array }

  /// The array of this name, nil where there is none.
  ///
  /// - Throws: The reason why it cannot be read.
  public func array(_ name: String) throws(FormatError) -> StoredArray? {
    if let array = self[name] { return array }
    if let fault = unreadable.first(where: { $0.name == name }) { throw fault.error }
    return nil
  }

  /// The array of a file that holds one; nil where it holds none or several.
  ///
  /// - Throws: The reason why it cannot be read.
  package func only() throws(FormatError) -> StoredArray? {
    arrayNames.count == 1 ? try array(arrayNames[0]) : nil
  }

  /// The names of all arrays, those that cannot be read last.
  public var arrayNames: [String] { arrays.map(\.name) + unreadable.map(\.name) }

  /// The texts of this name, nil where there are none.
  public func texts(_ name: String) -> [String]? { texts.first { $0.name == name }?.values }

  /// Reads a file of any known format.
  public init(_ source: ByteSource) throws(FormatError) {
    self = try FormatRegistry.format(of: source).read(source)
  }

  init(
    _ name: String, _ arrays: [NamedArray], texts: [Texts] = [], unreadable: [Unreadable] = [],
    notes: [String] = [], columnCount: CSV.ColumnCount? = nil
  ) {
    self.name = name
    self.arrays = arrays
    self.texts = texts
    self.unreadable = unreadable
    self.notes = notes
    self.columnCount = columnCount
  }

  /// The table of a file of one array without a name.
  init(_ source: ByteSource, _ array: StoredArray) {
    self.init(source.name, [NamedArray("", array)])
  }
}
