import TensorCore

/// Functions made of primitives: they need no rules of their own.
extension Graph {
  /// x · Φ(x), the exact Gaussian error linear unit.
  ///
  /// Hendrycks & Gimpel 2016, equation 1.
  public mutating func gelu(_ x: NodeID) -> NodeID {
    let erf = unary(.erf, affine(x, scale: 0.7071067811865476, offset: 0))
    return multiply(x, affine(erf, scale: 0.5, offset: 0.5))
  }

  /// log(1 + exp x) as max(x, 0) + log(1 + exp(−|x|)), which cannot overflow.
  public mutating func softplus(_ x: NodeID) -> NodeID {
    // Written with minimum and maximum: their derivatives at 0 add up to the right one.
    let size = add(Binary(.minimum), negate(x), x)
    let rest = unary(.logOnePlus, unary(.exp, size))
    return add(add(Binary(.maximum), x, constant(0)), rest)
  }

  /// The form of GELU with tanh (Hendrycks & Gimpel 2016, section 2).
  public mutating func geluTanh(_ x: NodeID) -> NodeID {
    // √(2/π) (x + 0.044715 x³)
    let cubic = affine(
      unary(.square, x), scale: 0.7978845608028654 * 0.044715, offset: 0.7978845608028654)
    let tanh = unary(.tanh, multiply(x, cubic))
    return multiply(x, affine(tanh, scale: 0.5, offset: 0.5))
  }

  /// x · sigmoid(x).
  public mutating func silu(_ x: NodeID) -> NodeID { multiply(x, unary(.sigmoid, x)) }

  /// log softmax over the last axis.
  public mutating func logSoftmax(_ x: NodeID) -> NodeID {
    let total = logSumExp(x)
    return subtract(x, column(total, of: total))
  }
}
