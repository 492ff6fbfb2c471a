import Palimpsest

/// One computation of `Peers/README.md`, made ready once and run any number of times.
protocol Workload: AnyObject, SendableMetatype {
  static var name: String { get }
  /// Reads the arrays and compiles the plans; no part of the time of a run.
  init(_ arrays: PeerArrays, _ pool: WorkerPool) throws
  /// From inputs and parameters to the result in memory: what is timed.
  func run() throws
  /// What the last run computed, to be checked; nil where there is nothing to check.
  var result: StoredArray? { get }
  /// What else the last run has to tell.
  var details: [String: Double] { get }
}

extension Workload {
  var details: [String: Double] { [:] }
}

/// All workloads.
let workloads: [any Workload.Type] = [
  SGEMM.self, FullMatrix.self, Checkpoints.self, TopK.self, SelfInfluence.self, TrainEpoch.self,
  TrainSteps.self, LedgerTraining.self, CreditSweep.self, MarginalSweep.self, BulkRetrainings.self,
  CNNScores.self, TransformerScores.self, CNNGradient.self, TransformerGradient.self,
]
