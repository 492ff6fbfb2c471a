public import Formats
public import TensorCore

extension ParameterLayout {
  /// What stands before the names of the optimizer's state in a checkpoint.
  static let optimizerPrefix = "optimizer/"

  /// The flat parameters `[P]` of a `.safetensors` file that holds them under their names.
  ///
  /// - Throws: `FormatError`, naming the parameter that is missing, has another shape, holds a number
  ///   that is not finite, or is not of this layout. The optimizer's state is passed over.
  public func read<Scalar: TensorScalar>(
    _ path: String, as type: Scalar.Type = Scalar.self
  ) throws(FormatError) -> [Scalar] {
    try read(Safetensors(path: path), path)
  }

  func read<Scalar: TensorScalar>(
    _ file: Safetensors, _ path: String
  ) throws(FormatError) -> [Scalar] {
    let known = Set(entries.map(\.name))
    let isStrange = { (name: String) in
      !name.hasPrefix(Self.optimizerPrefix) && !known.contains(name)
    }
    if let strange = file.arrays.first(where: { isStrange($0.name) }) {
      throw FormatError(
        .malformed, file: path,
        found: "\(FormatError.quoted(strange.name)) of shape \(strange.array.shape)",
        expected: "parameters of the model only: \(summary)")
    }
    var flat: [Scalar] = []
    for entry in entries { flat += try Self.elements(entry.name, entry.shape, of: file, path) }
    return flat
  }

  /// The elements of one array of a checkpoint.
  static func elements<Scalar: TensorScalar>(
    _ name: String, _ shape: Shape, of file: Safetensors, _ path: String
  ) throws(FormatError) -> [Scalar] {
    guard let array = file[name] else {
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

  /// The parameters as named arrays.
  package func arrays<Scalar: TensorScalar>(_ flat: [Scalar]) -> [NamedArray] {
    entries.map { NamedArray($0.name, StoredArray(Tensor($0.shape, Array(flat[$0.range])))) }
  }

  /// `0.weight [32, 64], 0.bias [32], …`, the first few.
  private var summary: String {
    let shown = entries.prefix(4).map { "\($0.name) \($0.shape)" }.joined(separator: ", ")
    return entries.count > 4 ? shown + ", …" : shown
  }
}
