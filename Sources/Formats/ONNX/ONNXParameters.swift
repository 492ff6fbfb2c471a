import TensorCore

/// Which initializers of a file training changed, and which are constants of its program.
///
/// Decided by evidence, in this order: a name that a person gives; statistics by how they are used;
/// what the exporter wrote of each array; a person's patterns; whether a checkpoint has an array of
/// this name; and, where none of them speaks, the elements and how they are used.
struct ONNXParameters {
  /// An array that stands in the graph under its name.
  struct Found {
    let array: NamedArray
    /// Why it is trained, or not.
    let role: ONNXProgram.Role
  }

  /// The floating-point initializers that the outputs need and that are no constants.
  private(set) var arrays: [Found] = []
  /// The ones that are taken as constants, for the person to know.
  private(set) var notes: [String] = []

  /// No weight comes near this.
  private static let largest: Float = 1e9
  /// Operators that a number of the program is an operand of.
  private static let arithmetic: Set<String> = [
    "Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Clip", "Mod", "Less", "LessOrEqual",
    "Greater", "GreaterOrEqual", "Equal", "Where",
  ]

  /// Sorts out the initializers.
  ///
  /// - Parameters:
  ///   - outputs: What is to be computed.
  ///   - patterns: What a person says.
  ///   - known: The names of the arrays of the checkpoints.
  init(
    _ source: ONNXGraph, outputs: [String], file: String, patterns: NamePatterns = NamePatterns(),
    known: Set<String> = []
  ) throws(FormatError) {
    let needed = source.needed(for: outputs)
    let statistics = source.uses(for: outputs).buffers
    let numbersOf = Self.numbers(of: source, needed.nodes)
    let signature = source.signature
    let targets = Set(signature.entries.lazy.filter { $0.kind == .parameter }.map(\.target))
    var constants: [Reason: [String]] = [:]
    var names: Set<String> = []
    for initializer in source.initializers where needed.values.contains(initializer.name) {
      let (name, array) = (initializer.name, initializer.array)
      guard names.insert(name).inserted else {
        throw FormatError(
          .malformed, file: file,
          found: "two initializers named \(FormatError.quoted(name))", expected: "one")
      }
      guard array.elementType.isFloatingPoint else { continue }
      guard array.shape.isBounded(by: ONNXOperation.mostElements) else {
        throw FormatError(
          .malformed, file: file,
          found: "the weight \(FormatError.quoted(name)) of shape \(array.shape)",
          expected: "at most \(ONNXOperation.mostElements) elements")
      }
      let said = patterns.trains(name)
      // A pattern of many turns nothing on that the file calls a constant, a name does.
      if patterns.names(name) || said == true && signature.kinds[name] == .parameter {
        arrays.append(Found(array: initializer, role: .parameter(.named)))
        continue
      }
      let elements = try array.tensor(as: Float.self).scalars
      let isMask = elements.contains { abs($0) >= Self.largest }
      if statistics.contains(name) {
        arrays.append(Found(array: initializer, role: .statistic))
      } else if let kind = signature.kinds[name] {
        switch kind {
        case .parameter:
          arrays.append(
            Found(array: initializer, role: said == false ? .frozen : .parameter(.declared)))
        case .buffer: arrays.append(Found(array: initializer, role: .buffer))
        case .constant: break
        }
      } else if !signature.entries.isEmpty {
        // What the exporter made: a parameter where it is one in another form.
        let isOne =
          targets.contains(name) || !targets.isDisjoint(with: signature.origins[name] ?? [])
        if isOne {
          arrays.append(
            Found(array: initializer, role: said == false ? .frozen : .parameter(.computed)))
        }
      } else if said == true, !isMask {
        arrays.append(Found(array: initializer, role: .parameter(.named)))
      } else if known.contains(name) {
        arrays.append(
          Found(array: initializer, role: said == false ? .frozen : .parameter(.inCheckpoint)))
      } else if isMask {
        constants[.mask, default: []].append(name)
      } else if ONNXExportNotes.isExportersOwn(name),
        array.shape.rank == 0
          || (ONNXExportNotes.isNamedByOperation(name) && elements.allSatisfy { $0 == elements[0] })
      {
        constants[.exporter, default: []].append(name)
      } else if array.shape.count == 1, numbersOf.contains(name) {
        constants[.number, default: []].append(name)
      } else {
        arrays.append(
          Found(array: initializer, role: said == false ? .frozen : .parameter(.assumed)))
      }
    }
    for reason in Reason.allCases {
      guard let names = constants[reason] else { continue }
      notes.append("\(reason.rawValue): \(ONNXExportNotes.list(names))")
    }
  }

  /// Why an array is no weight where nothing but the file speaks.
  private enum Reason: String, CaseIterable {
    case mask = "taken as constants, because they hide what they are added to"
    case exporter = "taken as constants, because the exporter named them"
    case number =
      "single numbers of arithmetic, taken as constants (--parameters NAME counts one as trained)"
  }

  /// The values that are operands of arithmetic and of nothing else.
  private static func numbers(of source: ONNXGraph, _ needed: [Bool]) -> Set<String> {
    var (numbers, others): (Set<String>, Set<String>) = ([], [])
    for (node, isNeeded) in zip(source.nodes, needed) where isNeeded {
      if arithmetic.contains(node.operatorName) {
        numbers.formUnion(node.inputs)
      } else {
        others.formUnion(node.inputs)
      }
    }
    return numbers.subtracting(others)
  }
}
