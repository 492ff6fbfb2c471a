import Autodiff
import TensorCore
import Training

/// The part of an example's gradient that belongs to one parameter (a weight with the bias beside it).
///
/// Inner products of two examples' gradients are sums over terms.
struct FactorTerm: Sendable {
  /// What makes an inner product without forming gradients: (a · a' + 1)(δ · δ'), or δ · δ' alone.
  struct RankOne: Sendable {
    /// a, nil where there is none.
    let activation: Int?
    /// I, 0 where there is none.
    let inputs: Int
    /// δ.
    let cotangent: Int
    /// O.
    let outputs: Int
    /// Whether a bias with the same cotangent is counted too: a 1 appended to a.
    let hasBias: Bool
  }

  /// The places where the parameter is used; one, unless it is shared.
  let uses: [FactorUse]
  /// The bias beside a weight that is used once.
  let bias: FactorUse?

  /// The names of the parameters.
  var names: [String] { ([uses[0], bias].compactMap { $0?.entry.name }).sorted() }

  /// The elements of the parameter.
  var parameterCount: Int { uses[0].entry.shape.count }

  /// The elements of the term's gradient for one example: the parameter's, then the bias's.
  var gradientCount: Int { parameterCount + (bias?.entry.shape.count ?? 0) }

  /// What both sides of a product agree in.
  var extents: [Int] { [parameterCount, gradientCount] }

  /// One row each per example, where those give inner products.
  var rankOne: RankOne? {
    guard uses.count == 1 else { return nil }
    if let (activation, product) = uses[0].rankOne {
      return RankOne(
        activation: activation, inputs: product.inputs, cotangent: uses[0].cotangent,
        outputs: product.outputs, hasBias: bias != nil)
    }
    guard case .whole = uses[0].form else { return nil }
    return RankOne(
      activation: nil, inputs: 0, cotangent: uses[0].cotangent, outputs: parameterCount,
      hasBias: false)
  }

  /// Whether a query's gradient can be pushed through the items' factors.
  var allowsContraction: Bool {
    uses.allSatisfy { use in
      switch use.form {
      case .product(_, let product):
        product.blocks * product.groups == 1 && !product.hasActivationColumns
          && !product.hasCotangentColumns
      case .rows, .whole: true
      }
    }
  }

  /// Groups uses into terms: one per weight, its bias with it where both see the same cotangent.
  static func terms(_ uses: [FactorUse]) -> [FactorTerm] {
    var byParameter: [[FactorUse]] = []
    for use in uses {
      if byParameter.last?[0].entry == use.entry {
        byParameter[byParameter.count - 1].append(use)
      } else {
        byParameter.append([use])
      }
    }
    func isLoose(_ uses: [FactorUse]) -> Bool {
      guard uses.count == 1, case .whole = uses[0].form else { return false }
      return true
    }
    var loose = byParameter.filter(isLoose).map { $0[0] }
    var terms: [FactorTerm] = []
    for weights in byParameter where !isLoose(weights) {
      var bias: FactorUse?
      if weights.count == 1, weights[0].rankOne != nil,
        let match = loose.firstIndex(where: { $0.cotangent == weights[0].cotangent })
      {
        bias = loose.remove(at: match)
      }
      terms.append(FactorTerm(uses: weights, bias: bias))
    }
    return terms + loose.map { FactorTerm(uses: [$0], bias: nil) }
  }
}
