import Formats
import TensorCore

/// An array and the file or folder it stands in.
struct StoredFile: Sendable {
  /// What errors call it.
  let name: String
  let array: StoredArray
  /// The file, where it holds this array alone.
  let source: ByteSource?

  /// The one array of a file.
  init(_ source: ByteSource) throws(FormatError) {
    self.init(source.name, try StoredArray.read(source), source)
  }

  init(_ name: String, _ array: StoredArray, _ source: ByteSource?) {
    self.name = name
    self.array = array
    self.source = source
  }
}

/// A file that a run's items were read from: open, so that its record can take a copy, and known by
/// its digest, so that the copy is of what was read.
struct ItemFile: Sendable {
  let source: ByteSource
  let shape: Shape
  let sha256: String

  /// Nil where the file holds more than the array, or is none.
  init?(_ file: StoredFile) throws(FormatError) {
    guard let source = file.source else { return nil }
    self.source = source
    shape = file.array.shape
    sha256 = try SHA256.hex(of: source)
  }
}
