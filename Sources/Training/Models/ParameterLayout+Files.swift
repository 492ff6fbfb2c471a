public import Formats
public import TensorCore

extension ParameterLayout {
  /// What stands before the names of the optimizer's state in a checkpoint.
  static let optimizerPrefix = "optimizer/"

  /// The flat parameters `[P]` of a file that holds them under their names.
  ///
  /// - Throws: `FormatError`, naming the parameter that is missing, has another shape, holds a number
  ///   that is not finite, or is not of this layout. The optimizer's state is passed over.
  public func read<Scalar: TensorScalar>(
    _ path: String, as type: Scalar.Type = Scalar.self
  ) throws(FormatError) -> [Scalar] {
    try read(CheckpointFile(path: path), passingOverOthers: false)
  }

  func read<Scalar: TensorScalar>(
    _ file: CheckpointFile, passingOverOthers: Bool
  ) throws(FormatError) -> [Scalar] {
    let known = Set(entries.map(\.name))
    let isStrange = { (name: String) in
      !name.hasPrefix(Self.optimizerPrefix) && !known.contains(name)
    }
    if !passingOverOthers, let strange = file.arrays.first(where: { isStrange($0.name) }) {
      throw FormatError(
        .malformed, file: file.path,
        found: "\(FormatError.quoted(strange.name)) of shape \(strange.array.shape)",
        expected: "parameters of the model only: \(summary)")
    }
    var flat: [Scalar] = []
    flat.reserveCapacity(count)
    for entry in entries { flat += try file.elements(entry.name, entry.shape) }
    return flat
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
