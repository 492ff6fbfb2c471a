import TensorCore
import Training

/// What all blocks of a credit sweep share.
struct CreditSetting<Scalar: TensorScalar> {
  let run: TrainingRun<Scalar>
  /// How the gradients of a batch's items are made of factors.
  let items: GradientFactors<Scalar>
  let strangers: GradientFactors<Scalar>?
  let rule: QuadratureRule
  let path: MeasuredPath
  let tolerance: Double
  /// The row of the path that belongs to each query.
  let rowOf: [Int: Int]

  /// What rounding alone may make of a difference of two measures, as a share of the larger one.
  var noise: Double { 8 * Double(Scalar.ulpOfOne) }

  /// f of each query before and after a step.
  func ends(_ step: Int, _ queries: QueryBlock<Scalar>) -> [(Double, Double)] {
    queries.range.map { query in
      let row = rowOf[query] ?? 0
      return (path[step, row], path[step + 1, row])
    }
  }

  /// What each query may miss on a step.
  func allowed(_ step: Int, _ queries: QueryBlock<Scalar>) -> [Double] {
    queries.range.map { path.allowedMiss(step, rowOf[$0] ?? 0, tolerance: tolerance) }
  }

  func withEnds(of step: SweptStep<Scalar>, _ chord: Chord<Scalar>, _ body: () -> Void) {
    step.before.withUnsafeBufferPointer { before in
      step.after.withUnsafeBufferPointer { after in
        guard let before = before.baseAddress, let after = after.baseAddress else { return }
        chord.move(from: before, to: after)
        body()
      }
    }
  }
}
