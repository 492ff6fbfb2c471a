/// Operators that are known, and why they cannot be brought into a graph.
extension ONNXOperator {
  static let refusals: [ONNXOperator] =
    refuse(
      ["Scan", "SequenceMap"],
      because: "loops over arrays are not supported",
      remedy: "export the model with its loops unrolled")
    + refuse(
      [
        "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv",
        "QLinearMatMul", "ConvInteger", "MatMulInteger",
      ],
      because: "quantised models are not supported: rounded weights have no gradient",
      remedy: "export the model before it is quantised")
    + refuse(
      [
        "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli",
        "Multinomial",
      ],
      because: "random numbers are not supported: every run would give another gradient",
      remedy: "export the model in evaluation mode: model.eval()")

  private static func refuse(
    _ names: [String], because reason: String, remedy: String
  ) -> [ONNXOperator] {
    names.map { name in
      ONNXOperator(name) { o throws(FormatError) in throw o.fault(reason, remedy: remedy) }
    }
  }
}
