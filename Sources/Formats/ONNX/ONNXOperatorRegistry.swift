/// Every operator of ONNX that can be brought into a graph.
package enum ONNXOperatorRegistry {
  /// A family of operators is one file, and one line here.
  static let all: [ONNXOperator] = [
    ONNXOperator.constants, ONNXOperator.types, ONNXOperator.elementwise, ONNXOperator.arithmetic,
    ONNXOperator.comparisons, ONNXOperator.activations, ONNXOperator.layout, ONNXOperator.indexing,
    ONNXOperator.padding, ONNXOperator.reductions, ONNXOperator.products, ONNXOperator.convolutions,
    ONNXOperator.pooling, ONNXOperator.normalizations, ONNXOperator.softmaxes,
    ONNXOperator.attention, ONNXOperator.sequences, ONNXOperator.resizing,
    ONNXOperator.recurrences, ONNXOperator.placing, ONNXOperator.refusals,
  ].flatMap(\.self)

  private static let byName = Dictionary(grouping: all, by: \.name)

  /// The names of the operators, in order.
  package static var names: [String] { byName.keys.sorted() }

  /// What an operator means in an opset; nil where it is not known.
  static func find(_ name: String, opset: Int) -> ONNXOperator? {
    byName[name]?.filter { $0.since <= opset }.max { $0.since < $1.since }
  }
}
