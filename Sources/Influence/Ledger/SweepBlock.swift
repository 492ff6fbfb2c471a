import TensorCore
import Training

/// A block of queries on its way from the last step of a run to the first.
///
/// For one thread at a time.
protocol SweepBlock<Scalar>: AnyObject {
  associatedtype Scalar: TensorScalar
  /// Which of the ledger's queries.
  var queries: QueryBlock<Scalar> { get }
  /// What is carried from step to step.
  var carried: [Directions<Scalar>] { get }
  /// What weight decay did to each query's measure, `[D]`, in the steps gone through.
  var decay: [Double] { get set }

  /// Begins after the last step.
  func begin(at final: UnsafePointer<Scalar>)

  /// Goes back through a step.
  func goBack(_ step: SweptStep<Scalar>, into products: StepProducts<Scalar>)
}

/// A step as a sweep comes to it.
struct SweptStep<Scalar: TensorScalar> {
  let number: Int
  let leg: Trajectory<Scalar>.Leg
  let prepared: PreparedStep<Scalar>
  /// κ.
  let clipScale: Scalar
  /// Whether the state after it is a recorded one that the replay misses.
  let isReplaced: Bool
  /// Threads for large products where the block has them to itself.
  let pool: WorkerPool?

  var before: [Scalar] { leg.before(number).parameters }
  var after: [Scalar] { leg.after(number).parameters }
}

/// What gradients of a step's items, and of strangers in their places, add to each measure, before
/// weights and batch size.
struct StepProducts<Scalar: TensorScalar> {
  /// `[D, B]`, zeros at first.
  let items: UnsafeMutablePointer<Scalar>
  /// `[D, M]`, zeros at first.
  let strangers: UnsafeMutablePointer<Scalar>
  /// M.
  let strangerCount: Int
}
