import TensorCore

/// Which initializers of a file are parameters, and which are constants of its program.
struct ONNXParameters {
  /// The floating-point initializers that the outputs need and that can be weights.
  private(set) var arrays: [NamedArray] = []
  /// The ones that are taken as constants, for the person to know.
  private(set) var notes: [String] = []

  /// No weight comes near this.
  private static let largest: Float = 1e9

  /// Sorts out the initializers.
  ///
  /// A mask, which holds −∞ or as good as that somewhere, is no weight; neither is a number under a
  /// name of the exporter's own, nor one repeated by an operation such as `zeros_like`.
  init(_ source: ONNXGraph, outputs: [String], file: String) throws(FormatError) {
    let needed = source.needed(for: outputs).values
    var (masks, numbers): ([String], [String]) = ([], [])
    var names: Set<String> = []
    for initializer in source.initializers where needed.contains(initializer.name) {
      guard names.insert(initializer.name).inserted else {
        throw FormatError(
          .malformed, file: file,
          found: "two initializers named \(FormatError.quoted(initializer.name))", expected: "one")
      }
      let array = initializer.array
      guard array.elementType.isFloatingPoint else { continue }
      guard array.shape.isBounded(by: ONNXOperation.mostElements) else {
        throw FormatError(
          .malformed, file: file,
          found: "the weight \(FormatError.quoted(initializer.name)) of shape \(array.shape)",
          expected: "at most \(ONNXOperation.mostElements) elements")
      }
      let elements = try array.tensor(as: Float.self).scalars
      let isNumber = array.shape.rank == 0 && ONNXExportNotes.isExportersOwn(initializer.name)
      let isRepeated =
        ONNXExportNotes.isNamedByOperation(initializer.name)
        && elements.allSatisfy { $0 == elements[0] }
      if isNumber || isRepeated {
        numbers.append(initializer.name)
      } else if elements.contains(where: { abs($0) >= Self.largest }) {
        masks.append(initializer.name)
      } else {
        arrays.append(initializer)
      }
    }
    if !masks.isEmpty {
      notes.append(
        "taken as constants, because they hide what they are added to: "
          + ONNXExportNotes.list(masks))
    }
    if !numbers.isEmpty {
      notes.append(
        "taken as constants, because the exporter named them: \(ONNXExportNotes.list(numbers))")
    }
  }
}
