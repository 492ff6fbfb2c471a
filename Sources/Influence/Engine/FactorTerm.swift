import Autodiff
import TensorCore

/// Where a factor's numbers lie after a batch has run.
enum FactorSource: Hashable, Sendable {
  /// The batch's own inputs, the same for every checkpoint.
  case inputs
  /// An output of the plan.
  case output(Int)
}

/// One place where parameters meet the data: its gradient is Σ_t δ_t a_tᵀ.
///
/// Where a shared weight is applied as x · W for a W stored `[O, I]`, a and δ change places: δ is
/// then what came in and a the cotangent, and the sum is a gradient of W's own layout all the same.
struct FactorUse: Hashable, Sendable {
  /// a `[B, T, I]`; nil for a bias, whose a is 1.
  let activation: FactorSource?
  /// δ `[B, T, O]`.
  let cotangent: FactorSource
  /// T.
  let positions: Int
  /// Whether a and δ have changed places.
  let isSwapped: Bool
}

/// The part of an example's gradient that belongs to one weight (with the bias beside it).
///
/// Inner products of two examples' gradients are sums over terms.
struct FactorTerm: Sendable {
  /// The places where the weight is used; one, unless it is shared.
  let uses: [FactorUse]
  /// I, 0 for a bias alone.
  let inputs: Int
  /// O.
  let outputs: Int
  /// Whether a bias with the same cotangent is counted too: a 1 appended to a.
  let hasBias: Bool
  /// The names of the parameters.
  let names: [String]

  /// I, O, and 1 where a bias is counted: what both sides of a product agree in.
  var extents: [Int] { [inputs, outputs, hasBias ? 1 : 0] }

  /// The elements of the term's gradient for one example.
  var gradientCount: Int { outputs * (inputs + (hasBias || inputs == 0 ? 1 : 0)) }

  /// Whether the activation and cotangent alone, one row each per example, give inner products.
  var isRankOne: Bool { uses.count == 1 && uses[0].positions == 1 }
}
