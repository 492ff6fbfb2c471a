import Formats
import TensorCore

/// A file of one array, opened once.
struct StoredFile {
  let source: ByteSource
  let array: StoredArray

  /// What errors call it.
  var name: String { source.name }

  init(_ source: ByteSource) throws(FormatError) {
    self.source = source
    array = try StoredArray.read(source)
  }
}

/// A file that a run's items were read from: open, so that its record can take a copy, and known by
/// its digest, so that the copy is of what was read.
struct ItemFile: Sendable {
  let source: ByteSource
  let shape: Shape
  let sha256: String
}
