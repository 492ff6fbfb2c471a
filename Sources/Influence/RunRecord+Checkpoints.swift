public import TensorCore
public import Training

extension RunRecord {
  /// The run's checkpoints, each weighted by what the steps from it to the next gave every item.
  ///
  /// With a checkpoint before every step, the weighted inner products are the first-order credit of
  /// each step. Groups of parameters with rates of their own count by the run's. Where the run clips, a
  /// step gave κ times as much: as the log says, or, where it says nothing, as the steps come out when
  /// they are taken again. The parameters after the last step stand for no step: their weights are zero.
  ///
  /// - Parameter trajectory: Whether to read them all or only the last.
  /// - Throws: `FormatError`, naming the file and the place; `TrainingError` where the steps cannot be
  ///   taken again.
  public func weightedCheckpoints<Scalar: TensorScalar>(
    trajectory: Bool, as type: Scalar.Type = Scalar.self
  ) throws -> [WeightedCheckpoint<Scalar>] {
    // First the steps: a learning rate that is missing there is the cause of a checkpoint too many.
    let batches = try batches()
    let steps = try checkpoints()
    guard let last = steps.last else { return [] }
    guard trajectory else {
      return [WeightedCheckpoint(parameters: try parameters(at: last))]
    }
    let itemWeights = try itemWeights(as: Double.self)
    let rates = manifest.learningRates
    let clipScales = try clipScales(steps: last) ?? replayedClipScales(last, as: Scalar.self)
    return try steps.enumerated().map { position, step in
      let end = position + 1 < steps.count ? steps[position + 1] : step
      var weights = [Double](repeating: 0, count: manifest.train.count)
      for taken in step..<end {
        let share = clipScales[taken] * rates[taken] / Double(max(batches.itemCount(at: taken), 1))
        for item in batches[taken] where item >= 0 {
          weights[item] += share * (itemWeights?[item] ?? 1)
        }
      }
      return WeightedCheckpoint(parameters: try parameters(at: step), weight: .perItem(weights))
    }
  }

  /// What clipping multiplies the first gradients by when the steps are taken again.
  private func replayedClipScales<Scalar: TensorScalar>(
    _ steps: Int, as type: Scalar.Type
  ) throws -> [Double] {
    let run: TrainingRun<Scalar> = try run()
    var scales: [Double] = []
    try run.makeTrainer(pool: nil).run(run.batches, run.learningRates, to: steps) {
      scales.append(Double($0.clipScale))
    }
    return scales
  }
}
