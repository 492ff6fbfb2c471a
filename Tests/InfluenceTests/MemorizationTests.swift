import Foundation
import Influence
import TensorCore
import Testing
import Training

/// A recorded run of seven items, of which one has a label that the others speak against.
final class MemorizationRoom {
  let folder = NSTemporaryDirectory() + "palimpsest-memorization-\(UUID().uuidString)"
  var run: String { "\(folder)/run" }
  let original: TrainingRun<Double>

  init(epochs: Int = 12) throws {
    var random = RandomStream(seed: 6, stream: 960)
    func data(_ count: Int) -> Dataset<Double> {
      let inputs: Tensor<Double> = random.normalTensor([count, 2])
      let labels = (0..<count).map { item -> Int32 in
        let row = inputs.row(item).scalars
        return (row[0] + 0.3 * row[1] > 0) == (item != 2) ? 1 : 0
      }
      return Dataset(inputs: inputs, targets: .labels(labels))
    }
    original = try TrainingRun<Double>(
      MLP("mlp:2-4-2:tanh"), train: .init(data(7)), test: .init(data(3)),
      optimizer: OptimizerSettings(Momentum.self), learningRate: 0.3, batchSize: 3, epochs: epochs,
      seed: 3)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try original.record(in: run)
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  func bank(
    fraction: Double = 0.7, seed: UInt64 = 1, threads: Int = 2
  ) throws -> SubsetBank<Double> {
    try SubsetBank(
      RunRecord(folder: run), fraction: fraction, seed: seed, pool: WorkerPool(threads: threads))
  }

  /// The bytes of the bank's one file.
  func saved() throws -> Data {
    let folder = "\(run)/memorization"
    let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0 != "lock" }
    #expect(names.count == 1)
    return try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(names.first ?? "")"))
  }

  /// What a model trained without some items makes of all.
  func outcome(without left: [Int]) throws -> ItemOutcomes<Double>.Values {
    let run = try Removal(left, .renormalized).applied(to: original)
    let trainer = run.makeTrainer()
    try trainer.run(run.batches, run.learningRates)
    let test = try #require(run.test?.items)
    return ItemOutcomes(run.model, loss: run.loss, data: run.train.items.appending(test))
      .values(at: trainer.parameters)
  }
}

@Suite("Memorisation")
struct MemorizationTests {
  /// All subsets of a size.
  private func subsets(_ size: Int, of items: Int) -> [[Int]] {
    (0..<1 << items).map { bits in (0..<items).filter { bits >> $0 & 1 == 1 } }
      .filter { $0.count == size }
  }

  /// The difference of the means of what models with and without an item make of something.
  private func exact(
    _ all: [(left: [Int], values: ItemOutcomes<Double>.Values)], _ item: Int,
    _ value: (ItemOutcomes<Double>.Values) -> Float
  ) -> Double {
    func mean(_ inside: Bool) -> Double {
      let values = all.filter { $0.left.contains(item) != inside }.map { Double(value($0.values)) }
      return values.reduce(0, +) / Double(values.count)
    }
    return mean(true) - mean(false)
  }

  @Test("over all subsets of a size, estimates are the exact values; over some, within the bound")
  func enumeration() throws {
    let room = try MemorizationRoom()
    // Five of seven: 21 subsets.
    let all = try subsets(2, of: 7).map { ($0, try room.outcome(without: $0)) }
    let truth = (0..<7).map { item in exact(all, item) { $0.accuracy[item] } }
    var tally = MemorizationTally(items: 7)
    for (left, values) in all {
      tally.add(leftOut: left, accuracy: values.accuracy, score: values.score)
    }
    for item in 0..<7 {
      let found = try #require(tally.memorization(item))
      #expect(abs(found.value - truth[item]) < 1e-12)
      let score = exact(all, item) { $0.score[item] }
      #expect(abs(try #require(tally.counterfactual(item)).value - score) < 1e-12)
      #expect(try #require(tally.accuracyInside(item)) >= 0)
    }
    // The item that the others speak against is learnt by heart, and some are not.
    #expect(truth[2] > 0.5 && (truth.min() ?? 1) < 0.2)
    // Random subsets: mean square error of t models, F–Z 2020, lemma 2.1.
    let table = Dictionary(uniqueKeysWithValues: all)
    let (t, seeds) = (60.0, 40)
    var (squares, sums) = (0.0, [Double](repeating: 0, count: 7))
    for seed in 0..<seeds {
      let plan = try SubsetPlan(items: 7, fraction: 0.7, seed: UInt64(seed))
      #expect(plan.kept == 5)
      var tally = MemorizationTally(items: 7)
      for model in 0..<Int(t) {
        let left = plan.left(outOf: model)
        let values = try #require(table[left])
        tally.add(leftOut: left, accuracy: values.accuracy, score: values.score)
      }
      for item in 0..<7 {
        let error = (tally.memorization(item)?.value ?? .nan) - truth[item]
        squares += error * error
        sums[item] += error
      }
    }
    let p = 2.0 / 7
    let bound = exp(-p * t / 16) / 2 + 1 / (p * t) + 1 / ((1 - p) * t)
    #expect(squares / Double(7 * seeds) <= bound)
    // No bias: four standard errors of a mean of 40 estimates whose variance is below the last terms.
    let error = ((1 / (p * t) + 1 / ((1 - p) * t)) / 4 / Double(seeds)).squareRoot()
    for item in 0..<7 { #expect(abs(sums[item]) / Double(seeds) < 4 * error) }
  }

  @Test("a bank holds what each subset's model makes of training and test items")
  func bank() throws {
    let room = try MemorizationRoom()
    let bank = try room.bank()
    #expect(bank.plan.kept == 5 && bank.outcomes == 10 && bank.count == 0)
    let tally = try bank.tally(models: 40)
    var expected = MemorizationTally(items: 7)
    var all: [(left: [Int], values: ItemOutcomes<Double>.Values)] = []
    for model in 0..<40 {
      let left = bank.plan.left(outOf: model)
      #expect(left.count == 2 && left == left.sorted())
      let values = try room.outcome(without: left)
      all.append((left, values))
      expected.add(leftOut: left, accuracy: values.accuracy, score: values.score)
    }
    for item in 0..<7 {
      #expect(tally.memorization(item) == expected.memorization(item))
      #expect(tally.counterfactual(item) == expected.counterfactual(item))
    }
    var rows: [InfluenceRow] = []
    var pairs = InfluencePairs(most: 4)
    try bank.forEachInfluenceRow(tally) {
      rows.append($0)
      pairs.add($0)
    }
    #expect(rows.map(\.test) == [0, 1, 2])
    for row in rows {
      for item in 0..<7 {
        let (right, score) = (
          exact(all, item) { $0.accuracy[7 + row.test] },
          exact(all, item) { $0.score[7 + row.test] }
        )
        #expect(abs(row.influence[item] - right) < 1e-12)
        #expect(abs(row.counterfactual[item] - score) < 1e-12)
        #expect(abs((row.estimate(item)?.value ?? 9) - right) < 1e-12)
      }
    }
    let best = rows.flatMap { row in row.influence.map { (row.test, $0) } }.map(\.1).sorted(by: >)
    #expect(pairs.pairs.map(\.influence.value) == Array(best.prefix(4)))
  }

  @Test("more models leave the earlier ones as they are, for any number of threads")
  func growth() throws {
    let (once, often) = (try MemorizationRoom(), try MemorizationRoom())
    _ = try once.bank(threads: 1).tally(models: 30)
    for models in [1, 2, 17, 17, 5, 30] { try often.bank(threads: 3).extend(to: models) }
    #expect(try once.saved() == often.saved())
  }

  @Test("what is interrupted goes on to the same bytes")
  func interrupted() throws {
    struct Enough: Error {}
    let (whole, parts) = (try MemorizationRoom(epochs: 150), try MemorizationRoom(epochs: 150))
    _ = try whole.bank().tally(models: 60)
    var (attempts, seen) = (0, 0)
    while true {
      attempts += 1
      let bank = try parts.bank()
      #expect(bank.count >= seen)
      seen = bank.count
      do {
        _ = try bank.tally(models: 60) { done, _ in if done > seen { throw Enough() } }
        break
      } catch is Enough {}
    }
    #expect(attempts > 1 && seen > 0)
    #expect(try whole.saved() == parts.saved())
  }

  @Test("until the widest interval is short enough, whatever there was before")
  func untilWidth() throws {
    let (fresh, filled) = (try MemorizationRoom(), try MemorizationRoom())
    try filled.bank().extend(to: 300)
    let found = try fresh.bank().tally(models: 1_000, untilWidth: 0.5)
    #expect(found.models % 64 == 0 && found.models < 300)
    #expect(found.widths.widest <= 0.5 && found.widths.median <= found.widths.widest)
    let (bank, fewer) = (try filled.bank(), found.models - 64)
    #expect(try bank.tally(models: fewer).widths.widest > 0.5)
    let again = try bank.tally(models: 1_000, untilWidth: 0.5)
    #expect(again.models == found.models)
    for item in 0..<7 { #expect(again.memorization(item) == found.memorization(item)) }
    // The models given are never exceeded.
    #expect(try bank.tally(models: 70, untilWidth: 0.01).models == 70)
    // The worst case is no less than what it took, and its length is as promised.
    let worst = SubsetBank<Double>.models(untilWidth: 0.5, bank.plan)
    #expect(Double(found.models) <= worst + 64)
  }

  @Test("other subsets, other shares and other runs have banks of their own")
  func separate() throws {
    let room = try MemorizationRoom()
    try room.bank().extend(to: 3)
    #expect(try room.bank(seed: 2).count == 0)
    #expect(try room.bank(fraction: 0.4).count == 0)
    // As many items are kept.
    #expect(try room.bank(fraction: 0.71).count == 3)
    let path = "\(room.run)/run.json"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    try text.replacing("\"seed\": 3", with: "\"seed\": 4").write(
      toFile: path, atomically: true, encoding: .utf8)
    try reseal(room.run)
    #expect(try room.bank().count == 0)
  }

  @Test("one process at a time")
  func locked() throws {
    let room = try MemorizationRoom()
    do {
      let bank = try room.bank()
      #expect(throws: (any Error).self) { try room.bank(seed: 9) }
      withExtendedLifetime(bank) {}
    }
    #expect(try room.bank(seed: 9).count == 0)
  }

  @Test("shares that leave nothing to compare are refused", arguments: [0, 0.05, 0.95, 1, 2, .nan])
  func fractions(_ fraction: Double) throws {
    #expect(throws: TrainingError.self) { try SubsetPlan(items: 7, fraction: fraction, seed: 0) }
  }

  @Test("an item that all models learnt has no estimate")
  func unknown() {
    var tally = MemorizationTally(items: 3)
    tally.add(leftOut: [1], accuracy: [1, 0, 1], score: [0, -1, 0])
    tally.add(leftOut: [1], accuracy: [1, 0, 1], score: [0, -2, 0])
    #expect(tally.memorization(0) == nil && tally.memorization(1) == nil)
    #expect(tally.accuracyOutside(0) == nil && tally.accuracyInside(0) == 1)
    #expect(tally.widths.widest == .infinity)
  }
}
