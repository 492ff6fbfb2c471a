import TensorCore

/// Which initializers of a file are parameters, and which are constants of its program.
struct ONNXParameters {
  /// The floating-point initializers that an output needs and that can be weights.
  private(set) var arrays: [NamedArray] = []
  /// The ones that are taken as constants, for the person to know.
  private(set) var notes: [String] = []

  /// Sorts out the initializers.
  ///
  /// A mask, which holds −∞ somewhere, is no weight; neither is one number, perhaps repeated, under a
  /// name of the exporter's own.
  init(_ source: ONNXGraph, output: String, file: String) throws(FormatError) {
    let needed = source.needed(for: [output]).values
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
      let elements = try array.tensor(as: Float.self).scalars
      let isOneNumber = elements.allSatisfy { $0 == elements[0] }
      if isOneNumber && ONNXExportNotes.isExportersOwn(initializer.name) {
        numbers.append(initializer.name)
      } else if elements.contains(where: { !$0.isFinite }) {
        masks.append(initializer.name)
      } else {
        arrays.append(initializer)
      }
    }
    if !masks.isEmpty {
      notes.append(
        "taken as constants, because they are not finite: \(ONNXExportNotes.list(masks))")
    }
    if !numbers.isEmpty {
      notes.append(
        "taken as constants, because the exporter named them: \(ONNXExportNotes.list(numbers))")
    }
  }
}
