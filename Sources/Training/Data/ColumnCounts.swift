import Formats
import TensorCore

/// Tables of inputs and targets without the line 0, 1, …, C − 1 that pandas writes above columns that
/// have no names.
///
/// Such a line is no item, but an item may look like it. It counts the columns where that is certain:
/// three columns or more, and among the numbers below it some that are not whole. The same line of the
/// targets, which for one column is a 0 alone, follows from the number of items.
struct ColumnCounts {
  typealias Table = (file: StoredFile, count: CSV.ColumnCount?)

  private(set) var inputs: StoredFile
  private(set) var targets: StoredFile
  private(set) var notes: [String] = []

  /// - Throws: `FormatError` where a first line of numbers may be either.
  static func without(inputs: Table, targets: Table) throws(FormatError) -> ColumnCounts {
    var tables = ColumnCounts(inputs: inputs.file, targets: targets.file)
    guard inputs.count != nil || targets.count != nil else { return tables }
    let (rows, labels) = (rows(inputs.file), rows(targets.file))
    let isCertain = try isCertain(inputs.file.array, inputs.count)
    if inputs.count == .names {
      guard isCertain else { throw CSV.ambiguous(inputs.file.array, in: inputs.file.name) }
      tables.inputs = tables.taken(inputs.file)
    } else if inputs.count == .firstRow, isCertain {
      let isBoth = labels == rows && targets.count == .firstRow
      if isBoth || labels == rows - 1 { tables.inputs = tables.dropped(inputs.file) }
      if isBoth { tables.targets = tables.dropped(targets.file) }
    }
    if targets.count == .names {
      guard labels == Self.rows(tables.inputs) else {
        throw CSV.ambiguous(targets.file.array, in: targets.file.name)
      }
      tables.targets = tables.taken(targets.file)
    }
    return tables
  }

  private static func rows(_ file: StoredFile) -> Int { file.array.shape.extents.first ?? 0 }

  /// Whether a line 0, 1, …, C − 1 can be no item.
  private static func isCertain(
    _ array: StoredArray, _ count: CSV.ColumnCount?
  ) throws(FormatError) -> Bool {
    guard count != nil, array.shape[1] > 2 else { return false }
    return try array.tensor(as: Double.self).scalars.contains { $0 != $0.rounded() }
  }

  /// The table of which the line stands in the place of the names.
  private mutating func taken(_ file: StoredFile) -> StoredFile {
    notes.append(
      "\(FormatError.printable(file.name)): line 1 counts the columns and is not taken for an item")
    return StoredFile(file.name, file.array, nil)
  }

  /// The table without the line, which stands below names.
  private mutating func dropped(_ file: StoredFile) -> StoredFile {
    notes.append(
      "\(FormatError.printable(file.name)): the first line below the names counts the columns from 0 "
        + "and is not taken for an item; if it is one, save the table with numpy.save")
    return StoredFile(file.name, file.array.droppingFirstRow(), nil)
  }
}
