import Influence
import TensorCore
import Testing
import Training

/// Threads, memory and the way states come back change no bit of an account.
@Suite("Bits of a ledger")
struct LedgerMemoryTests {
  private func accounts(
    _ problem: LedgerProblem<Float>, memory: Int? = nil, threads: Int = 1,
    columns: Set<LedgerColumn> = [.credit, .marginal]
  ) throws -> [OutputAccount] {
    let options = LedgerOptions(columns: columns, tolerance: 1e-3, memory: memory)
    return try Ledger(problem, options: options, pool: WorkerPool(threads: threads)).accounts()
  }

  /// The least memory that is accepted.
  private func least(
    _ problem: LedgerProblem<Float>, threads: Int = 1,
    columns: Set<LedgerColumn> = [.credit, .marginal]
  ) throws -> Int {
    let error = #expect(throws: LedgerError.self) {
      try accounts(problem, memory: 1, threads: threads, columns: columns)
    }
    guard case .memory(let needed, 1) = error else {
      Issue.record("\(error as Any)")
      return 0
    }
    return needed
  }

  private func problem(
    _ rule: any Optimizer.Type, steps: Int, queries: Int = 3, strangers: Int = 0,
    widths: [Int] = [2, 2]
  ) throws -> LedgerProblem<Float> {
    var draws = Draws(5)
    let model = MLP(widths: widths, activation: .tanh)
    let train = LedgerCase.data(6, model, .crossEntropy, &draws)
    var settings = OptimizerSettings(rule)
    settings.clipNorm = 0.5
    settings.weightDecay.rate = 0.05
    let run = try TrainingRun<Float>(
      model, train: .init(train.cast()), optimizer: settings, learningRate: 0.05, batchSize: 4,
      epochs: 1,
      batches: Batches(size: 4, rows: (0..<4 * steps).map { $0 % 7 == 6 ? -1 : $0 % 7 }))
    return LedgerProblem(
      run: run, queries: LedgerCase.data(queries, model, .crossEntropy, &draws).cast(),
      measure: QueryMeasure(.margin, loss: .crossEntropy),
      strangers: strangers > 0
        ? LedgerCase.data(strangers, model, .crossEntropy, &draws).cast() : nil)
  }

  @Test("one, two or three threads", arguments: ["sgd", "adam"])
  func threads(_ rule: String) throws {
    let rule = try #require(OptimizerRegistry.optimizer(rule))
    let problem = try problem(rule, steps: 40, queries: 18, strangers: 5)
    let alone = try accounts(problem, columns: Set(LedgerColumn.allCases))
    #expect(alone.allSatisfy { $0.columns.count == 3 && $0.significance != nil })
    for threads in 2...3 {
      let other = try accounts(
        problem, threads: threads, columns: Set(LedgerColumn.allCases))
      #expect(alone == other)
    }
  }

  @Test("states computed again in segments within segments", arguments: [1, 2, 3, 7, 40, 130])
  func segments(_ steps: Int) throws {
    let problem = try problem(Momentum.self, steps: steps)
    let (usual, least) = (try accounts(problem), try least(problem))
    for memory in [least, least + 200, least + 1_000, 2 * least, 5 * least] {
      #expect(try accounts(problem, memory: memory) == usual, "\(memory) of \(least) bytes")
    }
    #expect(
      throws: LedgerError.memory(needed: least, allowed: least - 1)
    ) { try accounts(problem, memory: least - 1) }
  }

  @Test("even a long run has states in the least memory") func long() throws {
    let problem = try problem(SGD.self, steps: 1_200, queries: 1)
    let usual = try accounts(problem, columns: [.credit])
    let narrow = try accounts(
      problem, memory: least(problem, columns: [.credit]), columns: [.credit])
    #expect(narrow == usual)
  }

  @Test("queries swept in several groups") func groups() throws {
    let problem = try problem(AdamW.self, steps: 20, queries: 40, strangers: 7)
    let columns = Set(LedgerColumn.allCases)
    let usual = try accounts(problem, columns: columns)
    let least = try least(problem, threads: 2, columns: columns)
    for memory in [least, least * 3 / 2] {
      #expect(try accounts(problem, memory: memory, threads: 2, columns: columns) == usual)
    }
  }

  @Test("what is refused says how much would do") func message() throws {
    let problem = try problem(SGD.self, steps: 3, queries: 5, widths: [2, 600, 2])
    let error = #expect(throws: LedgerError.self) { try accounts(problem, memory: 1 << 10) }
    let text = "\(error as Any)"
    #expect(text.contains("--memory: found 0 MiB, expected at least"), "\(text)")
    guard case .memory(let needed, _) = error else { return }
    _ = try accounts(problem, memory: ((needed >> 20) + 1) << 20)
  }
}
