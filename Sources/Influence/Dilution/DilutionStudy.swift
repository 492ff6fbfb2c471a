import Synchronization
public import TensorCore
public import Training

/// A family of runs, made on all threads and kept in a folder from which it goes on when it is
/// interrupted.
///
/// What comes out of a run depends on its own numbers alone: not on the threads, on the order, or on
/// how often the study was interrupted.
public struct DilutionStudy<Scalar: TensorScalar>: Sendable {
  /// What is varied.
  public let setting: DilutionSetting
  private let experiment: DilutionExperiment<Scalar>
  private let data: Dataset<Scalar>

  /// A study of a data set.
  ///
  /// - Parameter data: The items that training sets are drawn from, a class label for each.
  /// - Throws: `TrainingError` where the setting makes no sense for the data.
  public init(_ setting: DilutionSetting, data: Dataset<Scalar>) throws(TrainingError) {
    self.setting = setting
    self.data = data
    experiment = try DilutionExperiment(setting, data)
  }

  /// How far a study is, in floating-point operations.
  public struct Progress: Sendable {
    /// Those of the runs that are done.
    public var done: Double
    /// Those of all runs.
    public var total: Double
  }

  /// The floating-point operations of each of the setting's runs, about.
  public var operations: [Double] { setting.cells.map(experiment.operations) }

  /// How often a network is trained for each of the setting's runs.
  public var trainings: [Int] { setting.cells.map { 1 + setting.removals($0) } }

  /// P, the parameters of the network at a place of the family.
  public func parameters(at point: DilutionPoint) -> Int { experiment.model(point).layout.count }

  /// The numbers that the data's inputs are.
  public var dataCount: Int { data.inputs.count }

  /// Another study of the same data.
  ///
  /// - Throws: As ``init(_:data:)``.
  public func varied(_ setting: DilutionSetting) throws(TrainingError) -> DilutionStudy {
    try DilutionStudy(setting, data: data)
  }

  /// Makes all runs that the folder does not hold yet.
  ///
  /// - Parameters:
  ///   - folder: Where finished runs are kept, each in a file of its own; nil keeps none.
  ///   - pool: Threads that take a run each.
  ///   - memory: Bytes that all threads together stay within; nil for what ledgers take by themselves.
  ///   - report: Called often, from any of the threads; what it throws ends the study.
  /// - Returns: The outcomes of each of ``DilutionSetting/cells``, in their order.
  /// - Throws: `TrainingError` where a training diverges or the folder holds another study,
  ///   `FormatError` where it cannot be read or written.
  /// - Complexity: For each run its training, once and again for every removal, and a ledger of its
  ///   watched items.
  public func outcomes(
    in folder: String? = nil, pool: WorkerPool, memory: Int? = nil,
    report: @Sendable (Progress) throws -> Void = { _ in }
  ) throws -> [[WatchedOutcome]] {
    let cells = setting.cells
    let store = try folder.map { try DilutionStore(folder: $0, setting, data) }
    var found: [[WatchedOutcome]?] = []
    for cell in cells { found.append(try store?.read(cell, watched: setting.watched)) }
    // The largest first, so that no thread is left alone with one at the end.
    let work = operations
    let order = cells.indices.filter { found[$0] == nil }.sorted { work[$0] > work[$1] }
    let state = Mutex(State(found, work))
    let next = Atomic(0)
    pool.run(min(pool.threads, order.count)) { _, _ in
      do {
        while true {
          let place = next.wrappingAdd(1, ordering: .relaxed).oldValue
          guard place < order.count else { return }
          let cell = cells[order[place]]
          let outcomes = try experiment.outcomes(
            of: cell, memory: memory.map { $0 / pool.threads }
          ) {
            try report(state.withLock { try $0.progress() })
          }
          try store?.write(outcomes, of: cell)
          state.withLock { $0.add(outcomes, at: order[place]) }
        }
      } catch {
        state.withLock { $0.stop(error) }
      }
    }
    return try state.withLock { try $0.all() }
  }

  /// What the threads share.
  private struct State {
    private var outcomes: [[WatchedOutcome]?]
    private let work: [Double]
    private var fault: (any Error)?

    init(_ outcomes: [[WatchedOutcome]?], _ work: [Double]) {
      self.outcomes = outcomes
      self.work = work
    }

    mutating func add(_ new: [WatchedOutcome], at place: Int) { outcomes[place] = new }

    mutating func stop(_ error: any Error) { fault = fault ?? error }

    /// - Throws: What has stopped another thread.
    func progress() throws -> Progress {
      if let fault { throw fault }
      let done = outcomes.indices.filter { outcomes[$0] != nil }
      return Progress(done: done.reduce(0) { $0 + work[$1] }, total: work.reduce(0, +))
    }

    func all() throws -> [[WatchedOutcome]] {
      if let fault { throw fault }
      return outcomes.compactMap { $0 }
    }
  }
}
