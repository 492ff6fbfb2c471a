import Autodiff
import TensorCore

/// Finds out whether items of a batch meet: a batch of two is computed twice with the same first item
/// and another second one.
///
/// For one example alone the axis of the batch has extent 1, so that a mean over it says nothing. A
/// file that fixes that extent, or that cannot be computed for two items, is not asked.
struct ONNXBatchProbe {
  private let source: ONNXGraph
  private let file: String
  private let output: String

  init(_ source: ONNXGraph, file: String, output: String) {
    self.source = source
    self.file = file
    self.output = output
  }

  /// An operator by which, at the latest, the first item's part depends on the second item; nil where
  /// items do not meet.
  ///
  /// - Parameter inputs: The inputs for one example.
  func meeting(_ inputs: [ONNXProgram.Input]) -> ONNXProgram.Operation? {
    let isOpen = source.inputs.allSatisfy { input in
      guard let extent = input.extents?.first else { return false }
      if case .fixed = extent { return false }
      return true
    }
    guard isOpen else { return nil }
    var graph = Graph()
    var values: [String: ONNXValue] = [:]
    for (input, declared) in zip(inputs, source.inputs) {
      let shape = Shape([2]).appending(Shape(Array(input.shape.extents.dropFirst())))
      let id = graph.input(input.name, shape)
      values[input.name] = .computed(id, declared.elementType ?? .float32)
    }
    var interpreter = ONNXInterpreter(
      source, file: file, graph: graph, inputs: values, parameters: [:])
    guard case .computed(let result, _)? = try? interpreter.run(outputs: [output]).first else {
      return nil
    }
    let made = interpreter.made
    graph = interpreter.finish()
    let isPair = { (id: NodeID) in graph.shape(id).extents.first == 2 && graph.shape(id).count > 0 }
    guard isPair(result) else { return nil }
    let asked = made.filter { isPair($0.id) }
    let plan = Plan<Double>(graph, outputs: asked.map(\.id) + [result])
    let runs = [1, 2].map { run in
      let workspace = plan.makeWorkspace()
      for input in inputs {
        let count = input.shape.count
        var elements = Self.elements(count, input.isWhole, seed: 0)
        elements += Self.elements(count, input.isWhole, seed: run)
        let shape = Shape([2]).appending(Shape(Array(input.shape.extents.dropFirst())))
        workspace.set(input.name, Tensor(shape, elements))
      }
      plan.run(workspace)
      return (0...asked.count).map { index in
        let values = Array(workspace.output(index))
        return values.prefix(values.count / 2).map(\.bitPattern)
      }
    }
    // Only of the output is the first axis known to be the batch.
    guard runs[0][asked.count] != runs[1][asked.count] else { return nil }
    return asked.indices.first { runs[0][$0] != runs[1][$0] }.map { asked[$0].operation }
  }

  /// Numbers of no meaning; 0 and 1 where an input holds whole numbers.
  private static func elements(_ count: Int, _ isWhole: Bool, seed: Int) -> [Double] {
    (0..<count).map { place in
      let word = UInt64(place &* 2_654_435_761 &+ seed &* 40_503 &+ 12_345) % 1009
      return isWhole ? Double(word % 2) : Double(word) / 1009 - 0.4
    }
  }
}
