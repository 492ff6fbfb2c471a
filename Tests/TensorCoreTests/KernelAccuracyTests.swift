import RealModule
import TensorCore
import Testing

/// The vectorised exp, log, tanh and sigmoid, and the C library's functions beside them, in units in the
/// last place of the correct result.
@Suite struct KernelAccuracyTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let function: UnaryFunction
    let limit: Double
    let reference: @Sendable (Wide) -> Wide
    var testDescription: String { "\(function)" }
  }

  // Measured over all Floats and 12 million Doubles: exp 1.02 and 0.99, log 0.83 and 0.82,
  // tanh 2.42 and 2.54, sigmoid 2.40 and 2.32. The others are the C library's, sqrt and the rest rounded correctly.
  static let cases = [
    Case(function: .exp, limit: 1.1) { .exp($0) },
    Case(function: .tanh, limit: 2.7) { .tanh($0) },
    Case(function: .sigmoid, limit: 2.6) { x in
      let e = Wide.exp(-abs(x))
      return x < 0 ? e / (1 + e) : 1 / (1 + e)
    },
    Case(function: .log, limit: 0.9) { .log($0) },
    Case(function: .erf, limit: 1.1) { .erf($0) },
    Case(function: .sqrt, limit: 0.51) { $0.squareRoot() },
    Case(function: .reciprocal, limit: 0.51) { 1 / $0 },
    Case(function: .square, limit: 0.51) { $0 * $0 },
    Case(function: .negate, limit: 0) { -$0 },
    Case(function: .relu, limit: 0) { $0 < 0 ? 0 : $0 },
    Case(function: .step, limit: 0) { $0.isNaN ? $0 : $0 > 0 ? 1 : 0 },
    Case(function: .copy, limit: 0) { $0 },
    Case(function: .abs, limit: 0) { $0.magnitude },
    Case(function: .sign, limit: 0) { $0.isNaN ? $0 : $0 == 0 ? 0 : $0 > 0 ? 1 : -1 },
    Case(function: .floor, limit: 0) { $0.rounded(.down) },
    Case(function: .ceil, limit: 0) { $0.rounded(.up) },
    Case(function: .truncate, limit: 0) { $0.rounded(.towardZero) },
    Case(function: .round, limit: 0) { $0.rounded(.toNearestOrEven) },
    Case(function: .expMinusOne, limit: 2) { .expMinusOne($0) },
    Case(function: .logOnePlus, limit: 2) { .log(onePlus: $0) },
    Case(function: .sin, limit: 2) { .sin($0) },
    Case(function: .cos, limit: 2) { .cos($0) },
    Case(function: .tan, limit: 2) { .tan($0) },
    Case(function: .asin, limit: 2) { .asin($0) },
    Case(function: .acos, limit: 2) { .acos($0) },
    Case(function: .atan, limit: 2) { .atan($0) },
    Case(function: .sinh, limit: 3) { .sinh($0) },
    Case(function: .cosh, limit: 3) { .cosh($0) },
    Case(function: .asinh, limit: 3) { .asinh($0) },
    Case(function: .acosh, limit: 3) { .acosh($0) },
    Case(function: .atanh, limit: 3) { .atanh($0) },
  ]

  static func map<Scalar: TensorScalar>(_ function: UnaryFunction, _ x: [Scalar]) -> [Scalar] {
    Tensor([x.count], x).map(function).scalars
  }

  /// The distance in ulps; infinite where NaN, an infinity or the sign of a zero differs.
  static func ulps<Scalar: TensorScalar>(_ got: Scalar, _ exact: Wide) -> Double {
    let rounded = Scalar(exact)
    if got.isNaN || rounded.isNaN { return got.isNaN && rounded.isNaN ? 0 : .infinity }
    if rounded.isInfinite || got.isInfinite { return got == rounded ? 0 : .infinity }
    if got == 0, rounded == 0 { return got.sign == rounded.sign ? 0 : .infinity }
    return Double(abs(Wide(got) - exact) / Wide(rounded.ulp))
  }

  /// Values over the whole line, dense where the functions bend.
  static func inputs<Scalar: TensorScalar>(_: Scalar.Type) -> [Scalar] {
    var stream = RandomStream(seed: 20, stream: 0)
    var x: [Scalar] = [
      0, -0.0, 1, -1, .infinity, -.infinity, .nan, .leastNonzeroMagnitude,
      -.leastNonzeroMagnitude, .leastNormalMagnitude, -.leastNormalMagnitude,
      .greatestFiniteMagnitude, -.greatestFiniteMagnitude,
    ]
    // Where exp overflows, where it becomes denormal and where it vanishes.
    let edges: [Scalar] = [
      .log(.greatestFiniteMagnitude), .log(.leastNormalMagnitude), .log(.leastNonzeroMagnitude),
    ]
    for var edge in edges.flatMap({ [$0, -$0, $0 / 2] }) {
      for _ in 0..<40 { edge = edge.nextDown }
      for _ in 0..<80 {
        x.append(edge)
        edge = edge.nextUp
      }
    }
    for width in [1, 10, 40, 240, 1500] as [Scalar] {
      for _ in 0..<1000 { x.append((stream.nextUniform() - 0.5) * width) }
    }
    let exponents = Scalar.leastNonzeroMagnitude.exponent...Scalar.greatestFiniteMagnitude.exponent
    for _ in 0..<2000 {
      let exponent =
        exponents.lowerBound
        + Scalar.Exponent(
          stream.nextInteger(below: Int(exponents.upperBound - exponents.lowerBound)))
      x.append(
        Scalar(
          sign: stream.next() & 1 == 0 ? .plus : .minus, exponent: exponent,
          significand: 1 + stream.nextUniform()))
    }
    return x
  }

  @Test(arguments: precisions, cases) func `few ulps everywhere`(
    type: any TensorScalar.Type, of testCase: Case
  ) {
    func body<Scalar: TensorScalar>(_: Scalar.Type) {
      let x = Self.inputs(Scalar.self)
      let y = Self.map(testCase.function, x)
      var worst = (error: -1.0, x: Scalar(0), y: Scalar(0))
      for (x, y) in zip(x, y) {
        let error = Self.ulps(y, testCase.reference(Wide(x)))
        if error > worst.error { worst = (error, x, y) }
      }
      // Where the reference is no wider than the result, it errs itself.
      let slack = Wide.significandBitCount > Scalar.significandBitCount ? 0.0 : 1.0
      #expect(
        worst.error <= testCase.limit + slack,
        "\(testCase.function)(\(worst.x)) = \(worst.y) is off by \(worst.error) ulps")
    }
    body(type)
  }

  @Test(arguments: precisions) func `any length gives the same values`(
    type: any TensorScalar.Type
  ) {
    func body<Scalar: TensorScalar>(_: Scalar.Type) {
      // The vector loop and its scalar remainder must agree.
      let x: Tensor<Scalar> = 8 * random([70])
      for function in UnaryFunction.allCases {
        let whole = Self.map(function, x.scalars)
        for count in [0, 1, 15, 33] {
          let part = Self.map(function, Array(x.scalars.prefix(count)))
          #expect(zip(part, whole).allSatisfy { $0 == $1 || ($0.isNaN && $1.isNaN) })
        }
      }
    }
    body(type)
  }
}
