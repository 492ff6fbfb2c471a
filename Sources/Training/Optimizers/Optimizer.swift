public import TensorCore

/// A rule that turns a gradient into a step of the parameters.
///
/// A rule works on flat vectors, one block of a fixed size at a time; every element is updated from
/// its own gradient and its own state alone. The rules are PyTorch's. A new one is one file with a
/// conforming type, and one line in ``OptimizerRegistry``.
public protocol Optimizer: Sendable {
  /// The name in run records and on the command line.
  static var name: String { get }
  /// One line for listings.
  static var summary: String { get }
  /// The constants that the rule reads, besides the weight decay.
  static var constants: [OptimizerConstant] { get }
  /// What the rule remembers between steps: one vector `[P]` under each name, zero at first.
  static var stateNames: [String] { get }
  /// How a weight decay acts where nothing is said about it.
  static var defaultDecay: WeightDecay.Kind { get }

  /// Whether the derivative of a step depends on the gradient that entered it.
  static var hasScaledSteps: Bool { get }

  /// Updates one block of parameters and state, and may overwrite its gradient.
  ///
  /// - Parameters:
  ///   - block: The places in memory.
  ///   - settings: The constants.
  ///   - rate: The learning rate of this step.
  ///   - step: The number of this step, counted from 1.
  static func update<Scalar: TensorScalar>(
    _ block: OptimizerBlock<Scalar>, _ settings: OptimizerSettings, rate: Double, step: Int)

  /// The derivative of a step of ``update(_:_:rate:step:)``.
  static func derivative<Scalar: TensorScalar>(
    at point: StepPoint<Scalar>, _ settings: OptimizerSettings
  ) -> StepDerivative<Scalar>
}

extension Optimizer {
  /// Decay is part of the gradient.
  public static var defaultDecay: WeightDecay.Kind { .coupled }

  /// Most rules are linear in the gradient.
  public static var hasScaledSteps: Bool { false }
}

/// A number that some optimizers read.
public enum OptimizerConstant: String, CaseIterable, Sendable {
  /// μ, the share of the last step's momentum that is kept.
  case momentum
  /// β₁, the share kept of the mean gradient.
  case beta1
  /// β₂, the share kept of the mean squared gradient.
  case beta2
  /// ε, added to the root of the mean squared gradient.
  case epsilon

  /// The value where none is given, PyTorch's where that has one.
  public var standard: Double {
    switch self {
    case .momentum, .beta1: 0.9
    case .beta2: 0.999
    case .epsilon: 1e-8
    }
  }

  /// The values that make sense.
  var isValid: (Double) -> Bool {
    switch self {
    case .momentum, .beta1, .beta2: { $0 >= 0 && $0 < 1 }
    case .epsilon: { $0 > 0 && $0.isFinite }
    }
  }

  /// The same in words.
  var range: String { self == .epsilon ? "a number above 0" : "a number from 0 to below 1" }
}

/// How parameters are drawn towards zero.
public struct WeightDecay: Equatable, Sendable {
  /// Where the decay enters.
  public enum Kind: String, CaseIterable, Sendable {
    /// λθ is added to the gradient, and passes through momentum and scaling with it.
    case coupled
    /// θ is multiplied by 1 − ηλ before the step.
    case decoupled
  }

  /// λ.
  public var rate: Double
  /// Where it enters.
  public var kind: Kind

  var isValid: Bool { rate >= 0 && rate.isFinite }
  static let range = "a number from 0"

  /// A decay of this rate.
  public init(_ rate: Double, _ kind: Kind) {
    self.rate = rate
    self.kind = kind
  }
}

/// Places in memory that a rule updates: elements of the flat vectors `[P]`, in the same order.
///
/// They are valid during one call of ``Optimizer/update(_:_:rate:step:)``.
public struct OptimizerBlock<Scalar: TensorScalar> {
  /// The number of elements.
  public let count: Int
  /// θ.
  public let parameters: UnsafeMutablePointer<Scalar>
  /// g, which the rule may overwrite.
  public let gradient: UnsafeMutablePointer<Scalar>
  /// Room for as many elements.
  public let scratch: UnsafeMutablePointer<Scalar>
  /// The whole vectors, one for each of the rule's state names.
  let states: UnsafePointer<UnsafeMutablePointer<Scalar>>
  /// Where the block starts in them.
  let offset: Int

  /// The elements of the vector under one of the rule's state names.
  public func state(_ index: Int) -> UnsafeMutablePointer<Scalar> { states[index] + offset }

  /// Applies the weight decay, before the gradient is used.
  public func decay(_ decay: WeightDecay, rate: Double) {
    if decay.rate == 0 { return }
    switch decay.kind {
    case .coupled: Scalar.axpy(count, Scalar(decay.rate), parameters, gradient)
    case .decoupled:
      Scalar.affine(count, Scalar(1 - rate * decay.rate), parameters, 0, parameters)
    }
  }

  /// v ← μv + g for the first state v, which is returned.
  func accelerate(_ momentum: Double) -> UnsafeMutablePointer<Scalar> {
    let velocity = state(0)
    Scalar.affine(count, Scalar(momentum), velocity, 0, velocity)
    Scalar.axpy(count, 1, gradient, velocity)
    return velocity
  }

  /// θ += a · x.
  public func move(_ a: Double, _ x: UnsafePointer<Scalar>) {
    Scalar.axpy(count, Scalar(a), x, parameters)
  }
}
