public import Formats
public import TensorCore

/// Which array of a checkpoint each parameter of a model from a file is.
///
/// Arrays are taken by name. Exporters rename and transpose weights; then the file's own weights are
/// looked for among the arrays of the checkpoints, and what is found holds for all of them. Arrays
/// that no parameter is are passed over.
public struct ParameterMapping: Sendable {
  /// An array of a checkpoint.
  struct Source: Hashable, Sendable {
    let name: String
    var isTransposed = false

    /// `"fc.weight" transposed`.
    var text: String { FormatError.quoted(name) + (isTransposed ? " transposed" : "") }
  }

  /// What was found by value.
  public let notes: [String]
  private let layout: ParameterLayout
  /// One for each entry of the layout.
  private let sources: [Source]

  /// Finds the array of each parameter.
  ///
  /// - Parameters:
  ///   - checkpoints: Files of which one at least should hold the weights that the model's file has;
  ///     needed where names differ.
  ///   - given: `PARAMETER=ARRAY`, or `PARAMETER=ARRAY.T` for one that is transposed; goes before
  ///     what would be found.
  /// - Throws: `FormatError` naming the parameter that cannot be found, ``TrainingError`` for a text
  ///   that is no such pair.
  /// - Complexity: O(P) where names are equal; else each parameter is compared with the arrays of
  ///   its shape.
  public init(
    _ model: ONNXModel, checkpoints: [CheckpointFile], given: [String] = []
  ) throws {
    layout = model.layout
    let entries = model.layout.entries
    var sources = try Self.parse(given, entries, checkpoints)
    for entry in entries where sources[entry.name] == nil {
      let isEverywhere = checkpoints.allSatisfy {
        $0[entry.name].map { $0.fit(entry.shape, isTransposed: false) } ?? false
      }
      if isEverywhere { sources[entry.name] = Source(name: entry.name) }
    }
    let unnamed = entries.filter { sources[$0.name] == nil }
    let byValue = try ParameterSearch(model, checkpoints).sources(
      of: unnamed, taken: Set(sources.values.map(\.name)))
    sources.merge(byValue) { own, _ in own }
    self.sources = entries.compactMap { sources[$0.name] }
    try Self.requireUnfolded(model, checkpoints, used: Set(self.sources.map(\.name)))
    notes = Self.found(unnamed, byValue).map { [$0] } ?? []
  }

  /// The flat parameters `[P]` of a checkpoint.
  ///
  /// - Throws: `FormatError`, naming the array that is missing or at fault.
  public func read<Scalar: TensorScalar>(
    _ file: CheckpointFile, as type: Scalar.Type = Scalar.self
  ) throws(FormatError) -> [Scalar] {
    var flat: [Scalar] = []
    flat.reserveCapacity(layout.count)
    for (entry, source) in zip(layout.entries, sources) {
      // Another export of the same model has the parameter under its own name.
      guard let array = file[source.name], array.fit(entry.shape, isTransposed: source.isTransposed)
      else {
        flat += try file.elements(entry.name, entry.shape)
        continue
      }
      let elements: [Scalar] = try file.elements(source.name, array.shape)
      flat += source.isTransposed ? Self.transposed(elements, entry.shape.matrix) : elements
    }
    return flat
  }

  /// Elements of a matrix `[columns, rows]` as those of `[rows, columns]`.
  private static func transposed<Scalar: TensorScalar>(
    _ elements: [Scalar], _ matrix: (rows: Int, columns: Int)?
  ) -> [Scalar] {
    guard let (rows, columns) = matrix else { return elements }
    return (0..<rows).flatMap { row in (0..<columns).map { elements[$0 * rows + row] } }
  }

  // MARK: What is given and said

  private static func parse(
    _ given: [String], _ entries: [ParameterLayout.Entry], _ checkpoints: [CheckpointFile]
  ) throws(TrainingError) -> [String: Source] {
    var sources: [String: Source] = [:]
    for text in given {
      func fault(_ expected: String) -> TrainingError {
        .setting(name: "map", found: FormatError.quoted(text), expected: expected)
      }
      guard let sign = text.firstIndex(of: "=") else { throw fault("PARAMETER=ARRAY[.T]") }
      let (name, array) = (String(text[..<sign]), String(text[text.index(after: sign)...]))
      guard let entry = entries.first(where: { $0.name == name }) else {
        let names = entries.prefix(6).map { FormatError.quoted($0.name) }.joined(separator: ", ")
        throw fault("a parameter of the model: \(names)\(entries.count > 6 ? ", …" : "")")
      }
      var source = Source(name: array)
      if array.hasSuffix(".T"), !checkpoints.contains(where: { $0[array] != nil }) {
        source = Source(name: String(array.dropLast(2)), isTransposed: true)
      }
      let fits = checkpoints.allSatisfy {
        $0[source.name].map { $0.fit(entry.shape, isTransposed: source.isTransposed) }
          ?? ($0[name] != nil)
      }
      guard fits else {
        throw fault(
          "an array of every checkpoint that has the shape \(entry.shape)"
            + (source.isTransposed ? " when transposed" : ""))
      }
      guard sources.updateValue(source, forKey: name) == nil else {
        throw fault("each parameter once")
      }
    }
    return sources
  }

  private static func found(
    _ entries: [ParameterLayout.Entry], _ sources: [String: Source]
  ) -> String? {
    let pairs = entries.compactMap { entry in
      sources[entry.name].map { "\(FormatError.quoted(entry.name)) is \($0.text)" }
    }
    guard !pairs.isEmpty else { return nil }
    let more = pairs.count > 6 ? " and \(pairs.count - 6) more" : ""
    return "parameters found by shape and value: " + pairs.prefix(6).joined(separator: ", ") + more
  }

  /// Refuses a graph without a batch normalization that the checkpoints have: it was folded into
  /// weights that only look like the model's own.
  private static func requireUnfolded(
    _ model: ONNXModel, _ checkpoints: [CheckpointFile], used: Set<String>
  ) throws(FormatError) {
    let ending = ".running_mean"
    for file in checkpoints {
      guard
        let lost = file.arrays.first(where: { $0.name.hasSuffix(ending) && !used.contains($0.name) }
        )
      else { continue }
      throw FormatError(
        .malformed, file: model.specification,
        found:
          "no batch normalization \(FormatError.quoted(String(lost.name.dropLast(ending.count)))), "
          + "which \(file.path) has", expected: "the layers of the model",
        remedy: "the exporter folded it into other weights: export with \(ONNXProgram.exportRecipe)"
      )
    }
  }
}

extension Shape {
  /// The extents without those of 1.
  var squeezed: [Int] { extents.filter { $0 != 1 } }

  /// Rows and columns where there are two extents above 1.
  var matrix: (rows: Int, columns: Int)? {
    let squeezed = squeezed
    return squeezed.count == 2 ? (squeezed[0], squeezed[1]) : nil
  }
}

extension StoredArray {
  /// Whether the array holds numbers for a parameter of this shape; axes of extent 1 do not count.
  func fit(_ shape: Shape, isTransposed: Bool) -> Bool {
    guard elementType.isFloatingPoint else { return false }
    if !isTransposed { return self.shape.squeezed == shape.squeezed }
    guard let (rows, columns) = shape.matrix else { return false }
    return self.shape.squeezed == [columns, rows]
  }
}
