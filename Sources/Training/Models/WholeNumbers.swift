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

  /// The first item for which one of them outgrows a scalar or its own type, with what was expected, in
  /// words; nil where none does.
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
        let range = Self.range(value.elementType, within: limit)
        guard let large = workspace.output(index).first(where: { !range.contains($0) }) else {
          continue
        }
        let name =
          "\(FormatError.quoted(value.name)) (\(FormatError.printable(value.operatorName, limit: 60)))"
        return (
          item,
          abs(large) > limit
            ? "the whole number \(large) in \(name), expected \(Self.expected(Scalar.self))"
            : "the whole number \(large) in \(name), which \(value.elementType.rawValue) cannot hold, "
              + "expected \(range.lowerBound) to \(range.upperBound)"
        )
      }
    }
    return nil
  }

  /// What a type holds, as far as all whole numbers are exact.
  private static func range(_ type: ElementType, within limit: Double) -> ClosedRange<Double> {
    switch type {
    case .int8: -128...127
    case .uint8: 0...255
    case .int16: -32768...32767
    case .uint16: 0...65535
    case .int32: max(-limit, -0x1p31)...min(limit, 0x1p31 - 1)
    case .uint32: 0...min(limit, 0x1p32 - 1)
    case .uint64: 0...limit
    default: -limit...limit
    }
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
