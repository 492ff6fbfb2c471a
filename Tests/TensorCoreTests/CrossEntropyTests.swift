import RealModule
import TensorCore
import Testing

/// Losses and gradients of rows of logits against wider arithmetic without shortcuts.
@Suite struct CrossEntropyTests {
  /// −log softmax(x)[label], from the differences to the label's logit.
  static func loss(_ x: [Wide], _ label: Int) -> Wide {
    let differences = x.indices.filter { $0 != label }.map { x[$0] - x[label] }
    guard let most = differences.max() else { return 0 }
    if most == .infinity { return .infinity }
    if most <= 0 { return .log(onePlus: differences.reduce(0) { $0 + .exp($1) }) }
    return most + .log(differences.reduce(.exp(-most)) { $0 + .exp($1 - most) })
  }

  static func softmax(_ x: [Wide]) -> [Wide] {
    let most = x.max() ?? 0
    let powers = x.map { Wide.exp($0 - most) }
    let sum = powers.reduce(0, +)
    return powers.map { $0 / sum }
  }

  static func gradient(_ x: [Wide], _ label: Int) -> [Wide] {
    var gradient = softmax(x)
    gradient[label] = 0
    gradient[label] = -gradient.reduce(0, +)
    return gradient
  }

  /// Relative to the reference, with the smallest denormal of each column added.
  static func expectClose<Scalar: TensorScalar>(
    _ got: [Scalar], _ exact: [Wide], columns: Int, _ comment: @autoclosure () -> String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    // Each exponential and each addition may be an ulp off, and the quotient or the logarithm.
    let relative = Wide(columns + 6) * Wide(Scalar.ulpOfOne)
    let absolute = Wide(columns + 1) * Wide(Scalar.leastNonzeroMagnitude)
    for (got, exact) in zip(got, exact) {
      let fits =
        exact.isInfinite
        ? Wide(got) == exact : abs(Wide(got) - exact) <= relative * abs(exact) + absolute
      #expect(fits, "\(comment()): \(got) for \(exact)", sourceLocation: sourceLocation)
    }
  }

  static func check<Scalar: TensorScalar>(_ x: [Scalar], _ label: Int) {
    let columns = x.count
    let wide = x.map { Wide($0) }
    var value = [Scalar](repeating: .nan, count: 1)
    var row = [Scalar](repeating: .nan, count: columns)
    Scalar.crossEntropy(1, columns, x, [Int32(label)], &value)
    expectClose(value, [loss(wide, label)], columns: columns, "loss of \(label) in \(x)")
    Scalar.crossEntropyGradient(1, columns, x, [Int32(label)], &row)
    expectClose(row, gradient(wide, label), columns: columns, "gradient of \(label) in \(x)")
    Scalar.softmax(1, columns, x, &row)
    expectClose(row, softmax(wide), columns: columns, "softmax of \(x)")
    Scalar.logSumExp(1, columns, x, &value)
    let most = wide.max() ?? 0
    let exact = most + .log(wide.reduce(0) { $0 + .exp($1 - most) })
    // m + log Σ may cancel where they have opposite signs; the error is relative to the larger.
    let bound = Wide(columns + 6) * Wide(Scalar.ulpOfOne) * Swift.max(abs(most), 1)
    #expect(abs(Wide(value[0]) - exact) <= bound, "log Σ exp of \(x)")
  }

  // Logits are multiples of 1/4, so that their differences are exact in either precision.

  @Test(arguments: precisions) func `random logits of any width`(type: any TensorScalar.Type) {
    func body<Scalar: TensorScalar>(_: Scalar.Type) {
      var stream = RandomStream(seed: 3, stream: 0)
      for columns in [1, 2, 3, 10, 15, 16, 17, 63, 64, 65, 130] {
        for width in [2, 40, 400] {
          let x = (0..<columns).map { _ in Scalar(stream.nextInteger(below: 4 * width)) / 4 }
          for label in Set([0, columns / 2, columns - 1]) { Self.check(x, label) }
        }
      }
    }
    body(type)
  }

  @Test(arguments: precisions) func `the label's probability near 1 and near 0`(
    type: any TensorScalar.Type
  ) {
    func body<Scalar: TensorScalar>(_: Scalar.Type) {
      for gap in [0, 0.25, 5, 20, 60, 90, 100, 700, 740, 10_000, 20_000] as [Scalar] {
        Self.check([gap, 0], 0)
        Self.check([gap, 0], 1)
        Self.check([0, gap / 2, gap], 1)
        Self.check([-gap, 0, 0], 0)
        Self.check([gap / 2, -gap / 2, gap / 2], 2)
      }
    }
    body(type)
  }

  @Test(arguments: precisions) func `masked columns have logits of minus infinity`(
    type: any TensorScalar.Type
  ) {
    func body<Scalar: TensorScalar>(_: Scalar.Type) {
      let x: [Scalar] = [1, -.infinity, 2, -.infinity]
      Self.check(x, 0)
      Self.check(x, 2)
      var loss: [Scalar] = [0], row = [Scalar](repeating: .nan, count: 4)
      Scalar.crossEntropy(1, 4, x, [1], &loss)
      #expect(loss == [.infinity], "an impossible label costs infinitely much")
      Scalar.crossEntropyGradient(1, 4, x, [0], &row)
      #expect(row[1] == 0 && row[3] == 0)
    }
    body(type)
  }

  @Test(arguments: precisions) func `rows without a label count nothing`(
    type: any TensorScalar.Type
  ) {
    func body<Scalar: TensorScalar>(_: Scalar.Type) {
      let x: [Scalar] = [1, 2, 3, 4, 5, 6]
      var loss: [Scalar] = [9, 9, 9], rows = [Scalar](repeating: 9, count: 6)
      Scalar.crossEntropy(3, 2, x, [0, -1, 1], &loss)
      #expect(loss[1] == 0 && loss[0] > 1 && loss[2] < 1)
      Scalar.crossEntropyGradient(3, 2, x, [0, -1, 1], &rows)
      #expect(rows[2...3] == [0, 0] && rows[0] < 0 && rows[5] < 0)
      Scalar.crossEntropyGradient(0, 2, x, [], &rows)
    }
    body(type)
  }

  @Test(arguments: precisions) func `values that are no logits stay visible`(
    type: any TensorScalar.Type
  ) {
    func body<Scalar: TensorScalar>(_: Scalar.Type) {
      let nan = Tensor<Scalar>([1, 3], [0, .nan, 1])
      #expect(nan.softmax().scalars.allSatisfy { $0.isNaN })
      #expect(nan.logSumExp().scalars[0].isNaN)
      #expect(Tensor<Scalar>([1, 2], [0, .infinity]).logSumExp().scalars == [.infinity])
      #expect(
        Tensor<Scalar>([1, 2], [-.infinity, -.infinity]).logSumExp().scalars == [-.infinity])
      #expect(Tensor<Scalar>([2, 0]).logSumExp().scalars == [-.infinity, -.infinity])
      #expect(Tensor<Scalar>([2, 0]).softmax().scalars == [])
    }
    body(type)
  }
}
