public import Formats
public import TensorCore

/// The named arrays of a file of any known format that holds the parameters of a model.
///
/// The elements of an array are read when they are asked for.
public struct CheckpointFile: Sendable {
  /// What errors call it.
  public let path: String
  /// The arrays in the order of the file.
  public let arrays: [NamedArray]
  private let byName: [String: StoredArray]
  /// Arrays that cannot be read, which matters where they are asked for.
  private let unreadable: [ItemTable.Unreadable]

  /// Opens a file.
  ///
  /// - Throws: `FormatError`; a pickle is refused with the line that converts it.
  public init(path: String) throws(FormatError) {
    let table = try ItemTable(ByteSource(path: path))
    self.init(table.arrays, unreadable: table.unreadable, path: path)
  }

  init(_ arrays: [NamedArray], unreadable: [ItemTable.Unreadable] = [], path: String) {
    self.arrays = arrays
    self.unreadable = unreadable
    self.path = path
    byName = Dictionary(arrays.map { ($0.name, $0.array) }) { first, _ in first }
  }

  /// The array of this name, nil where there is none.
  public subscript(name: String) -> StoredArray? { byName[name] }

  /// - Throws: The reason why an array of these names cannot be read, where one is there.
  func requireReadable(_ names: Set<String>) throws(FormatError) {
    if let fault = unreadable.first(where: { names.contains($0.name) }) { throw fault.error }
  }

  /// The elements of an array of this shape.
  ///
  /// - Throws: `FormatError` where there is none, or where an element is not finite.
  func elements<Scalar: TensorScalar>(
    _ name: String, _ shape: Shape, as type: Scalar.Type = Scalar.self
  ) throws(FormatError) -> [Scalar] {
    try requireReadable([name])
    guard let array = self[name] else {
      throw FormatError(
        .malformed, file: path, found: "no array \(FormatError.quoted(name))",
        expected: "one of shape \(shape)")
    }
    guard array.shape == shape, array.elementType.isFloatingPoint else {
      throw FormatError(
        .malformed, file: path,
        found: "\(FormatError.quoted(name)) of shape \(array.shape), \(array.elementType.rawValue)",
        expected: "numbers of shape \(shape)")
    }
    let tensor = try array.tensor(as: Scalar.self)
    if let index = tensor.firstNonFinite {
      throw FormatError(
        .malformed, file: path, at: .element(index),
        found: "\(tensor.scalars[index]) in \(FormatError.quoted(name))",
        expected: "a finite number", remedy: "the run diverged before: lower its learning rate")
    }
    return tensor.scalars
  }
}

extension Model {
  /// The flat parameters `[P]` that a checkpoint holds under the model's own names.
  ///
  /// What else is in a checkpoint of a model from a file is passed over; for a built-in model it is
  /// a fault.
  ///
  /// - Throws: `FormatError`, naming the parameter at fault.
  public func parameters<Scalar: TensorScalar>(
    in checkpoint: CheckpointFile, as type: Scalar.Type = Scalar.self
  ) throws(FormatError) -> [Scalar] {
    try layout.read(checkpoint, passingOverOthers: file != nil)
  }
}
