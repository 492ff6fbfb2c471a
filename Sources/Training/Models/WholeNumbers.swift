import Autodiff
import Formats
import TensorCore

/// The whole numbers that a model from a file computes from its inputs, such as hashes.
///
/// The program that trained the model had 64-bit integers there; a scalar of floating point holds
/// them exactly up to a bound alone.
struct WholeNumbers: Sendable {
  private let plan: Plan<Double>
  private let values: [ONNXProgram.WholeNumber]

  /// Nil where there are none.
  init?(_ values: [ONNXProgram.WholeNumber], of graph: Graph) {
    // What depends on weights as well is none of them.
    let asked = values.filter { value in
      graph.shape(value.value).count > 0
        && graph.inputLabels(of: value.value) == [ItemGraph.inputsLabel]
    }
    guard !asked.isEmpty else { return nil }
    self.values = asked
    plan = Plan<Double>(graph, outputs: asked.map(\.value))
  }

  /// The first item for which one of them outgrows a scalar, in words; nil where none does.
  ///
  /// - Complexity: O(items · operators on whole numbers).
  func overflow<Scalar: TensorScalar>(
    _ inputs: Tensor<Scalar>, _ shape: Shape
  ) -> (item: Int, found: String)? {
    let limit = WholeNumbers.limit(Scalar.self)
    let workspace = plan.makeWorkspace()
    let width = max(shape.count, 1)
    for item in 0..<inputs.count / width {
      let row = inputs.scalars[item * width..<(item + 1) * width].map { Double($0) }
      workspace.set(ItemGraph.inputsLabel, Tensor(shape, row))
      plan.run(workspace)
      for (index, value) in values.enumerated() {
        guard let large = workspace.output(index).first(where: { abs($0) > limit }) else {
          continue
        }
        return (
          item,
          "the whole number \(large) in \(FormatError.quoted(value.name)) "
            + "(\(FormatError.printable(value.operatorName, limit: 60)))"
        )
      }
    }
    return nil
  }

  /// The largest whole number up to which all are exact.
  static func limit<Scalar: TensorScalar>(_ type: Scalar.Type) -> Double {
    type == Float.self ? 0x1p24 : 0x1p53
  }

  /// How errors go on.
  static func expected<Scalar: TensorScalar>(_ type: Scalar.Type) -> String {
    type == Float.self
      ? "at most 2^24, up to which float32 holds whole numbers exactly; use --precision float64"
      : "at most 2^53, up to which float64 holds whole numbers exactly"
  }
}

extension Graph {
  /// The labels of the inputs that a value is computed from.
  fileprivate func inputLabels(of value: NodeID) -> Set<String> {
    var (open, reached): ([NodeID], Set<NodeID>) = ([value], [value])
    var labels: Set<String> = []
    while let id = open.popLast() {
      if let input = self[id].primitive as? Input { labels.insert(input.label) }
      for operand in self[id].operands where reached.insert(operand).inserted {
        open.append(operand)
      }
    }
    return labels
  }
}
