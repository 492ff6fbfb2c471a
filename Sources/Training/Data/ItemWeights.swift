public import Formats
public import TensorCore

/// Item weights in a file.
public enum ItemWeights {
  /// Reads `[N]` finite numbers.
  ///
  /// - Throws: `FormatError`, naming the first item at fault.
  public static func read<Scalar: TensorScalar>(
    path: String, items: Int
  ) throws(FormatError) -> [Scalar] { try read(ByteSource(path: path), items: items) }

  static func read<Scalar: TensorScalar>(
    _ source: ByteSource, items: Int
  ) throws(FormatError) -> [Scalar] {
    let array = try StoredArray.read(source)
    guard array.shape == [items] else {
      throw FormatError(
        .malformed, file: source.name, found: "weights of shape \(array.shape)",
        expected: "[\(items)], one for each training item")
    }
    let weights = try array.tensor(as: Scalar.self)
    if let item = weights.firstNonFinite {
      throw FormatError(
        .malformed, file: source.name, at: .element(item), found: "\(weights.scalars[item])",
        expected: "a finite weight")
    }
    return weights.scalars
  }
}
