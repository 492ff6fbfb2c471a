import TensorCore
import Training

extension ScoreProblem {
  /// Why no item can have a score other than zero, whatever the gradients; nil where one can.
  public var zeroReason: String? {
    guard !isCosine else { return nil }
    var isOfSteps = true
    for checkpoint in checkpoints {
      switch checkpoint.weight {
      case .uniform(let weight):
        if Scalar(weight) != 0 { return nil }
        isOfSteps = false
      case .perItem(let weights):
        if weights.contains(where: { Scalar($0) != 0 }) { return nil }
      }
    }
    if !isOfSteps { return "every checkpoint has the weight 0, or one too small to count" }
    return checkpoints.count == 1
      ? "no step follows the only checkpoint, which is the last one, and nothing was measured"
      : "no step that changed anything lies between the checkpoints, and nothing was measured"
  }
}

/// Why the scores of a query are zero where some might not have been.
enum ZeroScores {
  static let query = "the query's own gradient is zero, or too small to be squared"
  static let items = "no item's gradient has a part along the query's that is large enough to count"
}

extension ScoreEngine {
  /// Which queries of a part have no gradient at any checkpoint that counts.
  func flatQueries(
    _ side: QuerySide<Scalar>, of count: Int, _ checkpoints: [CheckpointPointers<Scalar>]
  )
    -> [Bool]
  {
    let terms = itemPlan.terms.count
    return (0..<count).map { query in
      checkpoints.indices.allSatisfy { number in
        !problem.isCosine && checkpoints[number].isIdle
          || (0..<terms).allSatisfy {
            side.squareNorms.base[(number * count + query) * terms + $0] == 0
          }
      }
    }
  }
}
