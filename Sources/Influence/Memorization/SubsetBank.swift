import Formats
import Synchronization
public import TensorCore
public import Training

/// Models trained on random subsets of a run's items: what each of them makes of the run's training
/// and test items, kept in a file of the run's folder.
///
/// The file grows by a record for each model, in the order of the models. A process that is killed
/// leaves whole records; the next one goes on behind them, to the same bytes. Its name is a digest of
/// everything that the records depend on, so that no work is mixed with another's. One process at a
/// time holds the folder's lock.
public final class SubsetBank<Scalar: TensorScalar> {
  /// The subsets.
  public let plan: SubsetPlan
  /// T, the number of test items.
  public let testItems: Int
  /// N + T, the training items and then the test items.
  public var outcomes: Int { plan.items + testItems }

  private let retraining: BulkRetraining<Scalar>
  private let evaluation: ItemOutcomes<Scalar>
  private let lock: DirectoryLock
  private let file: RecordFile
  private let clock = ContinuousClock()

  /// The folder in a run's folder.
  static var folderName: String { "memorization" }
  /// Models that are asked for at once.
  private static var chunk: Int { 256 }
  /// The time between two waits for the device.
  private static var interval: Duration { .seconds(1) }

  /// Opens the bank of a run, or starts one.
  ///
  /// - Parameters:
  ///   - record: The run, finished or not.
  ///   - run: What the record gives, where it was read already; it is read where nil.
  ///   - fraction: The share of the items that each model is trained on.
  ///   - seed: What the subsets are drawn from.
  /// - Throws: `FormatError` where the run or the bank cannot be read, or another process has it;
  ///   `TrainingError` where the run has no labels to get right or the fraction leaves nothing to
  ///   compare.
  public init(
    _ record: RunRecord, run: TrainingRun<Scalar>? = nil, fraction: Double, seed: UInt64,
    pool: WorkerPool
  ) throws {
    let run = try run ?? record.run()
    guard run.loss.takesLabels else {
      throw TrainingError.data(
        "\(record.folder): found a run trained with \(run.loss.rawValue), expected labels: "
          + "memorisation compares right and wrong answers")
    }
    plan = try SubsetPlan(items: run.train.items.count, fraction: fraction, seed: seed)
    testItems = run.test?.items.count ?? 0
    let all = run.test.map { run.train.items.appending($0.items) } ?? run.train.items
    evaluation = ItemOutcomes(run.model, loss: run.loss, data: all)
    retraining = try BulkRetraining(run, pool: pool)
    let folder = "\(record.folder)/\(Self.folderName)"
    try FolderContent.requireReal(folder)
    try FolderContent.make(folder)
    lock = try DirectoryLock(folder: folder)
    let text = try Self.description(record, plan)
    file = try RecordFile(
      path: "\(folder)/\(SHA256.hex(of: Array(text.utf8)).prefix(16)).models", text: text,
      contentSize: 2 * (plan.items + testItems) * MemoryLayout<Float>.stride)
  }

  /// Everything that the records depend on, in a line.
  private static func description(
    _ record: RunRecord, _ plan: SubsetPlan
  ) throws(FormatError) -> String {
    var parts = [
      "subset models", "\(Scalar.self)", "kept \(plan.kept) of \(plan.items)", "seed \(plan.seed)",
      Kernels.level, Kernels.products, RunManifest.libraryVersion,
    ]
    for path in [
      "\(record.folder)/\(RunManifest.fileName)", record.batchesPath, record.checkpointPath(0),
    ] { parts.append(try SHA256.hex(ofFile: path)) }
    if let file = record.model.file { parts.append(try SHA256.hex(of: file)) }
    return parts.joined(separator: " ")
  }

  /// The number of models that there are.
  public var count: Int { file.count }

  /// Trains models until there are so many; those that are there already are kept.
  ///
  /// - Parameter progress: Told how many there are, ten times a second; what it throws ends the
  ///   work, of which the models that are done are kept.
  /// - Throws: `TrainingError` where a model diverges, naming it; `FormatError`.
  public func extend(to models: Int, progress: (Int) throws -> Void = { _ in }) throws {
    while count < models {
      try train(count..<min(count + Self.chunk, models), progress: progress)
    }
  }

  private func train(_ models: Range<Int>, progress: (Int) throws -> Void) throws {
    // Models may end in another order than they began in.
    let done = Mutex<[Int: [UInt8]]>([:])
    var lastWait = clock.now
    /// Hands to the device what comes next in order.
    func save(isLast: Bool) throws(FormatError) {
      let first = file.count
      let next = done.withLock { done in
        var records: [[UInt8]] = []
        while let record = done.removeValue(forKey: first + records.count) {
          records.append(record)
        }
        return records
      }
      try file.append(next)
      guard isLast || clock.now - lastWait > Self.interval else { return }
      try file.synchronize()
      lastWait = clock.now
    }
    let results: [Result<Void, BulkRetraining<Scalar>.Failure>]
    do {
      let evaluation = evaluation
      results = try retraining.results(
        of: models.map { .removal(plan.removal($0)) },
        progress: { _ in
          try save(isLast: false)
          try progress(count)
        }
      ) { variant, parameters in
        let values = evaluation.values(at: parameters)
        done.withLock {
          $0[models.lowerBound + variant] = (values.accuracy + values.score).littleEndianBytes
        }
      }
    } catch {
      try save(isLast: true)
      throw error
    }
    try save(isLast: true)
    for result in results {
      if case .failure(let failure) = result {
        throw TrainingError.data(
          "subset model \(models.lowerBound + failure.variant): \(failure.cause)")
      }
    }
  }

  /// What a model makes of the training items and then the test items, `[N + T]` each.
  ///
  /// - Throws: `FormatError` where the file cannot be read.
  /// - Precondition: `model` is below ``count``.
  func values(of model: Int) throws(FormatError) -> ItemOutcomes<Scalar>.Values {
    let numbers = try file[model].littleEndianFloats
    return ItemOutcomes<Scalar>.Values(
      accuracy: Array(numbers[..<outcomes]), score: Array(numbers[outcomes...]))
  }
}

extension [Float] {
  fileprivate var littleEndianBytes: [UInt8] {
    map(\.bitPattern.littleEndian).withUnsafeBytes { Array<UInt8>($0) }
  }
}

extension [UInt8] {
  fileprivate var littleEndianFloats: [Float] {
    withUnsafeBytes { bytes in
      (0..<bytes.count / 4).map { place in
        let bits = bytes.loadUnaligned(fromByteOffset: 4 * place, as: UInt32.self)
        return Float(bitPattern: UInt32(littleEndian: bits))
      }
    }
  }
}
