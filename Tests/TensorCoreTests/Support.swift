import RealModule
import TensorCore

/// Test bodies are generic and run for both.
let precisions: [any TensorScalar.Type] = [Float.self, Double.self]

#if arch(x86_64) && os(Linux)
  /// Eleven bits more than a Double, for reference values.
  typealias Wide = Float80
#else
  /// The best that the platform has, for reference values.
  typealias Wide = Double
#endif

/// Entries in [−1, 1), the same for each seed.
func random<Scalar: TensorScalar>(_ shape: Shape, seed: UInt64 = 1) -> Tensor<Scalar> {
  var stream = RandomStream(seed: seed, stream: 0)
  return 2 * stream.uniformTensor(shape) - 1
}

/// A symmetric matrix with eigenvalues in about (0, 2]: M · Mᵀ / n + I / 4.
func positiveDefinite<Scalar: TensorScalar>(_ order: Int, seed: UInt64 = 1) -> Tensor<Scalar> {
  var matrix: Tensor<Scalar> = random([order, order], seed: seed).gram()
  if order > 0 { matrix = matrix / Scalar(order) }
  matrix.addToDiagonal(0.25)
  return matrix
}

/// I.
func identity<Scalar: TensorScalar>(_ order: Int) -> Tensor<Scalar> {
  var matrix = Tensor<Scalar>([order, order])
  matrix.addToDiagonal(1)
  return matrix
}

/// The largest column sum of magnitudes, in Double.
func oneNorm<Scalar: TensorScalar>(_ matrix: Tensor<Scalar>) -> Double {
  let wide = matrix.cast(to: Double.self)
  return (0..<matrix.shape[1]).map { column in
    (0..<matrix.shape[0]).reduce(0) { $0 + abs(wide[$1, column]) }
  }.max() ?? 0
}

/// How far a lies from b, in machine epsilons of `Scalar` times a scale; 0 where both are equal.
func ratio<Scalar: TensorScalar>(
  _ a: Tensor<Double>, _ b: Tensor<Double>, scale: Double, in type: Scalar.Type
) -> Double {
  let difference = oneNorm(a - b)
  return difference == 0 ? 0 : difference / (scale * Double(Scalar.ulpOfOne))
}

/// Every index of a shape, in row-major order.
func indices(of shape: Shape) -> [[Int]] {
  shape.extents.reduce([[]]) { prefixes, extent in
    prefixes.flatMap { prefix in (0..<extent).map { prefix + [$0] } }
  }
}
