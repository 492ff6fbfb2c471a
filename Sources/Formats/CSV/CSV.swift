public import TensorCore

/// Tables of numbers as text, with a line of column names first.
public enum CSV {
  /// A table.
  public struct Table: Sendable {
    /// The names of the columns.
    public let columns: [String]
    /// `[rows, columns]`.
    public let values: Tensor<Double>
  }

  /// The longest line in bytes.
  static let longestLine = 1 << 24
  /// The most columns.
  static let mostColumns = 1_000_000

  /// Reads a table.
  ///
  /// Fields may stand in double quotation marks; lines may end as on any system; a byte order mark
  /// is skipped. Missing values are written `nan`.
  ///
  /// - Parameters:
  ///   - source: UTF-8 text.
  ///   - delimiter: The ASCII character between two fields.
  /// - Throws: `FormatError`, naming line and column.
  public static func read(
    _ source: ByteSource, delimiter: Character
  ) throws(FormatError) -> Table {
    guard let delimiter = delimiter.asciiValue, !"\"\r\n".utf8.contains(delimiter) else {
      preconditionFailure("\(delimiter) cannot stand between fields")
    }
    var scanner = CSVScanner(try source.bytes(source.count), source, delimiter)
    let names = try scanner.header()
    var values: [Double] = []
    while !scanner.isAtEnd { try scanner.row(of: names.count, into: &values) }
    return Table(
      columns: names, values: Tensor([values.count / names.count, names.count], values))
  }

  /// Reads a table, the delimiter guessed: a tabulator in a file named `.tsv`, else a comma.
  public static func read(_ source: ByteSource) throws(FormatError) -> Table {
    try read(source, delimiter: source.name.lowercased().hasSuffix(".tsv") ? "\t" : ",")
  }
}

extension CSV {
  /// The entry of the registry.
  static let format = FileFormat(
    name: "csv", extensions: ["csv", "tsv"],
    summary: "a table of numbers with a line of column names, comma or tabulator between",
    recognises: { _ throws(FormatError) in false },
    read: { source throws(FormatError) in
      let values = try read(source).values
      return [NamedArray("", StoredArray(values))]
    })
}
