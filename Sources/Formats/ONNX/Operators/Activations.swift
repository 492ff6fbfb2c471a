import Autodiff
import TensorCore

/// The activations of networks, made of elementwise functions.
///
/// At a kink each has the derivative that PyTorch gives it.
extension ONNXOperator {
  static let activations: [ONNXOperator] = [
    ONNXOperator("LeakyRelu") { o throws(FormatError) in
      // α x + (1 − α) max(x, 0)
      o.ignore("consumed_inputs")
      let alpha = try o.float("alpha") ?? 0.01
      let x = try o.input(0)
      let positive = o.graph.affine(o.graph.unary(.relu, x), scale: 1 - alpha, offset: 0)
      return [try o.result(o.graph.add(o.graph.affine(x, scale: alpha, offset: 0), positive))]
    },
    ONNXOperator("PRelu") { o throws(FormatError) in
      o.ignore("consumed_inputs")
      let x = try o.input(0)
      let slope = try o.channels(try o.input(1), of: x)
      let sloped = try o.multiply(o.negativePart(x), slope)
      return [try o.result(try o.add(o.graph.unary(.relu, x), sloped))]
    },
    ONNXOperator("Elu") { o throws(FormatError) in
      o.ignore("consumed_inputs")
      let alpha = try o.float("alpha") ?? 1
      let x = try o.input(0)
      return [try o.result(o.exponentialUnit(x, alpha: alpha, width: 1))]
    },
    ONNXOperator("Selu") { o throws(FormatError) in
      o.ignore("consumed_inputs")
      let alpha = try o.float("alpha") ?? 1.6732632423543772
      let gamma = try o.float("gamma") ?? 1.0507009873554805
      let x = try o.input(0)
      let unit = o.exponentialUnit(x, alpha: alpha, width: 1)
      return [try o.result(o.graph.affine(unit, scale: gamma, offset: 0))]
    },
    ONNXOperator("Celu") { o throws(FormatError) in
      let alpha = try o.float("alpha") ?? 1
      let x = try o.input(0)
      return [try o.result(o.exponentialUnit(x, alpha: alpha, width: alpha))]
    },
    ONNXOperator("HardSigmoid") { o throws(FormatError) in
      o.ignore("consumed_inputs")
      let given = try o.float("alpha") ?? 0.2
      // PyTorch's slope, which the file holds in single precision.
      let alpha = Float(given) == 1.0 / 6 ? 1.0 / 6 : given
      let beta = try o.float("beta") ?? 0.5
      let x = try o.input(0)
      return [try o.result(try o.ramp(x, slope: alpha, height: beta))]
    },
    ONNXOperator("HardSwish") { o throws(FormatError) in
      let x = try o.input(0)
      return [try o.result(o.graph.multiply(x, try o.ramp(x, slope: 1.0 / 6, height: 0.5)))]
    },
    ONNXOperator("Softplus") { o throws(FormatError) in
      let x = try o.input(0)
      return [try o.result(o.graph.softplus(x))]
    },
    ONNXOperator("Mish") { o throws(FormatError) in
      let x = try o.input(0)
      return [try o.result(o.graph.multiply(x, o.graph.unary(.tanh, o.graph.softplus(x))))]
    },
    ONNXOperator("Softsign") { o throws(FormatError) in
      let x = try o.input(0)
      let size = o.graph.affine(o.graph.unary(.abs, x), scale: 1, offset: 1)
      return [try o.result(o.graph.divide(x, size))]
    },
    ONNXOperator("Gelu") { o throws(FormatError) in
      let x = try o.input(0)
      switch try o.string("approximate") ?? "none" {
      case "none": return [try o.result(o.graph.gelu(x))]
      case "tanh": return [try o.result(o.graph.geluTanh(x))]
      case let other:
        throw o.fault("the approximation \(FormatError.quoted(other))", expected: "none or tanh")
      }
    },
    ONNXOperator("Swish") { o throws(FormatError) in
      [try o.result(try o.swish())]
    },
    ONNXOperator("SwiGLU") { o throws(FormatError) in
      [try o.result(try o.multiply(try o.swish(), try o.input(1)))]
    },
    ONNXOperator("ThresholdedRelu") { o throws(FormatError) in
      let alpha = try o.float("alpha") ?? 1
      let x = try o.input(0)
      let above = try o.binary(.less, o.graph.constant(alpha), x)
      return [try o.result(try o.binary(.mask, above, x))]
    },
    ONNXOperator("Shrink") { o throws(FormatError) in
      let (bias, limit) = (try o.float("bias") ?? 0, try o.float("lambd") ?? 0.5)
      let x = try o.input(0)
      let above = try o.binary(.less, o.graph.constant(limit), x)
      let below = try o.binary(.less, x, o.graph.constant(-limit))
      let high = try o.binary(.mask, above, o.graph.affine(x, scale: 1, offset: -bias))
      let low = try o.binary(.mask, below, o.graph.affine(x, scale: 1, offset: bias))
      return [try o.result(o.graph.add(high, low))]
    },
  ]
}

extension ONNXOperation {
  /// x · sigmoid(α x) of the first operand.
  fileprivate mutating func swish() throws(FormatError) -> NodeID {
    let alpha = try float("alpha") ?? 1
    let x = try input(0)
    return graph.multiply(x, graph.unary(.sigmoid, graph.affine(x, scale: alpha, offset: 0)))
  }

  /// min(x, 0).
  fileprivate mutating func negativePart(_ x: NodeID) -> NodeID {
    graph.add(Binary(.minimum), x, graph.constant(0))
  }

  /// x above 0 and α (exp(x / w) − 1) below.
  fileprivate mutating func exponentialUnit(
    _ x: NodeID, alpha: Double, width: Double
  ) -> NodeID {
    let scaled = graph.affine(negativePart(x), scale: 1 / width, offset: 0)
    let below = graph.affine(graph.unary(.expMinusOne, scaled), scale: alpha, offset: 0)
    return graph.add(graph.unary(.relu, x), below)
  }

  /// A line cut off below 0 and above 1.
  fileprivate mutating func ramp(
    _ x: NodeID, slope: Double, height: Double
  ) throws(FormatError) -> NodeID {
    let line = graph.affine(x, scale: slope, offset: height)
    let low = graph.binary(.maximum, graph.detach(line), graph.constant(0))
    let flat = graph.binary(.minimum, low, graph.constant(1))
    // Where it bends is exact in x, and not in the line, which is rounded.
    let isAbove = graph.binary(.less, graph.constant(-height / slope), x)
    let isBelow = graph.binary(.less, x, graph.constant((1 - height) / slope))
    return try select(graph.multiply(isAbove, isBelow), line, flat)
  }

  /// A vector of one element per channel, of images `[N, C, …]`; other operands broadcast as they
  /// are, where the opset has broadcasting.
  fileprivate mutating func channels(
    _ slope: NodeID, of x: NodeID
  ) throws(FormatError) -> NodeID {
    let (own, shape) = (graph.shape(slope), graph.shape(x))
    guard own.rank == 1, shape.rank > 2, own[0] == shape[1],
      own[0] != shape[-1] || opset < 7
    else {
      return slope
    }
    return try reshape(slope, to: own.extents + [Int](repeating: 1, count: shape.rank - 2))
  }
}
