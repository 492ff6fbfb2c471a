public import Formats
public import TensorCore

/// Which array of a checkpoint each parameter of a model from a file is.
///
/// Arrays are taken by name. Exporters rename and transpose weights; then the file's own weights are
/// looked for among the arrays of the checkpoints, and what is found holds for all of them. A prefix
/// that all names have, as wrappers of modules put there, is taken off. What training left alone
/// keeps the file's elements where a checkpoint does not have it. Arrays that no parameter is are
/// passed over, unless they belong to a layer whose other arrays are parameters.
public struct ParameterMapping: Sendable {
  /// An array of a checkpoint.
  struct Source: Hashable, Sendable {
    let name: String
    var isTransposed = false

    /// `"fc.weight" transposed`.
    var text: String { FormatError.quoted(name) + (isTransposed ? " transposed" : "") }
  }

  /// What was not found under its own name.
  public let notes: [String]
  private let layout: ParameterLayout
  /// One for each entry of the layout; nil where the file's elements stand.
  private let sources: [Source?]
  private let weights: [Double]
  /// What a checkpoint need not have.
  private let optional: Set<String>

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
    weights = model.weights
    let entries = model.layout.entries
    for file in checkpoints { try file.requireReadable(Set(entries.map(\.name))) }
    var sources = try Self.parse(given, entries, checkpoints)
    for entry in entries where sources[entry.name] == nil {
      let isEverywhere = checkpoints.allSatisfy {
        $0[entry.name].map { $0.fit(entry.shape, isTransposed: false) } ?? false
      }
      if isEverywhere { sources[entry.name] = Source(name: entry.name) }
    }
    var notes: [String] = []
    let optional = Set(zip(entries, model.roles).filter { $1.mayBeAbsent }.map { $0.0.name })
    self.optional = optional
    let missing = entries.filter { sources[$0.name] == nil }
    if let prefix = Self.prefix(missing.filter { !optional.contains($0.name) }, checkpoints) {
      for entry in missing {
        let name = prefix.name(entry.name)
        if checkpoints.contains(where: { $0[name] != nil }) {
          sources[entry.name] = Source(name: name)
        }
      }
      notes.append(prefix.note)
    }
    let unnamed = entries.filter { sources[$0.name] == nil && !optional.contains($0.name) }
    let byValue = try ParameterSearch(model, checkpoints).sources(
      of: unnamed, taken: Set(sources.values.map(\.name)))
    sources.merge(byValue) { own, _ in own }
    for entry in entries where optional.contains(entry.name) {
      let isAnywhere = checkpoints.contains { $0[entry.name] != nil }
      if sources[entry.name] == nil, isAnywhere { sources[entry.name] = Source(name: entry.name) }
    }
    self.sources = entries.map { sources[$0.name] }
    let used = Set(sources.values.map(\.name))
    try Self.requireUnfolded(model, checkpoints, used: used)
    try Self.requireWhole(model, checkpoints, sources)
    if let found = Self.found(unnamed, byValue) { notes.append(found) }
    let kept = entries.map(\.name).filter { name in
      sources[name].map { source in !checkpoints.allSatisfy { $0[source.name] != nil } } ?? true
    }
    if !kept.isEmpty {
      let shown = kept.prefix(6).map(FormatError.quoted).joined(separator: ", ")
      notes.append(
        "not trained, not in every checkpoint, and so as in the model's file: \(shown)"
          + (kept.count > 6 ? " and \(kept.count - 6) more" : ""))
    }
    self.notes = notes
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
      guard let source, file[source.name] != nil || !optional.contains(entry.name) else {
        flat += weights[entry.range].map { Scalar($0) }
        continue
      }
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

  // MARK: Prefixes

  /// What a wrapper such as `DistributedDataParallel` puts before every name of a module.
  private struct Prefix {
    let text: String
    /// Whether the checkpoints have it; else the model's file.
    let isInCheckpoints: Bool

    /// The name in the checkpoints.
    func name(_ own: String) -> String {
      isInCheckpoints ? text + own : String(own.dropFirst(own.hasPrefix(text) ? text.count : 0))
    }

    var note: String {
      "the names in the \(isInCheckpoints ? "checkpoints" : "model's file") have "
        + "\(FormatError.quoted(text)) in front"
    }
  }

  /// A prefix under which all of these are in every checkpoint.
  private static func prefix(
    _ entries: [ParameterLayout.Entry], _ checkpoints: [CheckpointFile]
  ) -> Prefix? {
    guard let first = entries.first, let file = checkpoints.first else { return nil }
    let candidates = file.arrays.lazy.map(\.name).compactMap { name -> Prefix? in
      if name.hasSuffix("." + first.name) {
        return Prefix(text: String(name.dropLast(first.name.count)), isInCheckpoints: true)
      }
      guard first.name.hasSuffix("." + name) else { return nil }
      return Prefix(text: String(first.name.dropLast(name.count)), isInCheckpoints: false)
    }
    return candidates.first { prefix in
      entries.allSatisfy { entry in
        guard prefix.isInCheckpoints || entry.name.hasPrefix(prefix.text) else { return false }
        return checkpoints.allSatisfy {
          $0[prefix.name(entry.name)]?.fit(entry.shape, isTransposed: false) ?? false
        }
      }
    }
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

extension ParameterMapping {
  /// Refuses a graph that lost an array of the checkpoints, where its exporter does not say what the
  /// module had: one of a layer whose other arrays are parameters, or one that another stands for.
  private static func requireWhole(
    _ model: ONNXModel, _ checkpoints: [CheckpointFile], _ sources: [String: Source]
  ) throws(FormatError) {
    if model.declaresParameters { return }
    let used = Set(sources.values.map(\.name))
    let layers = Set(used.compactMap(layer))
    for file in checkpoints {
      for named in file.arrays where !used.contains(named.name) {
        let name = named.name
        let isOfLayer = layer(name).map(layers.contains) ?? false
        let original = model.copies[name].flatMap { sources[$0] ?? Source(name: $0) }
        guard named.array.elementType.isFloatingPoint, isOfLayer || original != nil,
          !name.hasPrefix(ParameterLayout.optimizerPrefix),
          model.settings.patterns.trains(name) != false,
          try !isAgain(named.array, in: file, of: original.map { [$0.name] } ?? Array(used))
        else { continue }
        throw FormatError(
          .malformed, file: model.specification,
          found: "no parameter \(FormatError.quoted(name)), which \(file.path) has",
          expected: "every array of the layers that it has",
          remedy: "the exporter dropped it, or merged it with an equal one: export with "
            + "\(ONNXProgram.exportRecipe), or give --constant \(FormatError.printable(name)) where "
            + "the model does not use it")
      }
    }
  }

  /// `encoder.0` of `encoder.0.weight`.
  private static func layer(_ name: String) -> String? {
    name.lastIndex(of: ".").map { String(name[..<$0]) }
  }

  /// Whether an array is one of these again, as tied weights are.
  private static func isAgain(
    _ array: StoredArray, in file: CheckpointFile, of names: [String]
  ) throws(FormatError) -> Bool {
    let own = try array.tensor(as: Double.self).scalars
    for name in names {
      guard let other = file[name], other.shape == array.shape else { continue }
      if try other.tensor(as: Double.self).scalars == own { return true }
    }
    return false
  }
}

extension ONNXProgram.Role {
  /// Whether a checkpoint need not have the array: training left it as the model's file has it.
  fileprivate var mayBeAbsent: Bool { self == .buffer || self == .frozen }
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
