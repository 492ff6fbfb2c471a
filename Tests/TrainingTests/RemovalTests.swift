import TensorCore
import Testing
import Training

@Suite("Retraining without items")
struct RemovalTests {
  /// The parameters after all steps.
  private func final<Scalar: TensorScalar>(_ run: TrainingRun<Scalar>) throws -> [Scalar] {
    let trainer = run.makeTrainer()
    try trainer.run(run.batches, run.learningRates)
    return trainer.parameters
  }

  /// Twelve steps with weight decay, every item with a weight of its own.
  private func run(_ rule: any Optimizer.Type = Adam.self) throws -> TrainingRun<Double> {
    var run = try smallRun(as: Double.self, rule)
    run.optimizer.weightDecay.rate = 0.01
    run.itemWeights = (0..<17).map { 0.5 + Double($0) / 17 }
    return run
  }

  @Test("with the denominator fixed, a removed item is one of weight 0")
  func fixedDenominator() throws {
    let whole = try run()
    var naive = whole
    naive.itemWeights?[3] = 0
    naive.itemWeights?[11] = 0
    let removed = try Removal([11, 3]).applied(to: whole)
    #expect(try final(removed) == final(naive))
    #expect(try final(removed) != final(whole))
    #expect(removed.batches == whole.batches)
    // Where the run has no weights, all others have weight 1.
    var plain = whole
    plain.itemWeights = nil
    naive.itemWeights = (0..<17).map { $0 == 3 || $0 == 11 ? 0 : 1 }
    #expect(try final(Removal([3, 11]).applied(to: plain)) == final(naive))
  }

  @Test(
    "renormalised, a removed item might as well not be in the data at all",
    arguments: OptimizerRegistry.all.indices)
  func renormalized(_ rule: Int) throws {
    let whole = try run(OptimizerRegistry.all[rule])
    let gone = [0, 5, 16]
    let removed = try final(Removal(gone, .renormalized).applied(to: whole))
    // The items are deleted from the data, and the batches close up.
    var naive = whole
    let kept = (0..<17).filter { !gone.contains($0) }
    naive.train.items = whole.train.items[kept]
    naive.itemWeights = kept.map { whole.itemWeights?[$0] ?? 1 }
    var rows: [Int] = []
    for step in 0..<whole.batches.count {
      let left = whole.batches[step].compactMap { kept.firstIndex(of: $0) }
      rows += left + [Int](repeating: -1, count: 3 - left.count)
    }
    naive.batches = Batches(size: 3, rows: rows)
    // The sums run over rows in another grouping; Adam divides by roots of small moments.
    #expect(try difference(removed, final(naive)) < 1e-10)
    #expect(try difference(removed, final(Removal(gone).applied(to: whole))) > 1e-4)
  }

  @Test("a batch of which nothing is left has no gradient: momentum and decay go on")
  func emptyBatch() throws {
    var whole = try run(Momentum.self)
    whole.optimizer.clipNorm = nil
    let gone = whole.batches[4].filter { $0 >= 0 }
    let removed = try Removal(Array(gone), .renormalized).applied(to: whole)
    #expect(removed.batches.itemCount(at: 4) == 0)
    let trainer = removed.makeTrainer()
    try trainer.run(removed.batches, removed.learningRates, to: 4)
    let before = trainer.state
    let step = try trainer.step(removed.batches[4], learningRate: 0.5)
    #expect(step.loss == 0 && step.clipScale == 1)
    // v ← 0.9 v + λθ, θ ← θ − η v
    let velocity = zip(before.optimizer[0], before.parameters).map { 0.9 * $0 + 0.01 * $1 }
    let expected = zip(before.parameters, velocity).map { $0 - 0.5 * $1 }
    #expect(difference(trainer.state.optimizer[0], velocity) < 1e-14)
    #expect(difference(trainer.parameters, expected) < 1e-14)
    // Without either, nothing moves.
    var plain = try smallRun(as: Double.self, SGD.self)
    plain.batches = Batches(size: 3, rows: [Int](repeating: -1, count: 36))
    #expect(try final(plain) == plain.initialParameters)
    #expect(
      message { try plain.check() } == "batch of step 0: found no rows, expected at least one")
  }

  @Test("a swapped item is replaced in the data")
  func swap() throws {
    let whole = try run()
    let test = try #require(whole.test?.items)
    let swapped = try Removal([2, 9], .swapped(with: [4, 1])).applied(to: whole)
    // Row 17 + k of both together is test item k.
    var order = Array(0..<17)
    (order[2], order[9]) = (17 + 4, 17 + 1)
    var naive = whole
    naive.train.items = whole.train.items.appending(test)[order]
    #expect(swapped.train.items == naive.train.items)
    #expect(try final(swapped) == final(naive))
    #expect(try final(swapped) != final(whole))
    #expect(swapped.batches == whole.batches && swapped.itemWeights == whole.itemWeights)
  }

  @Test("numbers to be learnt, names and groups are swapped with their item")
  func swapOfNumbers() throws {
    func data(_ count: Int, _ name: String, seed: UInt64) -> Dataset<Double> {
      var stream = RandomStream(seed: seed, stream: 1_000)
      return Dataset(
        inputs: stream.normalTensor([count, 4]), targets: .values(stream.normalTensor([count, 2])),
        ids: (0..<count).map { "\(name) \($0)" },
        groups: [String](repeating: name, count: count))
    }
    let (train, test) = (data(6, "train", seed: 1), data(3, "test", seed: 2))
    let run = try TrainingRun(
      MLP("mlp:4-2"), loss: .squaredError, train: .init(train), test: .init(test),
      learningRate: 0.1, batchSize: 2, epochs: 2)
    let swapped = try Removal([5], .swapped(with: [2])).applied(to: run).train.items
    #expect(swapped == train.appending(test)[[0, 1, 2, 3, 4, 8]])
    #expect(swapped.ids[5] == "test 2" && swapped.groups[5] == "test")
  }

  @Test("nothing removed is nothing changed, under each meaning")
  func nothing() throws {
    let whole = try run()
    let expected = try final(whole)
    for semantics in [Removal.Semantics.fixedDenominator, .renormalized, .swapped(with: [])] {
      #expect(try final(Removal([], semantics).applied(to: whole)) == expected)
    }
  }

  @Test("items that are not there, or named twice, are refused")
  func refused() throws {
    let whole = try run()
    func fault(_ items: [Int], _ semantics: Removal.Semantics = .renormalized) -> String {
      message { _ = try Removal(items, semantics).applied(to: whole) }
    }
    #expect(fault([1, 17]) == "removed item: found 17, expected 0 to 16, each once")
    #expect(fault([-1]) == "removed item: found -1, expected 0 to 16, each once")
    #expect(fault([4, 4]) == "removed item: found 4 twice, expected 0 to 16, each once")
    #expect(
      fault([4], .swapped(with: [5])) == "test item swapped in: found 5, expected 0 to 4, each once"
    )
    #expect(
      fault([4, 5], .swapped(with: [3]))
        == "test items swapped in: found 1, expected 2, one for each removed item")
    var alone = whole
    alone.test = nil
    #expect(
      message { _ = try Removal([1], .swapped(with: [0])).applied(to: alone) }.hasSuffix(
        "expected none: the run has no such items"))
  }
}
