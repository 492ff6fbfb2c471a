import Autodiff
import Formats
import TensorCore

/// One test: a model, its inputs, and the outputs expected.
struct ConformanceCase {
  /// An array or a sequence of arrays.
  enum Content {
    case array(StoredArray)
    case sequence([StoredArray])
  }

  let name: String
  let kind: String
  let operators: [String]
  private let entry: JSONValue
  private let folder: String
  private let relative: Double
  private let absolute: Double

  init?(_ entry: JSONValue, folder: String) {
    guard let name = entry["name"]?.string, let kind = entry["kind"]?.string,
      let own = entry["folder"]?.string
    else { return nil }
    self.name = name
    self.kind = kind
    self.entry = entry
    self.folder = folder + "/" + own
    operators = entry["operators"]?.array?.compactMap(\.string) ?? []
    relative = entry["relative"]?.double ?? 1e-3
    absolute = entry["absolute"]?.double ?? 1e-7
  }

  /// Which inputs are inputs of the graph; the others are constants.
  private enum Binding: CaseIterable { case all, floating, vectors, none }

  func outcome() -> Outcome {
    if let reason = entry["unreadable"]?.string { return .refused("the file: \(reason)") }
    do {
      let graph = try ONNXGraph(path: folder + "/model.onnx")
      let inputs = try contents("inputs")
      let outputs = try contents("outputs")
      var faults: [String] = []
      for binding in Binding.allCases {
        do {
          try check(graph, inputs, outputs, binding)
          guard binding != .none else { return .passed(asInputs: false) }
          // The same by constant folding.
          try check(graph, inputs, outputs, .none)
          return .passed(asInputs: true)
        } catch let error as FormatError {
          if error.description.contains("not supported") { return .refused("\(error)") }
          faults.append("\(error)")
        }
      }
      return .failed(faults.joined(separator: " | "))
    } catch let error as Mismatch {
      return .failed(error.message)
    } catch {
      // The data of a test may be of types that no model of ours has.
      return .refused("the file: \(error)")
    }
  }

  private struct Mismatch: Error { let message: String }

  private func contents(_ key: String) throws -> [(name: String, content: Content?)] {
    try (entry[key]?.array ?? []).map { value in
      let name = value["name"]?.string ?? ""
      func read(_ file: String) throws -> StoredArray {
        try NamedArray.readTensorProto(path: folder + "/" + file).array
      }
      if let file = value["file"]?.string { return (name, .array(try read(file))) }
      guard let files = value["file"]?.array else { return (name, nil) }
      return (name, .sequence(try files.compactMap(\.string).map(read)))
    }
  }

  private func check(
    _ source: ONNXGraph, _ inputs: [(name: String, content: Content?)],
    _ outputs: [(name: String, content: Content?)], _ binding: Binding
  ) throws {
    var graph = Graph()
    var values: [String: ONNXValue] = [:]
    var bound: [String: Tensor<Double>] = [:]
    func value(_ array: StoredArray, _ label: String) throws -> ONNXValue {
      let isInput =
        switch binding {
        case .all: true
        case .floating: array.elementType.isFloatingPoint
        case .vectors: array.elementType.isFloatingPoint && array.shape.rank > 0 && array.count > 2
        case .none: false
        }
      guard isInput else {
        let elements = try array.tensor(as: Double.self).scalars
        return .constant(ONNXConstant(array.shape, array.elementType, elements))
      }
      bound[label] = try array.tensor(as: Double.self)
      return .computed(graph.input(label, array.shape), array.elementType)
    }
    for (name, content) in inputs {
      switch content {
      case .array(let array): values[name] = try value(array, name)
      case .sequence(let arrays):
        let parts = try arrays.enumerated().map { try value($0.1, "\(name) \($0.0)") }
        values[name] = .sequence(parts)
      case nil: break
      }
    }
    var interpreter = ONNXInterpreter(
      source, file: name, graph: graph, inputs: values, parameters: [:])
    let names = outputs.filter { $0.content != nil }.map(\.name)
    let results = try interpreter.run(outputs: names)
    graph = interpreter.finish()
    for (result, (name, content)) in zip(results, outputs.filter { $0.content != nil }) {
      switch (result, content) {
      case (.sequence(let parts), .sequence(let arrays)):
        guard parts.count == arrays.count else {
          throw Mismatch(message: "\(name) has \(parts.count) parts of \(arrays.count)")
        }
        for (part, array) in zip(parts, arrays) { try compare(part, array, name, graph, bound) }
      case (_, .array(let array)): try compare(result, array, name, graph, bound)
      default: throw Mismatch(message: "\(name) is of another kind")
      }
    }
  }

  private func run<Scalar: TensorScalar>(
    _ graph: Graph, _ id: NodeID, _ bound: [String: Tensor<Double>], as type: Scalar.Type
  ) -> [Double] {
    let plan = Plan<Scalar>(graph, outputs: [id])
    let workspace = plan.makeWorkspace()
    for (label, tensor) in bound { workspace.set(label, tensor.cast(to: Scalar.self)) }
    plan.run(workspace)
    return workspace.tensor(0).cast(to: Double.self).scalars
  }

  private func compare(
    _ value: ONNXValue, _ expected: StoredArray, _ name: String, _ graph: Graph,
    _ bound: [String: Tensor<Double>]
  ) throws {
    let (shape, type, elements): (Shape, ElementType, [Double])
    switch value {
    case .constant(let constant):
      (shape, type, elements) = (constant.shape, constant.elementType, constant.elements)
    case .computed(let id, let own):
      (shape, type) = (graph.shape(id), own)
      // Numbers of 8 bytes may be too large for 4.
      elements =
        own == .float64
        ? run(graph, id, bound, as: Double.self) : run(graph, id, bound, as: Float.self)
    case .sequence: throw Mismatch(message: "\(name) is a sequence")
    }
    guard shape == expected.shape else {
      throw Mismatch(message: "\(name) has the shape \(shape), expected \(expected.shape)")
    }
    guard type == expected.elementType else {
      throw Mismatch(message: "\(name) is of \(type), expected \(expected.elementType)")
    }
    // Expected numbers of 2 bytes were computed with the digits that they have.
    let relative =
      switch type {
      case .bfloat16: max(relative, 0x1p-6)
      case .float16: max(relative, 0x1p-9)
      default: relative
      }
    let wanted = try expected.tensor(as: Double.self).scalars
    for (index, (a, b)) in zip(elements, wanted).enumerated() {
      let fits = a == b || (a.isNaN && b.isNaN) || abs(a - b) <= absolute + relative * abs(b)
      guard fits else {
        throw Mismatch(message: "\(name): element \(index) is \(a), expected \(b)")
      }
    }
  }
}
