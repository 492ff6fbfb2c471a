import Foundation
import Palimpsest

/// What work would take, as `--dry-run` prints it.
struct WorkEstimate {
  var items: Int
  /// Of a score computation.
  var queries: Int?
  /// Of a run.
  var steps: Int?
  /// Trained on subsets.
  var models: Int?
  var parameters: Int
  /// Floating-point operations.
  var operations: Double
  /// Of the files to be written.
  var outputBytes: Int
  /// By the clock, from the time that a small part took.
  var seconds: Double
  /// Of memory.
  var peakBytes: Int

  func print(json: Bool) throws {
    if json {
      try Output.line("\(JSONValue.object(entries.map { .init($0.key, $0.value) }))")
    } else {
      for entry in entries {
        try Output.line(entry.label.padding(toLength: 17, withPad: " ", startingAt: 0) + entry.text)
      }
    }
  }

  private typealias Entry = (key: String, label: String, text: String, value: JSONValue)

  private var entries: [Entry] {
    func count(_ key: String, _ label: String, _ value: Int) -> Entry {
      (key, label, HumanNumber.count(value), .number(value))
    }
    func bytes(_ key: String, _ label: String, _ value: Int) -> Entry {
      (key, label, Self.text(bytes: value), .number(value))
    }
    let size = [
      count("items", "training items", items), queries.map { count("queries", "queries", $0) },
      count("parameters", "parameters", parameters), steps.map { count("steps", "steps", $0) },
      models.map { count("models", "models", $0) },
    ].compactMap { $0 }
    let operationsText = "\(HumanNumber.significant(operations / 1e9)) GFLOP"
    let secondsText = "\(HumanNumber.significant(seconds, digits: 2)) s"
    return size + [
      ("operations", "operations", operationsText, .number(operations)),
      bytes("outputBytes", "files written", outputBytes),
      ("expectedSeconds", "expected time", secondsText, .number(seconds)),
      bytes("peakBytes", "peak memory", peakBytes),
    ]
  }

  private static func text(bytes: Int) -> String {
    if bytes == 0 { return "none" }
    return bytes < 1 << 20
      ? "\(HumanNumber.count((bytes + 1023) >> 10)) KiB"
      : "\(HumanNumber.count((bytes + (1 << 20) - 1) >> 20)) MiB"
  }
}

extension WorkEstimate {
  /// Of a run, some steps of which are tried.
  init<Scalar: TensorScalar>(_ run: TrainingRun<Scalar>, pool: WorkerPool) throws {
    let (parameters, steps, size) = (
      run.model.layout.count, run.batches.count, MemoryLayout<Scalar>.stride
    )
    let data =
      size * (run.train.items.inputs.count + (run.test?.items.inputs.count ?? 0))
    let vectors = 1 + run.optimizer.rule.stateNames.count
    self.init(
      items: run.train.items.count, steps: steps, parameters: parameters,
      operations: ItemGraph.gradientOperations(run.model, loss: run.loss)
        * Double(run.batches.size) * Double(steps),
      outputBytes: data + run.checkpoints.count * vectors * parameters * size
        + 8 * run.batches.rows.count
        + (run.text?.documents.reduce(0) { $0 + $1.bytes.count } ?? 0),
      seconds: try Self.seconds(run, pool), peakBytes: Self.peakBytes(run, pool))
  }

  /// The memory of a run at its peak.
  static func peakBytes<Scalar: TensorScalar>(
    _ run: TrainingRun<Scalar>, _ pool: WorkerPool
  ) -> Int {
    let program = TrainingProgram<Scalar>(
      run.model, loss: run.loss, optimizer: run.optimizer, batchSize: run.batches.size)
    // Data twice while they are read; parameters as numbers of the model, of the run and of the
    // trainer, with the optimizer's state once more in a checkpoint.
    let numbers =
      2 * (run.train.items.inputs.count + (run.test?.items.inputs.count ?? 0))
      + (5 + 3 * run.optimizer.rule.stateNames.count) * run.model.layout.count
      + BatchGradient.memoryCount(program, threads: pool.threads)
    // Of each byte of a text: itself twice, its token and the token's place, and lines of records.
    let text = 24 * (run.text?.documents.reduce(0) { $0 + $1.bytes.count } ?? 0)
    return (32 << 20) + numbers * MemoryLayout<Scalar>.stride + text
  }

  /// The time of all steps, from those that a fifth of a second allows.
  private static func seconds<Scalar: TensorScalar>(
    _ run: TrainingRun<Scalar>, _ pool: WorkerPool
  ) throws -> Double {
    let trainer = run.makeTrainer(pool: pool)
    let clock = ContinuousClock()
    let start = clock.now
    while trainer.step < run.batches.count, clock.now - start < .milliseconds(200) {
      try trainer.step(run.batches[trainer.step], learningRate: run.learningRates[trainer.step])
    }
    return (clock.now - start) / .seconds(1) * Double(run.batches.count) / Double(trainer.step)
  }

  /// Of scores, some items of which are tried.
  ///
  /// - Parameters:
  ///   - outputBytes: Of the files to be written.
  ///   - work: What is done with the engine.
  init<Scalar: TensorScalar>(
    _ engine: ScoreEngine<Scalar>, pool: WorkerPool, outputBytes: Int,
    _ work: (ScoreEngine<Scalar>) throws -> Void
  ) throws {
    let problem = engine.problem
    let sample = try ScoreEngine(
      ScoreProblem(
        model: problem.model, loss: problem.loss, measure: problem.measure,
        items: problem.items[Array(0..<min(512, problem.items.count))], queries: problem.queries,
        checkpoints: problem.checkpoints.prefix(1).map { .init(parameters: $0.parameters) },
        layers: problem.layers, isCosine: problem.isCosine,
        aggregatesQueries: problem.aggregatesQueries), pool: pool)
    let duration = try ContinuousClock().measure { try work(sample) }
    let estimate = engine.estimate
    self.init(
      items: estimate.items, queries: problem.queries.count > 0 ? problem.queries.count : nil,
      parameters: estimate.parameters,
      operations: estimate.operations, outputBytes: outputBytes,
      seconds: duration / .seconds(1) * estimate.operations / sample.estimate.operations,
      peakBytes: estimate.peakBytes)
  }
}

extension WorkEstimate {
  /// Of a ledger, some steps of which are tried.
  init<Scalar: TensorScalar>(
    _ problem: LedgerProblem<Scalar>, options: ColumnOptions, sameLabel: Bool = true,
    _ compute: ComputeOptions, pool: WorkerPool, outputBytes: Int
  ) throws {
    let (run, columns) = (problem.run, options.wanted)
    let ledger = try compute.ledger(problem, LedgerOptions(columns: columns), pool: pool)
    let (parameters, steps, queries) = (
      run.model.layout.count, run.batches.count, problem.queries.count
    )
    // Passes of one query through one step: the integral takes eight marginals or more.
    let passes =
      1 + (columns.contains(.credit) ? 1 : 0) + (columns.contains(.marginal) ? 3 : 0)
      + (columns.contains(.integrated) ? 24 : 0)
    // Each stranger is looked at in every step, once.
    let strangers = Double(problem.strangers?.count ?? 0)
    let visits =
      Double(queries) * Double(steps) * (Double(run.batches.size) * Double(passes) + strangers)
    let operations = ItemGraph(run.model, loss: run.loss, batch: 1).operations
    let bytes = MemoryLayout<Scalar>.stride
    let states = (steps + 1) * parameters * (1 + run.optimizer.rule.stateNames.count) * bytes
    let adjoints =
      queries
      * ((12 * parameters + run.batches.rows.count + Self.pairs(problem, sameLabel)) * bytes
        + 64 * run.train.items.count)
    self.init(
      items: run.train.items.count, queries: queries, steps: steps, parameters: parameters,
      operations: visits * operations, outputBytes: outputBytes,
      seconds: try Self.seconds(problem, options, sameLabel, compute, pool),
      peakBytes: ComputeOptions.programBytes
        + min(problem.dataBytes + states + adjoints, ledger.memory))
  }

  /// How many items have which strangers: the pairs whose credits one query has.
  private static func pairs<Scalar: TensorScalar>(
    _ problem: LedgerProblem<Scalar>, _ sameLabel: Bool
  ) -> Int {
    guard let strangers = problem.strangers else { return 0 }
    let items = problem.run.train.items
    guard sameLabel, let labels = items.labels, let others = strangers.labels else {
      return items.count * strangers.count
    }
    var counts: [Int32: Int] = [:]
    for label in others { counts[label, default: 0] += 1 }
    return labels.reduce(0) { $0 + (counts[$1] ?? 0) }
  }

  /// The time of all steps, from how much longer some steps take than a few of them: what is done
  /// once, whatever the number of steps, counts once.
  private static func seconds<Scalar: TensorScalar>(
    _ problem: LedgerProblem<Scalar>, _ options: ColumnOptions, _ sameLabel: Bool,
    _ compute: ComputeOptions, _ pool: WorkerPool
  ) throws -> Double {
    func seconds(of steps: Int) throws -> Double {
      var sample = problem.run
      sample.batches = Batches(
        size: sample.batches.size,
        rows: Array(sample.batches.rows.prefix(steps * sample.batches.size)))
      sample.learningRates = Array(sample.learningRates.prefix(steps))
      let few = LedgerProblem(
        run: sample, queries: problem.queries, measure: problem.measure,
        strangers: problem.strangers)
      return try ContinuousClock().measure {
        _ = try options.accounts(
          few, columns: options.wanted, sameLabel: sameLabel, compute, pool: pool)
      } / .seconds(1)
    }
    let steps = problem.run.batches.count
    let (few, some) = (min(steps, 2), min(steps, 6))
    let (short, long) = (try seconds(of: few), try seconds(of: some))
    let each = some > few ? max(long - short, 0) / Double(some - few) : 0
    return long + each * Double(steps - some)
  }
}

extension WorkEstimate {
  /// Of a study of dilution, two small parts of which are tried.
  init<Scalar: TensorScalar>(_ study: DilutionStudy<Scalar>, pool: WorkerPool) throws {
    let setting = study.setting
    let cells = study.parts.contains(.runs) ? setting.cells : []
    let steps = cells.map { cell in
      (cell.point.items + setting.batchSize - 1) / setting.batchSize * cell.point.epochs
    }
    let states = zip(steps, cells).map { ($0 + 1) * study.parameters(at: $1.point) }
    let bytes = MemoryLayout<Scalar>.stride
    var seconds = 0.0
    if !cells.isEmpty {
      let runs = try study.varied(parts: [.runs]).operations
      seconds += try Self.seconds(zip(cells.map(\.point), runs).map { ($0, $1) }) { point in
        var one = DilutionSetting(base: point, values: [:])
        (one.kinds, one.seeds) = ([.typical], 1)
        (one.watched, one.batchSize) = (setting.watched, setting.batchSize)
        one.learningRate = setting.learningRate
        return try study.varied(one, parts: [.runs])
      }
    }
    if study.parts.contains(.inversion) {
      let gradients = try study.varied(parts: [.inversion]).operations
      seconds += try Self.seconds(
        zip(study.inversion.cells.map(\.batchSize), gradients).map { ($0, $1) }
      ) { size in
        var one = study.inversion
        (one.batchSizes, one.seeds) = ([size], 1)
        return try study.varied(inversion: one, parts: [.inversion])
      }
    }
    let operations = study.operations
    self.init(
      items: cells.map(\.point.items).max() ?? 0, queries: cells.count * setting.watched,
      steps: zip(steps, study.trainings).reduce(0) { $0 + $1.0 * $1.1 },
      parameters: cells.map { study.parameters(at: $0.point) }.max() ?? 0,
      operations: operations.reduce(0, +),
      outputBytes: operations.count * (100 + 400 * setting.watched),
      seconds: seconds / Double(pool.threads),
      peakBytes: (60 << 20) + 2 * study.dataCount * bytes
        + pool.threads * min((states.max() ?? 0) * bytes, 1 << 30))
  }

  /// The time of some jobs, from that of the smallest and of a larger one.
  private static func seconds<Place, Scalar: TensorScalar>(
    _ jobs: [(place: Place, operations: Double)], _ study: (Place) throws -> DilutionStudy<Scalar>
  ) throws -> Double {
    func sample(_ job: (place: Place, operations: Double)) throws -> Double {
      let one = try study(job.place)
      return try ContinuousClock().measure {
        _ = try one.results(pool: WorkerPool(threads: 1)) { _ in try Signals.check() }
      } / .seconds(1)
    }
    let sorted = jobs.sorted { $0.operations < $1.operations }
    let least = sorted[0]
    let larger = sorted.last { $0.operations <= 16 * least.operations } ?? least
    _ = try sample(least)  // What is done once in a process.
    let (short, long) = (try sample(least), try sample(larger))
    let more = larger.operations - least.operations
    let rate = more > 0 ? max(long - short, 0) / more : short / least.operations
    let each = max(short - rate * least.operations, 0)
    return jobs.reduce(0) { $0 + each + rate * $1.operations }
  }
}
