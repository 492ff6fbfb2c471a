import Formats
import TensorCore

/// An array of a file or folder, opened once.
struct StoredFile: Sendable {
  /// The file; nil for a folder of pictures.
  let source: ByteSource?
  let array: StoredArray
  /// What errors call it.
  let name: String

  init(_ source: ByteSource?, _ array: StoredArray, name: String) {
    self.source = source
    self.array = array
    self.name = name
  }

  /// The only array of a file, or the one of this name.
  init(_ source: ByteSource, _ column: String) throws(FormatError) {
    self.init(
      source, try ItemTable(source).onlyArray(orNamed: column), name: source.name)
  }
}

/// A file that a run's items were read from: open, so that its record can take a copy, and known by
/// its digest, so that the copy is of what was read.
struct ItemFile: Sendable {
  let source: ByteSource
  let shape: Shape
  let sha256: String
}

extension ItemTable {
  /// The array of this name, or the only one.
  func onlyArray(orNamed column: String) throws(FormatError) -> StoredArray {
    if let array = self[column] { return array }
    guard let first = arrays.first, arrays.count == 1 else {
      throw FormatError(
        .malformed, file: name, found: "\(arrays.count) arrays",
        expected: "one, or one named \(column)",
        remedy: "save the array on its own, for instance with numpy.save")
    }
    return first.array
  }
}
