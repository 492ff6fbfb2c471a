/// How one operator of ONNX is added to a graph, from some version of the operators on.
struct ONNXOperator: Sendable {
  /// Adds a node: reads its operands and attributes, gives its results in the order of its outputs.
  typealias Body = @Sendable (inout ONNXOperation) throws(FormatError) -> [ONNXValue]

  /// Its name, such as `Conv`.
  let name: String
  /// The first opset in which it means this.
  let since: Int
  /// How a node of it is added.
  let body: Body

  /// An operator that means this from opset `since` on.
  init(_ name: String, since: Int = 1, _ body: @escaping Body) {
    self.name = name
    self.since = since
    self.body = body
  }
}
