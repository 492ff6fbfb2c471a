extension Tensor {
  /// f of each element.
  public func map(_ function: UnaryFunction) -> Tensor {
    Tensor.filled(shape) { result in withElements { x in Scalar.map(function, count, x, result) } }
  }

  /// The elementwise sum, broadcast.
  public static func + (a: Tensor, b: Tensor) -> Tensor { a.zip(.add, b) }
  /// The elementwise difference, broadcast.
  public static func - (a: Tensor, b: Tensor) -> Tensor { a.zip(.subtract, b) }
  /// The elementwise product, broadcast.
  public static func * (a: Tensor, b: Tensor) -> Tensor { a.zip(.multiply, b) }
  /// The elementwise quotient, broadcast.
  public static func / (a: Tensor, b: Tensor) -> Tensor { a.zip(.divide, b) }

  /// Each element plus a scalar.
  public static func + (a: Tensor, b: Scalar) -> Tensor { a.zip(.add, Tensor(b)) }
  /// Each element minus a scalar.
  public static func - (a: Tensor, b: Scalar) -> Tensor { a.zip(.subtract, Tensor(b)) }
  /// Each element times a scalar.
  public static func * (a: Tensor, b: Scalar) -> Tensor { a.zip(.multiply, Tensor(b)) }
  /// Each element over a scalar.
  public static func / (a: Tensor, b: Scalar) -> Tensor { a.zip(.divide, Tensor(b)) }

  /// A scalar plus each element.
  public static func + (a: Scalar, b: Tensor) -> Tensor { Tensor(a).zip(.add, b) }
  /// A scalar minus each element.
  public static func - (a: Scalar, b: Tensor) -> Tensor { Tensor(a).zip(.subtract, b) }
  /// A scalar times each element.
  public static func * (a: Scalar, b: Tensor) -> Tensor { Tensor(a).zip(.multiply, b) }
  /// A scalar over each element.
  public static func / (a: Scalar, b: Tensor) -> Tensor { Tensor(a).zip(.divide, b) }

  /// Each element negated.
  public static prefix func - (a: Tensor) -> Tensor { a.map(.negate) }

  /// The rank-0 tensor of one value.
  public init(_ value: Scalar) { self.init([], [value]) }
}
