public import TensorCore

/// Tables of numbers as text, with a line of column names first.
public enum CSV {
  /// A table.
  public struct Table: Sendable {
    /// The names of the columns.
    public let columns: [String]
    /// `[rows, columns]`.
    public let values: Tensor<Double>
    /// How it counts its columns; nil where it does not.
    package let columnCount: ColumnCount?
    /// The line of the first row, counted from 1.
    let firstLine: Int
  }

  /// A line 0, 1, …, C − 1, as pandas writes above columns that have no names.
  package enum ColumnCount: Sendable {
    /// In the place of the names.
    case names
    /// As the first row, below names.
    case firstRow
  }

  /// The longest line in bytes.
  static let longestLine = 1 << 24
  /// The most columns.
  static let mostColumns = 1_000_000

  /// Reads a table.
  ///
  /// Fields may stand in double quotation marks; lines may end as on any system; a byte order mark
  /// is skipped. There are no missing values; `nan` and `inf` are numbers. A first line of numbers is
  /// refused, save for 0, 1, …, C − 1, which counts the columns.
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
    var scanner = CSVScanner(Array(try source.text()), source, delimiter)
    let names = try scanner.header()
    let firstLine = scanner.line
    var values: [Double] = []
    while !scanner.isAtEnd { try scanner.row(of: names.count, into: &values) }
    let table = Tensor([values.count / names.count, names.count], values)
    try requireNoIndex(names, table, source)
    let isCount = zip(values, names.indices).allSatisfy { $0 == Double($1) }
    return Table(
      columns: names, values: table,
      columnCount: countsColumns(names)
        ? .names : isCount && values.count >= names.count ? .firstRow : nil,
      firstLine: firstLine)
  }

  /// Whether names are 0, 1, …, C − 1.
  static func countsColumns(_ names: [String]) -> Bool {
    names.enumerated().allSatisfy { $0.element == String($0.offset) }
  }

  /// The error for a table whose first line counts its columns, or is data.
  package static func ambiguous(_ array: StoredArray, in file: String) -> FormatError {
    let last = array.shape[1] - 1
    return FormatError(
      .malformed, file: file, at: .line(1, column: 1),
      found: last == 0 ? "the number “0”" : "the numbers “0” to “\(last)”",
      expected: "column names",
      remedy: "put a line of names in its place if it counts the columns, as pandas writes it, or "
        + "before it if it is data")
  }

  /// Refuses a first column that numbers the rows, which pandas writes without a name.
  static func requireNoIndex(
    _ names: [String], _ table: Tensor<Double>, _ source: ByteSource
  ) throws(FormatError) {
    let width = names.count
    guard width > 1, names[0].isEmpty, table.shape[0] > 0,
      (0..<table.shape[0]).allSatisfy({ table.scalars[$0 * width] == Double($0) })
    else { return }
    throw source.malformed(
      at: .line(1, column: 1), found: "a column without a name that numbers the rows from 0",
      expected: "columns of numbers that mean something",
      remedy: "leave it out: in pandas, to_csv(…, index=False)")
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
      let table = try read(source)
      let array = StoredArray(table.values).inFile(
        source.name, .table(firstLine: table.firstLine, columns: table.columns.count))
      return ItemTable(
        source.name, [NamedArray("", array)], columnCount: table.columnCount)
    })
}
