public import TensorCore

/// An elementwise function of one argument.
public struct Unary: Primitive {
  /// The name of the primitive.
  public static let name = "unary"
  /// Which function.
  public let function: UnaryFunction

  /// The elementwise function.
  public init(_ function: UnaryFunction) { self.function = function }

  /// Every function with a kernel, away from its kinks and poles.
  public static var examples: [PrimitiveExample] {
    UnaryFunction.allCases.map { function in
      switch function {
      case .log, .sqrt, .reciprocal:
        PrimitiveExample(Unary(function), [[2, 3]], domain: 0.5...2)
      case .relu, .step, .abs, .sign, .floor, .ceil, .truncate, .asin, .acos, .atanh:
        PrimitiveExample(Unary(function), [[2, 3]], domain: 0.1...0.9)
      case .tan, .logOnePlus: PrimitiveExample(Unary(function), [[2, 3]], domain: -0.5...1)
      case .round: PrimitiveExample(Unary(function), [[2, 3]], domain: 0.6...1.4)
      case .acosh: PrimitiveExample(Unary(function), [[2, 3]], domain: 1.5...3)
      default: PrimitiveExample(Unary(function), [[2, 3]])
      }
    }
  }

  /// The operand's shape.
  public func shape(of operands: [Shape]) -> Shape { operands[0] }

  /// The same for tangents of any leading axes: the derivative times the tangent.
  public func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID? {
    tangents[0].flatMap { times(&graph, $0, operands[0], result) }
  }

  /// The derivative times the cotangent.
  public func vjp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, cotangent: NodeID, operand: Int
  ) -> NodeID? { times(&graph, cotangent, operands[0], result) }

  /// f'(x) · v, written with f(x) = y where that is cheaper.
  private func times(_ g: inout Graph, _ v: NodeID, _ x: NodeID, _ y: NodeID) -> NodeID? {
    switch function {
    case .negate: return g.negate(v)
    case .exp: return g.multiply(v, y)
    case .log: return g.divide(v, x)
    case .tanh: return g.multiply(v, oneMinusSquare(&g, y))
    case .sigmoid:
      let slope = g.multiply(y, g.affine(y, scale: -1, offset: 1))
      return g.multiply(v, slope)
    case .relu: return g.multiply(v, g.unary(.step, x))
    case .step: return nil
    case .erf:
      let gaussian = g.unary(.exp, g.negate(g.unary(.square, x)))
      return g.multiply(v, g.affine(gaussian, scale: 1.1283791670955126, offset: 0))
    case .sqrt: return g.divide(v, g.affine(y, scale: 2, offset: 0))
    case .reciprocal: return g.negate(g.multiply(v, g.unary(.square, y)))
    case .square: return g.multiply(v, g.affine(x, scale: 2, offset: 0))
    case .copy: return v
    case .abs: return g.multiply(v, g.unary(.sign, x))
    case .sign, .floor, .ceil, .truncate, .round: return nil
    case .expMinusOne: return g.multiply(v, g.unary(.exp, x))
    case .logOnePlus: return g.divide(v, g.affine(x, scale: 1, offset: 1))
    case .sin: return g.multiply(v, g.unary(.cos, x))
    case .cos: return g.negate(g.multiply(v, g.unary(.sin, x)))
    case .tan: return g.multiply(v, squarePlus(&g, y, 1))
    case .asin: return g.divide(v, g.unary(.sqrt, oneMinusSquare(&g, x)))
    case .acos: return g.negate(g.divide(v, g.unary(.sqrt, oneMinusSquare(&g, x))))
    case .atan: return g.divide(v, squarePlus(&g, x, 1))
    case .sinh: return g.multiply(v, g.unary(.cosh, x))
    case .cosh: return g.multiply(v, g.unary(.sinh, x))
    case .asinh: return g.divide(v, g.unary(.sqrt, squarePlus(&g, x, 1)))
    case .acosh: return g.divide(v, g.unary(.sqrt, squarePlus(&g, x, -1)))
    case .atanh: return g.divide(v, oneMinusSquare(&g, x))
    }
  }

  /// x² + c.
  private func squarePlus(_ g: inout Graph, _ x: NodeID, _ c: Double) -> NodeID {
    g.affine(g.unary(.square, x), scale: 1, offset: c)
  }

  /// 1 − x².
  private func oneMinusSquare(_ g: inout Graph, _ x: NodeID) -> NodeID {
    g.affine(g.unary(.square, x), scale: -1, offset: 1)
  }

  /// The function itself.
  public var elementwise: ElementwiseFunction? { .unary(function) }

  /// The bulk kernel.
  public func kernel<Scalar: TensorScalar>(
    _ operands: [Shape], _ result: Shape, _ type: Scalar.Type
  ) -> Kernel<Scalar> {
    let (function, count) = (function, result.count)
    return { Scalar.map(function, count, $0[0], $0.result) }
  }
}

extension Graph {
  /// f(x), elementwise.
  public mutating func unary(_ function: UnaryFunction, _ x: NodeID) -> NodeID {
    add(Unary(function), x)
  }

  /// −x.
  public mutating func negate(_ x: NodeID) -> NodeID { affine(x, scale: -1, offset: 0) }
}
