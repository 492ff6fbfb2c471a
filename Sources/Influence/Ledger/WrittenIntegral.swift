import TensorCore
import Training

/// An integral of gradients written out, `[D, P]`: for optimizers that carry it on from step to step.
final class WrittenIntegral<Scalar: TensorScalar>: ChordIntegral {
  private let gradients: ChordGradients<Scalar>
  private let factors: GradientFactors<Scalar>
  private let sum: Directions<Scalar>

  init(
    _ gradients: ChordGradients<Scalar>, _ factors: GradientFactors<Scalar>,
    into sum: Directions<Scalar>
  ) {
    self.gradients = gradients
    self.factors = factors
    self.sum = sum
  }

  func takeSlopes(_ node: ChordGradients<Scalar>.Node) {
    gradients.takeProducts(node, gradients.chord.direction, into: &node.slopes)
  }

  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  func add(_ node: ChordGradients<Scalar>.Node) {
    for (row, query) in node.queries.enumerated() where node.weights[query] != 0 {
      factors.addGradient(
        node.rows, row, weight: Scalar(node.weights[query]), to: sum, query)
    }
  }
}
