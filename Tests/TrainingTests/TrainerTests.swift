import TensorCore
import Testing
import Training

@Suite("Training steps")
struct TrainerTests {
  private func trainer<Scalar: TensorScalar>(
    _ data: Dataset<Scalar>, _ model: String = "mlp:4-5-3:tanh",
    _ rule: any Optimizer.Type = SGD.self,
    batch: Int, weights: [Scalar]? = nil, pool: WorkerPool? = nil
  ) throws -> Trainer<Scalar> {
    let model = try MLP(model)
    let loss: Loss = data.labels == nil ? .squaredError : .crossEntropy
    try data.check(model, loss: loss, name: "items")
    let program = TrainingProgram<Scalar>(
      model, loss: loss, optimizer: OptimizerSettings(rule), batchSize: batch)
    let parameters = model.initialParameters(seed: 2).map { Scalar($0) }
    let trainer = Trainer(program, data: data, parameters: parameters, pool: pool)
    if let weights { trainer.itemWeights = weights }
    return trainer
  }

  /// θ₀ − θ₁ for η = 1: the gradient of the batch's loss.
  private func gradient(_ trainer: Trainer<Double>, _ rows: [Int]) throws -> [Double] {
    let before = trainer.parameters
    try trainer.step(rows[...], learningRate: 1)
    return zip(before, trainer.parameters).map { $0 - $1 }
  }

  @Test("measures of many items are those of each block of them")
  func blocks() throws {
    let model = try MLP("mlp:4-5-3:tanh")
    let data: Dataset<Double> = items(600, inputs: 4, classes: 3)
    let parameters = model.initialParameters(seed: 1)
    let all = model.values(of: .margin, loss: .crossEntropy, on: data, at: parameters)
    // Two whole blocks of 256 and a short one, each on its own.
    let parts = [0..<256, 256..<512, 512..<600].flatMap {
      model.values(of: .margin, loss: .crossEntropy, on: data[Array($0)], at: parameters)
    }
    #expect(all.count == 600)
    #expect(all == parts)
    #expect(Set(all).count > 500)
  }

  @Test("a short batch is the mean over the items it has")
  func shortBatch() throws {
    let data = items(6, inputs: 4, classes: 3, as: Double.self)
    let short = try gradient(trainer(data, batch: 5), [4, -1, 1, -1, -1])
    let exact = try gradient(trainer(data, batch: 2), [4, 1])
    // The sums run over rows in another grouping.
    #expect(difference(short, exact) < 1e-14)
  }

  @Test("an item of weight 0 leaves the others' share as it is")
  func weightZero() throws {
    let data = items(6, inputs: 4, classes: 3, as: Double.self)
    let rows = [0, 1, 2, 3]
    let removed = try gradient(trainer(data, batch: 4, weights: [1, 1, 0, 1, 1, 1]), rows)
    var mean = [Double](repeating: 0, count: removed.count)
    for row in [0, 1, 3] {
      for (place, value) in try gradient(trainer(data, batch: 1), [row]).enumerated() {
        mean[place] += value / 4
      }
    }
    #expect(difference(removed, mean) < 1e-14)
  }

  @Test("weights scale an item's loss, and the logged loss with it")
  func weights() throws {
    let data = items(3, inputs: 4, classes: 3, as: Double.self)
    let alone = try (0..<3).map {
      try trainer(data, batch: 1).step([$0], learningRate: 0.1).loss
    }
    let weighted = try trainer(data, batch: 3, weights: [2, -1, 0.5])
    let loss = try weighted.step([0, 1, 2], learningRate: 0.1).loss
    #expect(difference([loss], [(2 * alone[0] - alone[1] + 0.5 * alone[2]) / 3]) < 1e-14)
  }

  @Test("an item without a label counts in the denominator and nowhere else")
  func ignoredLabel() throws {
    var data = items(2, inputs: 4, classes: 3, as: Double.self)
    data = Dataset(inputs: data.inputs, targets: .labels([1, -100]))
    let both = try gradient(trainer(data, batch: 2), [0, 1])
    let half = try gradient(trainer(data, batch: 1), [0]).map { $0 / 2 }
    #expect(difference(both, half) < 1e-14)
  }

  @Test("squared error descends to a line that fits")
  func squaredError() throws {
    var stream = RandomStream(seed: 1, stream: 1_001)
    let x: Tensor<Double> = stream.normalTensor([16, 2])
    let y = (0..<16).map { 3 * x[$0, 0] - x[$0, 1] + 0.5 }
    let data = Dataset(inputs: x, targets: .values(Tensor([16, 1], y)))
    let trainer = try trainer(data, "mlp:2-1", batch: 16)
    for _ in 0..<300 { try trainer.step(Array(0..<16)[...], learningRate: 0.2) }
    #expect(difference(trainer.parameters, [3, -1, 0.5]) < 1e-9)
  }

  @Test(
    "any number of threads gives the same bits",
    arguments: [SGD.name, Momentum.name, Nesterov.name, Adam.name, AdamW.name])
  func threads(_ rule: String) throws {
    // Large enough for several tiles and blocks: 66,000 parameters, products of 2.1 MFLOP.
    let data = items(16, inputs: 255, classes: 10, as: Float.self)
    let rule = try #require(OptimizerRegistry.optimizer(rule))
    let states = try [1, 2, 3].map { threads in
      let trainer = try trainer(
        data, "mlp:255-256-10:relu", rule, batch: 16, pool: WorkerPool(threads: threads))
      for _ in 0..<3 { try trainer.step(Array(0..<16)[...], learningRate: 0.01) }
      return trainer.state
    }
    #expect(states[0] == states[1])
    #expect(states[0] == states[2])
  }

  @Test("a state taken out and put into another trainer goes on to the same bits")
  func state() throws {
    let data = items(8, inputs: 4, classes: 3, as: Float.self)
    let batches = Batches.shuffled(items: 8, size: 3, epochs: 3, seed: 0)
    let rates = [Double](repeating: 0.1, count: batches.count)
    let whole = try trainer(data, "mlp:4-5-3", Adam.self, batch: 3)
    try whole.run(batches, rates)
    let first = try trainer(data, "mlp:4-5-3", Adam.self, batch: 3)
    try first.run(batches, rates, to: 4)
    let second = try trainer(data, "mlp:4-5-3", Adam.self, batch: 3)
    second.state = first.state
    #expect(second.step == 4)
    try second.run(batches, rates)
    #expect(second.state == whole.state)
  }

  @Test("a run that diverges names its step")
  func divergence() throws {
    let data = items(8, inputs: 4, classes: 3, as: Float.self)
    let trainer = try trainer(data, "mlp:4-5-3:relu", batch: 8)
    let line = message {
      for _ in 0..<50 { try trainer.step(Array(0..<8)[...], learningRate: 1e30) }
    }
    #expect(line.contains("is NaN or infinite; the learning rate was 1e+30: lower it"))
    #expect(line.hasPrefix("step \(trainer.step): "))
  }

  @Test("a gradient too long for any clipping is a divergence too")
  func clippedDivergence() throws {
    let data = Dataset<Float>(
      inputs: Tensor([2, 1], [1e30, -1e30]), targets: .values(Tensor([2, 1], [0, 0])))
    let model = try MLP("mlp:1-1")
    var settings = OptimizerSettings(SGD.self)
    settings.clipNorm = 1
    let program = TrainingProgram<Float>(
      model, loss: .squaredError, optimizer: settings, batchSize: 2)
    let trainer = Trainer(program, data: data, parameters: [1e-20, 0])
    #expect(message { try trainer.step([0, 1], learningRate: 0.1) }.contains("the norm of the"))
  }
}

@Suite("Initial parameters")
struct InitialParameterTests {
  @Test("weights and biases are uniform in one over the root of the inputs")
  func uniform() throws {
    let model = try MLP("mlp:100-50-10:tanh")
    let values = model.initialParameters(seed: 4)
    #expect(values.count == model.layout.count)
    for (entry, inputs) in zip(model.layout.entries, [100.0, 100, 50, 50]) {
      let part = values[entry.range].map { $0 * inputs.squareRoot() }
      #expect(part.allSatisfy { $0 >= -1 && $0 < 1 })
      // The mean of n uniform values in ±1 has a deviation of 0.58/√n; six of them.
      let mean = part.reduce(0, +) / Double(part.count)
      #expect(abs(mean) < 3.5 / Double(part.count).squareRoot(), "\(entry.name)")
    }
    // The second moment of the largest: 1/3 ± six deviations of 0.3/√5000.
    let squares = values[..<5000].map { $0 * $0 * 100 }.reduce(0, +) / 5000
    #expect(abs(squares - 1.0 / 3) < 0.026)
  }

  @Test("the numbers belong to the seed for good")
  func golden() throws {
    let model = try MLP("mlp:2-2")
    // Computed by another implementation of the generator.
    let expected = [
      -0.4642362675001466, -0.38849174364577244, 0.4947465767289783,
      -0.2163918310969258, 0.2287371102820414, 0.32664909128269415,
    ]
    #expect(difference(model.initialParameters(seed: 7), expected) < 1e-15)
    #expect(model.initialParameters(seed: 7) != model.initialParameters(seed: 8))
  }
}
