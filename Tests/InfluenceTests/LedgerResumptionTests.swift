import Autodiff
import Formats
import Foundation
import Influence
import TensorCore
import Testing
import Training

/// A recorded run with queries in a folder that goes away.
final class LedgerRoom {
  let folder = NSTemporaryDirectory() + "palimpsest-ledger-\(UUID().uuidString)"
  var run: String { "\(folder)/run" }
  var saved: String { "\(folder)/saved" }
  let queries: Dataset<Double>
  let strangers: Dataset<Double>
  /// What was recorded.
  let original: TrainingRun<Double>

  /// Makes the record one of other kernels.
  func makeForeign() throws {
    let file = URL(fileURLWithPath: "\(run)/run.json")
    let text = try String(contentsOf: file, encoding: .utf8)
    let own = "\"palimpsest\": \"\(RunManifest.libraryVersion)\""
    try #require(text.contains(own))
    try text.replacingOccurrences(of: own, with: "\"palimpsest\": \"0.0.0\"")
      .write(to: file, atomically: true, encoding: .utf8)
    try reseal(run)
  }

  /// - Parameter shrinks: Whether each step leaves a hundredth of the parameters.
  init(
    _ rule: any Optimizer.Type = Momentum.self, checkpointEvery: Int = 5, shrinks: Bool = false
  ) throws {
    var draws = Draws(13)
    let model = MLP(widths: [2, 3, 2], activation: .tanh)
    let train = LedgerCase.data(6, model, .crossEntropy, &draws)
    queries = LedgerCase.data(2, model, .crossEntropy, &draws)
    strangers = LedgerCase.data(4, model, .crossEntropy, &draws)
    var settings = OptimizerSettings(rule)
    settings.clipNorm = 0.5
    settings.weightDecay = shrinks ? WeightDecay(3.3, .decoupled) : WeightDecay(0.05, .coupled)
    var run = try TrainingRun<Double>(
      model, train: .init(train), optimizer: settings, learningRate: 0.3,
      schedule: Schedule(shrinks ? "constant" : "cosine:0.1"), batchSize: 2, epochs: 4,
      checkpointEvery: checkpointEvery)
    run.itemWeights = [1, 1, 0.5, 2, 1, 1]
    if shrinks { run.initialParameters = run.initialParameters.map { 100 * $0 } }
    original = run
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try run.record(in: self.run)
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  func problem() throws -> LedgerProblem<Double> {
    try LedgerProblem(
      record: RunRecord(folder: run), queries: queries,
      measure: QueryMeasure(.loss, loss: .crossEntropy), strangers: strangers)
  }

  /// Accounts in the least memory: every step is a leg, after each of which progress is reported.
  func ledger(
    _ columns: Set<LedgerColumn>, resumes: Bool = true, memory: Int? = nil,
    rule: QuadratureRule = .simpson
  ) throws -> Ledger<Double> {
    var options = LedgerOptions(
      columns: columns, rule: rule, tolerance: 1e-3, memory: 1,
      resumeFolder: resumes ? saved : nil)
    let (problem, pool) = (try problem(), WorkerPool(threads: 2))
    do {
      return try Ledger(problem, options: options, pool: pool)
    } catch LedgerError.memory(let needed, _) {
      options.memory = memory ?? needed
      return try Ledger(problem, options: options, pool: pool)
    }
  }

  var savedFiles: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: saved)) ?? []).sorted()
  }

  /// The line of the error that a body throws.
  func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "no error"
    } catch { return "\(error)" }
  }
}

/// Stops a ledger as a signal would.
private struct Interruption: Error {}

@Suite("Interrupted ledgers")
struct LedgerResumptionTests {
  /// Accounts of a ledger that is stopped when progress was reported so often; nil where it was done
  /// before.
  private func stopped(_ ledger: Ledger<Double>, after reports: Int) throws -> [OutputAccount]? {
    var count = 0
    do {
      return try ledger.accounts { _, _ in
        count += 1
        if count == reports { throw Interruption() }
      }
    } catch is Interruption { return nil }
  }

  @Test(
    "one that goes on has the bits of one that was not stopped",
    arguments: [
      ("sgd", LedgerColumn.credit), ("momentum", .credit), ("adamw", .credit),
      ("nesterov", .marginal),
      ("adam", .marginal), ("sgd", .integrated),
    ])
  func resumes(_ rule: String, _ column: LedgerColumn) throws {
    let room = try LedgerRoom(#require(OptimizerRegistry.optimizer(rule)))
    let expected = try room.ledger([column], resumes: false).accounts()
    // For each query of a group of its own 13 reports go forward, one begins a sweep, and one comes
    // after each of 12 steps; an integrated column has a sweep for each node.
    for moment in column == .integrated ? [44, 100] : [5, 15, 18, 24, 25, 45] {
      #expect(try stopped(room.ledger([column]), after: moment) == nil)
      #expect(room.savedFiles.isEmpty == [5].contains(moment), "moment \(moment)")
      // Stopped once more, soon after it went on; then with other memory.
      #expect(try stopped(room.ledger([column]), after: 15) == nil)
      let memory = moment % 2 == 0 ? 1 << 20 : nil
      #expect(
        try room.ledger([column], memory: memory).accounts() == expected, "moment \(moment)")
      #expect(room.savedFiles.isEmpty)
    }
  }

  @Test(
    "it begins from the very state after the step, not from near it",
    arguments: OptimizerRegistry.all.map { $0.name })
  func shrinking(_ rule: String) throws {
    // After steps that leave little of the parameters, θ + Δ is not θ' to the bit.
    let room = try LedgerRoom(#require(OptimizerRegistry.optimizer(rule)), shrinks: true)
    let expected = try room.ledger([.credit], resumes: false).accounts()
    for moment in 15...25 {
      #expect(try stopped(room.ledger([.credit]), after: moment) == nil)
      #expect(try room.ledger([.credit]).accounts() == expected, "moment \(moment)")
    }
  }

  @Test("a file of an earlier moment, as a killed process leaves it") func killed() throws {
    let room = try LedgerRoom(Nesterov.self)
    let columns: Set<LedgerColumn> = [.credit, .marginal]
    let expected = try room.ledger(columns, resumes: false).accounts()
    _ = try stopped(room.ledger(columns), after: 18)
    let early = try #require(room.savedFiles.first)
    let bytes = try #require(FileManager.default.contents(atPath: "\(room.saved)/\(early)"))
    // Later the sweep was done and the next one was under way.
    #expect(try stopped(room.ledger(columns), after: 35) == nil)
    #expect(room.savedFiles.count == 2)
    try bytes.write(to: URL(fileURLWithPath: "\(room.saved)/\(early)"))
    // A half-written file beside it.
    try Data([1, 2]).write(to: URL(fileURLWithPath: "\(room.saved)/\(early).12-3.part"))
    #expect(try room.ledger(columns).accounts() == expected)
  }

  @Test("accounts of other queries, rules or runs do not go on from it") func foreign() throws {
    let room = try LedgerRoom()
    _ = try stopped(room.ledger([.credit]), after: 20)
    let files = room.savedFiles
    #expect(files.count == 1)
    let left = try room.ledger([.credit], resumes: false, rule: .left).accounts()
    #expect(try room.ledger([.credit], rule: .left).accounts() == left)
    // What is another's stays.
    #expect(room.savedFiles == files)
    // Under this ledger's name: another sweep's numbers.
    let credit = try #require(files.first)
    _ = try stopped(room.ledger([.marginal]), after: 20)
    let marginal = try #require(room.savedFiles.first { $0 != credit })
    try FileManager.default.removeItem(atPath: "\(room.saved)/\(credit)")
    try FileManager.default.copyItem(
      atPath: "\(room.saved)/\(marginal)", toPath: "\(room.saved)/\(credit)")
    let text = room.message { _ = try room.ledger([.credit]).accounts() }
    #expect(text.contains("\(credit): found"), "\(text)")
    #expect(text.contains("remove the file and start again"), "\(text)")
  }

  @Test("an account of a number of one's own begins again: names do not tell numbers apart")
  func ownMeasure() throws {
    let room = try LedgerRoom()
    func ledger(_ factor: Double) throws -> Ledger<Double> {
      let measure = QueryMeasure(name: "mine", isLowerBetter: true) { graph, outputs, targets in
        let loss = Measure.loss.perItem(
          &graph, outputs: outputs, targets: targets, loss: .crossEntropy)
        return graph.affine(loss, scale: factor, offset: 0)
      }
      return try Ledger(
        LedgerProblem(record: RunRecord(folder: room.run), queries: room.queries, measure: measure),
        options: LedgerOptions(columns: [.credit], tolerance: 1e-3, resumeFolder: room.saved),
        pool: WorkerPool(threads: 1))
    }
    let expected = try ledger(3).accounts()
    _ = try stopped(ledger(2), after: 20)
    #expect(room.savedFiles.isEmpty)
    #expect(try ledger(3).accounts() == expected)
  }

  @Test("a damaged file is refused in a line, wherever the damage is") func damaged() throws {
    let room = try LedgerRoom(SGD.self)
    let expected = try room.ledger([.credit], resumes: false).accounts()
    _ = try stopped(room.ledger([.credit]), after: 20)
    let path = "\(room.saved)/\(try #require(room.savedFiles.first))"
    let intact = [UInt8](try #require(FileManager.default.contents(atPath: path)))
    func outcome(_ bytes: [UInt8]) throws -> String {
      try FileManager.default.createDirectory(
        atPath: room.saved, withIntermediateDirectories: true)
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      do {
        // Whatever is not refused must not have mattered.
        return try room.ledger([.credit]).accounts() == expected ? "same" : "other numbers"
      } catch let error as FormatError { return "\(error)" }
    }
    for place in Swift.stride(from: 0, to: intact.count, by: 13) {
      var bytes = intact
      bytes[place] ^= 1 << UInt8(place % 8)
      let text = try outcome(bytes)
      #expect(text == "same" || text.hasPrefix(path), "byte \(place): \(text)")
      #expect(!text.contains("\n"))
    }
    for count in [0, 1, 8, 40, intact.count / 2, intact.count - 1] {
      let text = try outcome(Array(intact[..<count]))
      #expect(text.hasPrefix(path), "\(count) bytes: \(text)")
    }
    // Right in form, wrong in content.
    let file = try Safetensors(ByteSource(intact, name: path))
    func replaced(_ name: String, _ array: StoredArray) throws -> String {
      let arrays = file.arrays.map { $0.name == name ? NamedArray(name, array) : $0 }
      try FileManager.default.createDirectory(
        atPath: room.saved, withIntermediateDirectories: true)
      try Safetensors(arrays, metadata: file.metadata).write(to: path)
      return try outcome([UInt8](try #require(FileManager.default.contents(atPath: path))))
    }
    for position in [-1, 13, Int64.max, Int64.min, 3] {
      let text = try replaced("position", StoredArray([position], shape: [1]))
      #expect(text.hasPrefix(path), "\(position): \(text)")
    }
    let other = StoredArray(Tensor<Double>([3], [1, 2, 3]))
    for name in file.arrays.map(\.name) {
      #expect(try replaced(name, other).hasPrefix(path), "\(name)")
    }
  }
}
