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
struct FactorUse: Hashable, Sendable {
  /// a `[B, T, I]`; nil for a bias, whose a is 1.
  let activation: FactorSource?
  /// δ `[B, T, O]`.
  let cotangent: FactorSource
  /// T.
  let positions: Int
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

  /// The elements of the term's gradient for one example.
  var gradientCount: Int { outputs * (inputs + (hasBias || inputs == 0 ? 1 : 0)) }

  /// Whether the activation and cotangent alone, one row each per example, give inner products.
  var isRankOne: Bool { uses.count == 1 && uses[0].positions == 1 }
}
