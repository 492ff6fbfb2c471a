import TensorCore
import Testing
import Training

@Suite("Retraining in bulk")
struct BulkRetrainingTests {
  private typealias Variant = BulkRetraining<Float>.Variant

  private func run() throws -> TrainingRun<Float> {
    var run = try smallRun(as: Float.self)
    run.itemWeights = (0..<17).map { 0.5 + Float($0) / 17 }
    return run
  }

  private func variants() throws -> [Variant] {
    let batch = try run().batches[0]
    return [
      .removal(Removal([])),
      .removal(Removal([3, 8])),
      .removal(Removal(Array(batch), .renormalized)),
      .removal(Removal([1, 14], .swapped(with: [4, 0]))),
      .itemWeights((0..<17).map { Float($0 % 2) }),
      .removal(Removal([2], .swapped(with: [0]))),
      .removal(Removal([16], .renormalized)),
    ]
  }

  /// What training the variant alone, with nothing shared, gives.
  private func alone(_ variant: Variant) throws -> [Float] {
    var run = try run()
    switch variant {
    case .removal(let removal): run = try removal.applied(to: run)
    case .itemWeights(let weights): run.itemWeights = weights
    }
    let trainer = run.makeTrainer()
    try trainer.run(run.batches, run.learningRates)
    return trainer.parameters
  }

  @Test("each retraining has the bits of training it alone, for any number of threads")
  func bits() throws {
    let variants = try variants()
    let expected = try variants.map(alone)
    #expect(Set(expected).count == variants.count)
    for threads in [nil, 1, 2, 3, 9] {
      let pool = threads.map { WorkerPool(threads: $0) }
      let bulk = try BulkRetraining(run(), pool: pool)
      let results = try bulk.parameters(of: variants)
      #expect(try results.map { try $0.get() } == expected, "threads \(threads ?? 0)")
    }
  }

  @Test("measures are taken of each variant's own parameters, in the order of the variants")
  func measures() throws {
    let (run, variants) = (try run(), try variants())
    let bulk = try BulkRetraining(run, pool: WorkerPool(threads: 3))
    let queries = try #require(run.test?.items)
    let measured = try bulk.results(of: variants) { variant, parameters in
      (variant, run.model.values(of: .margin, loss: run.loss, on: queries, at: parameters))
    }
    for (number, result) in measured.enumerated() {
      let (variant, margins) = try result.get()
      #expect(variant == number)
      #expect(
        try margins
          == run.model.values(
            of: .margin, loss: run.loss, on: queries, at: alone(variants[number])))
    }
  }

  @Test("nothing to retrain is no work")
  func none() throws {
    #expect(try BulkRetraining(run()).parameters(of: []).isEmpty)
  }

  @Test("a retraining that diverges fails alone, with its number and its step")
  func divergence() throws {
    var run = try smallRun(as: Float.self, SGD.self)
    run.optimizer.clipNorm = nil
    run.model = try MLP("mlp:4-5-3:relu")
    let item = try #require(run.batches[4].first { !run.batches.rows[..<12].contains($0) })
    var weights = [Float](repeating: 1, count: 17)
    let tame = weights
    weights[item] = .greatestFiniteMagnitude
    let bulk = try BulkRetraining(run, pool: WorkerPool(threads: 2))
    let results = try bulk.parameters(of: [
      .itemWeights(tame), .itemWeights(weights), .itemWeights(tame),
    ])
    #expect(try results[0].get() == results[2].get())
    guard case .failure(let failure) = results[1] else {
      Issue.record("it did not diverge")
      return
    }
    #expect(failure.variant == 1)
    guard case .diverged(let step, _, _) = failure.cause else {
      Issue.record("\(failure)")
      return
    }
    // The first batch that holds the item is that of step 4.
    #expect(step == 4 || step == 5)
    #expect("\(failure)".hasPrefix("retraining 1: step \(step): "))
  }

  @Test("progress counts the variants done, and what it throws ends all of them")
  func progress() throws {
    let variants = try variants()
    let bulk = try BulkRetraining(run(), pool: WorkerPool(threads: 2))
    var counts: [Int] = []
    _ = try bulk.parameters(of: variants, progress: { counts.append($0) })
    #expect(counts == counts.sorted())
    #expect(counts.last == variants.count)
    // Each would take minutes if it were not ended.
    var long = try run()
    long.batches = Batches(
      size: 3, rows: [Int](repeating: 1, count: 3 * 2_000_000))
    long.learningRates = [Double](repeating: 1e-9, count: 2_000_000)
    let slow = try BulkRetraining(long, pool: WorkerPool(threads: 2))
    let start = ContinuousClock.now
    #expect(throws: Interruption.self) {
      try slow.parameters(of: variants, progress: { _ in throw Interruption() })
    }
    // A tenth of a second, with room for a loaded machine.
    #expect(ContinuousClock.now - start < .seconds(5))
  }

  @Test("variants that do not fit the run are refused before anything is trained")
  func refused() throws {
    let bulk = try BulkRetraining(run())
    func fault(_ variant: Variant) -> String {
      message { _ = try bulk.parameters(of: [.removal(Removal([1])), variant]) }
    }
    #expect(
      fault(.itemWeights([1])) == "item weights: found 1, expected 17, one for each training item")
    #expect(
      fault(.itemWeights((0..<17).map { $0 == 5 ? .nan : 1 }))
        == "weight of item 5: found nan, expected a finite number")
    #expect(fault(.removal(Removal([17]))).hasPrefix("removed item: found 17"))
    var broken = try run()
    broken.learningRates.removeLast()
    #expect(
      message { _ = try BulkRetraining(broken) }
        == "learning rates: found 11, expected 12, one for each step")
  }
}
