import Formats
import Foundation
import Influence
import TensorCore
import Testing
import Training

@Suite("shares that are diluted")
struct DilutionTests {
  private let data = Self.clusters(60)

  /// Three classes around three points of four inputs.
  static func clusters(_ count: Int) -> Dataset<Double> {
    var random = RandomStream(seed: 3, stream: 7_002)
    let noise: Tensor<Double> = random.normalTensor([count, 4])
    let labels = (0..<count).map { Int32($0 % 3) }
    var inputs = noise.scalars.map { 0.6 * $0 }
    for item in 0..<count { inputs[4 * item + Int(labels[item])] += 2 }
    return Dataset(inputs: Tensor([count, 4], inputs), targets: .labels(labels))
  }

  private var small: DilutionSetting {
    var setting = DilutionSetting(
      base: DilutionPoint(items: 20, copies: 1, epochs: 4, width: 3),
      values: [.items: [10, 20, 40], .copies: [1, 3], .epochs: [4]])
    (setting.seeds, setting.watched, setting.batchSize) = (2, 2, 5)
    return setting
  }

  @Test("one thing varies at a time, and no run is made twice")
  func family() {
    let cells = small.cells
    #expect(small.axes == [.items, .copies])
    #expect(Set(cells).count == cells.count)
    // Three sizes, one more with three copies; three kinds, two seeds.
    #expect(cells.count == 4 * 3 * 2)
    #expect(cells.allSatisfy { $0.point.items == 20 || $0.point.copies == 1 })
  }

  @Test("watched items come first, copy by copy; the others are the data's, each once")
  func items() throws {
    let items = try DilutionItems(data)
    let labels = try #require(data.labels)
    func draw(_ kind: WatchedKind, items count: Int = 20) -> DilutionCell {
      DilutionCell(
        point: DilutionPoint(items: count, copies: 3, epochs: 1, width: 3), kind: kind, seed: 5)
    }
    let (typical, watched) = items.training(draw(.typical), watched: 2)
    #expect(typical.count == 20 && watched.map(\.copies) == [0..<3, 3..<6])
    for item in watched {
      let source = try #require(item.source)
      #expect(items.typical.contains(source) && item.label == labels[source])
      for copy in item.copies { #expect(typical[[copy]] == data[[source]]) }
    }
    let others = (6..<20).map { typical.inputs.row($0).scalars }
    let sources = others.compactMap { row in
      (0..<data.count).first { data.inputs.row($0).scalars == row }
    }
    #expect(Set(sources).count == 14 && Set(sources).isDisjoint(with: watched.map(\.source)))
    #expect((6..<20).allSatisfy { typical.labels?[$0] == labels[sources[$0 - 6]] })

    // Mislabelled: the same items under other labels, among the same others.
    let (mislabelled, wrong) = items.training(draw(.mislabelled), watched: 2)
    #expect(mislabelled.inputs == typical.inputs && wrong.map(\.source) == watched.map(\.source))
    #expect(zip(wrong, watched).allSatisfy { $0.label != $1.label && (0..<3).contains($0.label) })
    // Noise within the range of the data, the same in each copy.
    let (random, noise) = items.training(draw(.random), watched: 2)
    #expect(noise.allSatisfy { $0.source == nil } && random.inputs.row(0) == random.inputs.row(2))
    #expect(random.inputs.row(0) != random.inputs.row(3))
    let all = random.inputs.scalars.prefix(6 * 4)
    #expect(all.allSatisfy { $0 >= data.inputs.scalars.min()! && $0 <= data.inputs.scalars.max()! })
    // A smaller run's items are among a larger one's.
    let (larger, _) = items.training(draw(.typical, items: 40), watched: 2)
    #expect(larger[Array(0..<20)] == typical)
  }

  @Test("an outcome is what the ledger and retraining by hand say")
  func outcome() throws {
    var setting = small
    setting.values = [:]
    setting.base.copies = 2
    (setting.kinds, setting.seeds) = ([.mislabelled], 1)
    let study = try DilutionStudy(setting, data: data)
    let pool = WorkerPool(threads: 1)
    let found = try study.results(pool: pool).runs[0][1]
    let cell = setting.cells[0]
    let (training, watched) = try DilutionItems(data).training(cell, watched: 2)
    let run = try TrainingRun(
      MLP(widths: [4, 3, 3], activation: .tanh), train: .init(training),
      learningRate: setting.learningRate, batchSize: 5, epochs: 4, seed: 0)
    let own = training[[2]]
    func logProbability(without items: [Int]) throws -> Double {
      let run = try Removal(items).applied(to: run)
      let trainer = run.makeTrainer()
      try trainer.run(run.batches, run.learningRates)
      return run.model.values(
        of: .logProbability, loss: run.loss, on: own, at: trainer.parameters)[0]
    }
    let whole = try logProbability(without: [])
    #expect(found.logProbability == whole && found.label == Int(watched[1].label))
    #expect(found.effectOfOne == whole - (try logProbability(without: [2])))
    #expect(found.effectOfAll == whole - (try logProbability(without: [2, 3])))
    let account = try Ledger(
      LedgerProblem(run: run, queries: own, measure: QueryMeasure(.logProbability, loss: run.loss)),
      options: LedgerOptions(
        columns: [.credit, .marginal], removals: [Removal([2]), Removal([2, 3])]), pool: pool
    ).accounts()[0]
    let credit = try #require(account.columns[.credit])
    let gross = credit.items.reduce(0) { $0 + abs($1) }
    // The ledger's queries share blocks, which only rounds differently.
    #expect(abs(found.shareOfAll - (abs(credit.items[2]) + abs(credit.items[3])) / gross) < 1e-9)
    #expect(abs(found.share - found.shareOfAll / 2) < 1e-15)
    #expect(found.rank == 1 + credit.items.count { $0 > max(credit.items[2], credit.items[3]) })
    #expect(abs(found.contributors - Cocktail(credit.items).effectiveContributors) < 1e-9)
    let marginal = try #require(account.columns[.marginal])
    #expect(abs((found.predictedOfOne ?? 9) + marginal.predictions[0]) < 1e-9)
    #expect(abs((found.predictedOfAll ?? 9) + marginal.predictions[1]) < 1e-9)
  }

  @Test("results depend neither on threads nor on what was done before")
  func sameBits() throws {
    let folder = NSTemporaryDirectory() + "palimpsest-dilution-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var setting = small
    setting.values[.copies] = [1]
    let inversion = InversionSetting(batchSizes: [1, 3], width: 6, seeds: 1, iterations: 20)
    let study = try DilutionStudy(
      setting, inversion: inversion, parts: [.runs, .inversion], data: data)
    let alone = try study.results(pool: WorkerPool(threads: 1))
    #expect(try study.results(pool: WorkerPool(threads: 3)) == alone)
    // Part of it first, then all of it, then nothing is left to do.
    var part = setting
    part.values[.items] = [10, 40]
    _ = try study.varied(part, parts: [.runs]).results(in: folder, pool: WorkerPool(threads: 2))
    let runs = try FileManager.default.contentsOfDirectory(atPath: folder + "/runs")
    #expect(runs.count == part.cells.count)
    #expect(try study.results(in: folder, pool: WorkerPool(threads: 2)) == alone)
    #expect(try study.results(in: folder, pool: WorkerPool(threads: 1)) == alone)
    // Another study has no business there.
    var other = setting
    other.learningRate = 0.25
    #expect(throws: TrainingError.self) {
      try study.varied(other, parts: [.runs]).results(in: folder, pool: WorkerPool(threads: 1))
    }
    // A damaged result is named, not believed.
    let damaged = folder + "/runs/" + runs[0]
    try Data("{\"watched\": []}".utf8).write(to: URL(fileURLWithPath: damaged))
    let error = #expect(throws: FormatError.self) {
      try study.results(in: folder, pool: WorkerPool(threads: 1))
    }
    #expect(error?.file == damaged && error?.remedy == "remove the file and start again")
  }

  @Test("a file with another number in it, or from another place, is refused")
  func foreignFiles() throws {
    let folder = NSTemporaryDirectory() + "palimpsest-dilution-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var setting = small
    (setting.values, setting.kinds) = ([.items: [10, 20]], [.typical])
    let inversion = InversionSetting(batchSizes: [1, 2], width: 6, seeds: 1, iterations: 5)
    let study = try DilutionStudy(
      setting, inversion: inversion, parts: [.runs, .inversion], data: data)
    func results() throws -> DilutionStudy<Double>.Results {
      try study.results(in: folder + "/a", pool: WorkerPool(threads: 1))
    }
    let whole = try results()
    var other = setting
    other.learningRate = 0.25
    _ = try study.varied(other, parts: [.runs, .inversion]).results(
      in: folder + "/b", pool: WorkerPool(threads: 1))
    func contents(_ path: String) throws -> Data {
      try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(path)"))
    }
    func isRefused(_ name: String, _ bytes: Data, _ words: String) throws {
      let path = "\(folder)/a/runs/\(name)"
      let before = try contents("a/runs/\(name)")
      try bytes.write(to: URL(fileURLWithPath: path))
      let error = #expect(throws: FormatError.self) { try results() }
      #expect(error?.file == path && error?.found.contains(words) == true, "\(error as Any)")
      try before.write(to: URL(fileURLWithPath: path))
    }
    let run = "typical-items-10-copies-1-epochs-4-width-3-seed"
    for (name, twin) in [
      ("\(run)-0.json", "\(run)-1.json"),
      ("gradient-of-1-seed-0.json", "gradient-of-2-seed-0.json"),
    ] {
      try isRefused(name, contents("a/runs/\(twin)"), "the result of")
      try isRefused(name, contents("b/runs/\(name)"), "another SHA-256")
      let text = String(decoding: try contents("a/runs/\(name)"), as: UTF8.self)
      let digit = try #require(
        text.range(of: "\\.[0-9]", options: [.regularExpression, .backwards]))
      let changed = text.replacingCharacters(
        in: digit, with: text[digit] == ".1" ? ".2" : ".1")
      try isRefused(name, Data(changed.utf8), "another SHA-256")
    }
    #expect(try results() == whole)
  }

  @Test("numbers that no run can give are not taken for an outcome") func possible() {
    let good = WatchedOutcome(
      source: nil, label: 0, logProbability: -0.5, share: 0.25, shareOfAll: 0.5, contributors: 3,
      rank: 1, effectOfOne: -1, effectOfAll: 2, predictedOfOne: nil, predictedOfAll: 1,
      residual: 0)
    #expect(good.isPossible(items: 10))
    let changes: [(inout WatchedOutcome) -> Void] = [
      { $0.source = -1 }, { $0.label = -1 }, { $0.logProbability = 0.1 },
      { $0.logProbability = -.infinity }, { $0.share = -0.1 }, { $0.shareOfAll = 1.1 },
      { $0.contributors = 11 }, { $0.contributors = .nan }, { $0.rank = 0 }, { $0.rank = 11 },
      { $0.effectOfOne = .nan }, { $0.predictedOfAll = .infinity }, { $0.residual = -1 },
    ]
    for (number, change) in changes.enumerated() {
      var outcome = good
      change(&outcome)
      #expect(!outcome.isPossible(items: 10), "change \(number)")
    }
  }

  @Test("numbers that make no sense for the data are named")
  func checks() {
    func fails(_ words: String, _ change: (inout DilutionSetting) -> Void) {
      var setting = small
      change(&setting)
      let error = #expect(throws: TrainingError.self) { try DilutionStudy(setting, data: data) }
      #expect("\(error as Any)".contains(words), "\(error as Any)")
    }
    fails("at most 60") { $0.values[.items] = [20, 61] }
    fails("more than the 6") {
      $0.values[.items] = [6, 20]; $0.base.copies = 3
    }
    fails("seeds") { $0.seeds = 0 }
    fails("learning rate") { $0.learningRate = .nan }
    fails("width") { $0.base.width = 0 }
    let single = Dataset<Double>(inputs: Tensor([3, 1]), targets: .labels([1, 1, 1]))
    #expect(throws: TrainingError.self) { try DilutionStudy(small, data: single) }
    #expect(throws: TrainingError.self) {
      try DilutionStudy(
        small, inversion: InversionSetting(batchSizes: [61]), parts: [.inversion], data: data)
    }
  }

  @Test("a run that diverges ends the study with its step")
  func divergence() throws {
    var setting = small
    setting.learningRate = 1e38
    let study = try DilutionStudy(setting, data: data.cast(to: Float.self))
    #expect(throws: TrainingError.self) { _ = try study.results(pool: WorkerPool(threads: 2)) }
  }
}
