import Synchronization
public import TensorCore
public import Training

/// What a study of dilution is made of.
public enum DilutionPart: String, CaseIterable, Sendable {
  /// Runs in which the shares of watched items, and the effects of leaving them out, are followed.
  case runs
  /// Gradients of more and more items, from which their inputs are read.
  case inversion
}

/// A family of runs and of gradients, worked through by all threads and kept in a folder from which
/// it goes on when it is interrupted.
///
/// What comes out of a run depends on its own numbers alone: not on the threads, on the order, or on
/// how often the study was interrupted.
public struct DilutionStudy<Scalar: TensorScalar>: Sendable {
  /// Which runs are made.
  public let setting: DilutionSetting
  /// Which gradients are inverted.
  public let inversion: InversionSetting
  /// What is done of both.
  public let parts: Set<DilutionPart>
  private let experiment: DilutionExperiment<Scalar>
  private let inverter: InversionExperiment
  private let data: Dataset<Scalar>

  /// A study of a data set.
  ///
  /// - Parameter data: The items that training sets are drawn from, a class label for each.
  /// - Throws: `TrainingError` where the setting makes no sense for the data.
  public init(
    _ setting: DilutionSetting, inversion: InversionSetting = InversionSetting(),
    parts: Set<DilutionPart> = [.runs], data: Dataset<Scalar>
  ) throws(TrainingError) {
    self.setting = setting
    self.inversion = inversion
    self.parts = parts
    self.data = data
    experiment = try DilutionExperiment(setting, data)
    inverter = InversionExperiment(inversion, data, classes: experiment.items.classes)
    if parts.contains(.runs) { try setting.check(items: data.count) }
    if parts.contains(.inversion) { try inversion.check(items: data.count) }
  }

  /// How far a study is, in floating-point operations.
  public struct Progress: Sendable {
    /// Those of what is done.
    public var done: Double
    /// Those of all.
    public var total: Double
  }

  /// What came out of a study.
  public struct Results: Sendable, Equatable {
    /// The outcomes of each of ``DilutionSetting/cells``, in their order; none where no runs were
    /// asked for.
    public var runs: [[WatchedOutcome]] = []
    /// The outcome of each of ``InversionSetting/cells``, in their order; none where no gradients
    /// were asked for.
    public var gradients: [InversionOutcome] = []
  }

  /// The floating-point operations of each run and of each gradient, about.
  public var operations: [Double] {
    jobs.map { job in
      switch job {
      case .run(let cell): experiment.operations(cell)
      case .gradient(let cell): inverter.operations(cell)
      }
    }
  }

  /// How often a network is trained for each of the setting's runs.
  public var trainings: [Int] {
    parts.contains(.runs) ? setting.cells.map { 1 + setting.removals($0) } : []
  }

  /// P, the parameters of the network at a place of the family.
  public func parameters(at point: DilutionPoint) -> Int { experiment.model(point).layout.count }

  /// The numbers that the data's inputs are.
  public var dataCount: Int { data.inputs.count }

  /// Another study of the same data.
  ///
  /// - Throws: As ``init(_:inversion:parts:data:)``.
  public func varied(
    _ setting: DilutionSetting? = nil, inversion: InversionSetting? = nil,
    parts: Set<DilutionPart>
  ) throws(TrainingError) -> DilutionStudy {
    try DilutionStudy(
      setting ?? self.setting, inversion: inversion ?? self.inversion, parts: parts, data: data)
  }

  /// One piece of the work.
  private enum Job {
    case run(DilutionCell)
    case gradient(InversionSetting.Cell)
  }

  /// What came out of it.
  private enum JobResult {
    case run([WatchedOutcome])
    case gradient(InversionOutcome)
  }

  private var jobs: [Job] {
    (parts.contains(.runs) ? setting.cells.map { .run($0) } : [])
      + (parts.contains(.inversion) ? inversion.cells.map { .gradient($0) } : [])
  }

  /// Does all the work that the folder does not hold yet.
  ///
  /// - Parameters:
  ///   - folder: Where results are kept, each in a file of its own; nil keeps none.
  ///   - pool: Threads that take a run or a gradient each.
  ///   - memory: Bytes that all threads together stay within; nil for what ledgers take by themselves.
  ///   - report: Called often, from any of the threads; what it throws ends the study.
  /// - Throws: `TrainingError` where a training diverges or the folder holds another study,
  ///   `FormatError` where it cannot be read or written.
  /// - Complexity: For each run its training, once and again for every removal, and a ledger of its
  ///   watched items.
  public func results(
    in folder: String? = nil, pool: WorkerPool, memory: Int? = nil,
    report: @Sendable (Progress) throws -> Void = { _ in }
  ) throws -> Results {
    let store = try folder.map { try DilutionStore(folder: $0, setting, inversion, data) }
    let jobs = jobs
    let work = operations
    var found: [JobResult?] = []
    for job in jobs { found.append(try store.flatMap { try read(job, $0) }) }
    // The largest first, so that no thread is left alone with one at the end.
    let order = jobs.indices.filter { found[$0] == nil }.sorted { work[$0] > work[$1] }
    let state = Mutex(State(found, work))
    let next = Atomic(0)
    pool.run(min(pool.threads, order.count)) { _, _ in
      do {
        while true {
          let place = next.wrappingAdd(1, ordering: .relaxed).oldValue
          guard place < order.count else { return }
          let result = try self.result(
            of: jobs[order[place]], store, memory: memory.map { $0 / pool.threads }
          ) {
            try report(state.withLock { try $0.progress() })
          }
          state.withLock { $0.add(result, at: order[place]) }
        }
      } catch {
        state.withLock { $0.stop(error) }
      }
    }
    return try state.withLock { try $0.all() }
  }

  private func read(_ job: Job, _ store: DilutionStore) throws -> JobResult? {
    switch job {
    case .run(let cell): try store.read(cell, watched: setting.watched).map { .run($0) }
    case .gradient(let cell):
      try store.read(cell, width: dataCount / data.count).map { .gradient($0) }
    }
  }

  private func result(
    of job: Job, _ store: DilutionStore?, memory: Int?, check: () throws -> Void
  ) throws -> JobResult {
    switch job {
    case .run(let cell):
      let outcomes = try experiment.outcomes(of: cell, memory: memory, check: check)
      try store?.write(outcomes, of: cell)
      return .run(outcomes)
    case .gradient(let cell):
      let outcome = try inverter.outcome(of: cell, check: check)
      try store?.write(outcome, of: cell)
      return .gradient(outcome)
    }
  }

  /// What the threads share.
  private struct State {
    private var results: [JobResult?]
    private let work: [Double]
    private var fault: (any Error)?

    init(_ results: [JobResult?], _ work: [Double]) {
      self.results = results
      self.work = work
    }

    mutating func add(_ result: JobResult, at place: Int) { results[place] = result }

    mutating func stop(_ error: any Error) { fault = fault ?? error }

    /// - Throws: What has stopped another thread.
    func progress() throws -> Progress {
      if let fault { throw fault }
      let done = results.indices.filter { results[$0] != nil }
      return Progress(done: done.reduce(0) { $0 + work[$1] }, total: work.reduce(0, +))
    }

    func all() throws -> Results {
      if let fault { throw fault }
      var all = Results()
      for result in results {
        switch result {
        case .run(let outcomes): all.runs.append(outcomes)
        case .gradient(let outcome): all.gradients.append(outcome)
        case nil: break
        }
      }
      return all
    }
  }
}
