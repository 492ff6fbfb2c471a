import Autodiff
import TensorCore

/// Functions of one argument, element by element.
extension ONNXOperator {
  static let elementwise: [ONNXOperator] = [
    map("Abs", .abs), map("Sign", .sign), map("Reciprocal", .reciprocal),
    map("Exp", .exp), map("Log", .log), map("Erf", .erf), map("Sin", .sin), map("Cos", .cos),
    map("Tan", .tan), map("Asin", .asin), map("Acos", .acos), map("Atan", .atan),
    map("Sinh", .sinh), map("Cosh", .cosh), map("Asinh", .asinh), map("Acosh", .acosh),
    map("Atanh", .atanh), map("Floor", .floor), map("Ceil", .ceil), map("Round", .round),
    map("Tanh", .tanh),
    map("Sigmoid", .sigmoid), map("Relu", .relu),
    ONNXOperator("Sqrt") { o throws(FormatError) in
      let x = try o.input(0)
      return [try o.result(o.sumsSquares(x) ? o.norm(ofSquare: x) : o.graph.unary(.sqrt, x))]
    },
    ONNXOperator("Neg") { o throws(FormatError) in
      let x = try o.input(0)
      return [try o.result(o.graph.negate(x))]
    },
    ONNXOperator("Not") { o throws(FormatError) in
      let x = try o.input(0)
      return [.computed(o.graph.not(x), .bool)]
    },
    ONNXOperator("Dropout", dropout),
  ]

  private static func map(_ name: String, _ function: UnaryFunction) -> ONNXOperator {
    ONNXOperator(name) { o throws(FormatError) in
      // An attribute of the oldest opsets, about memory alone.
      o.ignore("consumed_inputs")
      let x = try o.input(0)
      return [try o.result(o.graph.unary(function, x))]
    }
  }

  /// The identity in evaluation.
  private static func dropout(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    o.ignore("ratio", "seed", "consumed_inputs")
    // In the first opsets training was what an absent flag meant.
    let evaluates = try o.flag("is_test", default: o.opset >= 7)
    // Whether it trains may also be an input of the model, for its caller to say.
    let trains = if o.has(2) { try o.number(2) != 0 } else { !evaluates }
    if trains {
      throw o.fault(
        "dropout in training is not supported: every run drops others, so that an example has no "
          + "gradient of its own",
        remedy: "export the model in evaluation mode: model.eval()")
    }
    let mask = o.graph.constant(1, try o.shape(0))
    return [try o.value(0), .computed(mask, .bool)]
  }
}
