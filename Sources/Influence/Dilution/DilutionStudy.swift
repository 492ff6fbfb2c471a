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

  /// How far a study is, in runs and in a measure of their work.
  public struct Progress: Sendable {
    /// The runs that are done.
    public var done: Int
    /// All runs.
    public var total: Int
    /// The part of the work that is done, from 0 to 1.
    public var share: Double
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
    let works = cells.map(experiment.work)
    let order = cells.indices.filter { found[$0] == nil }.sorted { works[$0] > works[$1] }
    let state = Mutex(State(found, works))
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
    private let works: [Double]
    private var fault: (any Error)?

    init(_ outcomes: [[WatchedOutcome]?], _ works: [Double]) {
      self.outcomes = outcomes
      self.works = works
    }

    mutating func add(_ new: [WatchedOutcome], at place: Int) { outcomes[place] = new }

    mutating func stop(_ error: any Error) { fault = fault ?? error }

    /// - Throws: What has stopped another thread.
    func progress() throws -> Progress {
      if let fault { throw fault }
      let done = outcomes.indices.filter { outcomes[$0] != nil }
      return Progress(
        done: done.count, total: outcomes.count,
        share: done.reduce(0) { $0 + works[$1] } / works.reduce(0, +))
    }

    func all() throws -> [[WatchedOutcome]] {
      if let fault { throw fault }
      return outcomes.compactMap { $0 }
    }
  }
}
