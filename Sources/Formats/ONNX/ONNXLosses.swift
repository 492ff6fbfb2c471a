/// What a file lost of the module that was exported: parameters that became other arrays or none,
/// and stops of the gradient.
///
/// Only files whose exporter says what the module had can be asked.
struct ONNXLosses {
  private let nodes: [ONNXGraph.Node]
  private let signature: ONNXSignature
  private let patterns: NamePatterns
  private let made: Set<String>
  private let arrays: Set<String>
  /// The arrays of numbers that the nodes read.
  private let read: Set<String>

  /// The nodes that the outputs need.
  init(_ source: ONNXGraph, outputs: [String], patterns: NamePatterns) {
    let needed = source.needed(for: outputs).nodes
    nodes = zip(source.nodes, needed).filter(\.1).map(\.0)
    signature = source.signature
    self.patterns = patterns
    made = Set(source.nodes.flatMap(\.outputs))
    arrays = Set(source.initializers.map(\.name))
    read = Set(
      source.initializers.lazy.filter { $0.array.elementType.isFloatingPoint }.map(\.name)
    ).intersection(nodes.flatMap(\.inputs))
  }

  /// Parameters that no array stands for, although the output does not use them as far as can be
  /// told: unused ones, and all but one of tied ones.
  var unmentioned: [String] {
    absent.filter { !mentioned.contains($0.placeholder) && !computed.contains($0.target) }
      .map(\.target)
  }

  /// Refuses a file whose gradient is not the module's.
  ///
  /// - Throws: `FormatError`, naming what is lost and how the module is exported with it.
  func check(file: String) throws(FormatError) {
    func fault(_ found: String, _ expected: String) -> FormatError {
      FormatError(
        .malformed, file: file, found: found, expected: expected,
        remedy: "export with \(ONNXExportNotes.recipe)")
    }
    if let node = nodes.first(where: { $0.trace.rule.hasPrefix("FuseBatchNorm") }) {
      throw fault(
        "\(FormatError.quoted(node.name)) (\(FormatError.printable(node.operatorName, limit: 60))), "
          + "into whose weights the exporter folded a batch normalization",
        "the module's own weights")
    }
    let lost = absent.filter {
      mentioned.contains($0.placeholder) && !turned.contains($0.target)
        || computed.contains($0.target) && !turned.contains($0.target)
    }.map(\.target).filter { patterns.trains($0) != false }
    guard lost.isEmpty else {
      throw fault(
        "no array for \(ONNXExportNotes.list(lost)), parameter\(lost.count > 1 ? "s" : "") of the "
          + "module that the exporter dropped, merged or computed with", "every parameter")
    }
    if let (name, origin) = doubled {
      throw fault(
        "\(FormatError.quoted(name)), which the exporter computed from \(FormatError.quoted(origin)), "
          + "a parameter that the file has besides", "one array for a parameter")
    }
    let before = beforeBlocks
    if let block = nodes.first(where: \.trace.isFromBlock), !before.isEmpty {
      throw FormatError(
        .malformed, file: file,
        found:
          "\(FormatError.quoted(block.name)) in a block that the module ran under no_grad or in "
          + "another precision, which the file does not tell apart, behind the parameters "
          + ONNXExportNotes.list(before),
        expected: "a word on whether they are trained",
        remedy:
          "--constant \(before[0]) and the like where no gradient reaches them, --parameters '*' "
          + "where it does")
    }
    if let name = nodes.lazy.flatMap(\.trace.values).first(where: isLostStop) {
      throw fault(
        "no operator for \(FormatError.quoted(name)), where the module stops the gradient",
        "an Identity that says so")
    }
  }

  /// Parameters that go into blocks which the exporter took apart, and of which nobody says whether
  /// they are trained; none where the whole program is such a block.
  private var beforeBlocks: [String] {
    guard nodes.contains(where: { $0.trace.hasPlace && !$0.trace.isFromBlock }) else { return [] }
    var makers: [String: Int] = [:]
    for (index, node) in nodes.enumerated() {
      for output in node.outputs { makers[output] = index }
    }
    var open = nodes.filter(\.trace.isFromBlock).flatMap(\.inputs)
    var seen: Set<String> = []
    while let name = open.popLast() {
      guard seen.insert(name).inserted, let maker = makers[name] else { continue }
      open += nodes[maker].inputs
    }
    let parameters = signature.entries.filter { $0.kind == .parameter }.map(\.target)
    return parameters.filter { seen.contains($0) && patterns.trains($0) == nil }
  }

  /// Parameters of the module that no array of the file has the name of.
  private var absent: [ONNXSignature.Entry] {
    signature.entries.filter { $0.kind == .parameter && !arrays.contains($0.target) }
  }

  /// What the operators were made to read.
  private var mentioned: Set<String> { nodes.reduce(into: []) { $0.formUnion($1.trace.values) } }

  /// The values that arrays were computed from, where an operator reads the array.
  private var computed: Set<String> {
    Set(signature.origins.filter { read.contains($0.key) }.flatMap(\.value))
  }

  /// Parameters that an array is in another order of its elements: nothing but the parameter went
  /// into it, and the operators that read it were made to read the parameter.
  private var turned: Set<String> {
    var turned: Set<String> = []
    for entry in absent {
      let forms = signature.origins.filter { $0.value == [entry.target] }.map(\.key)
      let readers = nodes.filter { node in node.inputs.contains(where: forms.contains) }
      if forms.count == 1, !readers.isEmpty,
        readers.allSatisfy({ $0.trace.values.contains(entry.placeholder) })
      {
        turned.insert(entry.target)
      }
    }
    return turned
  }

  /// An array that was computed from a parameter which stands in the file too, or from several.
  private var doubled: (name: String, origin: String)? {
    let parameters = signature.entries.filter { $0.kind == .parameter }.map(\.target)
    let present = Set(parameters).intersection(arrays)
    for (name, origins) in signature.origins.sorted(by: { $0.key < $1.key })
    where read.contains(name) {
      if let origin = origins.first(where: {
        present.contains($0) && patterns.trains($0) != false
      }) {
        return (name, origin)
      }
    }
    return nil
  }

  /// Whether a value of the exported program is a `detach` that no operator and no array stands for.
  private func isLostStop(_ name: String) -> Bool {
    let isStop =
      name == "detach"
      || name.hasPrefix("detach_") && name.dropFirst(7).allSatisfy { $0.isASCII && $0.isNumber }
    return isStop && !made.contains(name) && !arrays.contains(name)
      && !signature.origins.values.contains { $0.contains(name) }
  }
}
