import Autodiff
import TensorCore
import Training

/// Which parameters' gradients are compared.
public enum Layers: Sendable {
  /// All of them.
  case all
  /// Those of the last layer only.
  case last
}

/// A compiled batch: from B items to the factors of their gradients.
struct FactorPlan<Scalar: TensorScalar>: Sendable {
  let batch: Int
  let terms: [FactorTerm]
  let plan: Plan<Scalar>
  let layout: ParameterLayout
  let inputCount: Int
  let targetCount: Int
  let takesLabels: Bool
  /// The output that holds the measure of each item.
  let valuesOutput: Int
  /// The weights `[O, I]` whose products with sparse inputs are made outside the plan.
  let inputWeights: [ParameterLayout.Entry]
  /// Whether products with the inputs skip zeros.
  let hasSparseInputs: Bool

  /// Compiles the factors of ∇(measure), or of −∇(measure) where `negated`.
  init(
    _ model: any Model, loss: Loss, measure: Measure, negated: Bool, layers: Layers, batch: Int,
    hasSparseInputs: Bool = false
  ) throws(GraphError) {
    self.batch = batch
    self.hasSparseInputs = hasSparseInputs
    layout = model.layout
    inputCount = model.inputShape.count
    targetCount = model.outputShape.count
    takesLabels = loss.takesLabels
    var items = ItemGraph(model, loss: loss, measure: measure, batch: batch)
    let objective = negated ? items.graph.negate(items.values) : items.values
    let factors = try items.graph.perExampleFactors(of: objective, parameters: items.parameters)
    var outputs: [NodeID] = [items.values]
    var places: [NodeID: Int] = [:]
    var graph = items.graph
    func source(_ id: NodeID) -> FactorSource {
      if (graph[id].primitive as? Input)?.label == ItemGraph.inputsLabel { return .inputs }
      if let place = places[id] { return .output(place) }
      places[id] = outputs.count
      outputs.append(id)
      return .output(outputs.count - 1)
    }
    terms = Self.terms(factors, graph, layers, source)
    valuesOutput = 0
    inputWeights = hasSparseInputs ? Self.cutInputProducts(&graph, layout) : []
    plan = Plan(graph, outputs: outputs)
  }

  /// The label of the product of the inputs with a weight.
  static func productLabel(_ weight: ParameterLayout.Entry) -> String { "inputs · \(weight.name)" }

  /// Makes inputs of the graph of the products of the items' inputs with weights `[O, I]`.
  private static func cutInputProducts(
    _ graph: inout Graph, _ layout: ParameterLayout
  ) -> [ParameterLayout.Entry] {
    let whole = graph
    var weights: [ParameterLayout.Entry] = []
    graph.makeInputs { node in
      guard let product = node.primitive as? MatMul, !product.transposeA, product.transposeB,
        let inputs = whole[node.operands[0]].primitive as? Input,
        inputs.label == ItemGraph.inputsLabel, inputs.shape.rank == 2,
        let weight = whole[node.operands[1]].primitive as? Input, weight.shape.rank == 2,
        let entry = layout.entries.first(where: { $0.name == weight.label })
      else { return nil }
      weights.append(entry)
      return productLabel(entry)
    }
    return weights
  }

  /// Groups factors into terms: one per weight, its bias with it where both see the same cotangent.
  private static func terms(
    _ factors: [Factor], _ graph: Graph, _ layers: Layers, _ source: (NodeID) -> FactorSource
  ) -> [FactorTerm] {
    var byParameter: [(parameter: NodeID, factors: [Factor])] = []
    for factor in factors {
      if byParameter.last?.parameter == factor.parameter {
        byParameter[byParameter.count - 1].factors.append(factor)
      } else {
        byParameter.append((factor.parameter, [factor]))
      }
    }
    func isBias(_ factors: [Factor]) -> Bool { factors.allSatisfy { $0.form == .bias } }
    var drafts: [(weight: [Factor], bias: [Factor])] = []
    var loose = byParameter.filter { isBias($0.factors) }
    for (_, weights) in byParameter where !isBias(weights) {
      var draft: (weight: [Factor], bias: [Factor]) = (weights, [])
      if weights.count == 1,
        let match = loose.firstIndex(where: {
          $0.factors.count == 1 && $0.factors[0].cotangent == weights[0].cotangent
        })
      {
        draft.bias = loose.remove(at: match).factors
      }
      drafts.append(draft)
    }
    drafts += loose.map { ([], $0.factors) }
    if layers == .last, let last = drafts.last(where: { !$0.weight.isEmpty }) { drafts = [last] }
    return drafts.map { draft in
      let factors = draft.weight.isEmpty ? draft.bias : draft.weight
      let width = graph.shape(factors[0].cotangent)[-1]
      var inputs = 0
      let uses = factors.map { factor -> FactorUse in
        let cotangent = graph.shape(factor.cotangent)
        let positions = cotangent.count / max(cotangent[0] * cotangent[-1], 1)
        guard case .product(let activation, _) = factor.form else {
          return FactorUse(
            activation: nil, cotangent: source(factor.cotangent), positions: positions)
        }
        inputs = graph.shape(activation)[-1]
        return FactorUse(
          activation: source(activation), cotangent: source(factor.cotangent),
          positions: positions)
      }
      let names = (draft.weight + draft.bias).compactMap {
        (graph[$0.parameter].primitive as? Input)?.label
      }
      return FactorTerm(
        uses: uses, inputs: inputs, outputs: width, hasBias: !draft.bias.isEmpty,
        names: Array(Set(names)).sorted())
    }
  }

  /// P of the parameters compared.
  var gradientCount: Int { terms.reduce(0) { $0 + $1.gradientCount } }

  func makeWorker() -> FactorWorker<Scalar> { FactorWorker(self) }
}
