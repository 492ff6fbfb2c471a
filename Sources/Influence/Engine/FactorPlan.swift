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
    // Cotangents are scaled in place: a value that is an activation too is put out twice.
    var places: [[NodeID: Int]] = [[:], [:]]
    var graph = items.graph
    func source(_ id: NodeID, isCotangent: Bool) -> FactorSource {
      if !isCotangent, (graph[id].primitive as? Input)?.label == ItemGraph.inputsLabel {
        return .inputs
      }
      if let place = places[isCotangent ? 1 : 0][id] { return .output(place) }
      places[isCotangent ? 1 : 0][id] = outputs.count
      outputs.append(id)
      return .output(outputs.count - 1)
    }
    terms = try Self.terms(factors, graph, batch, layers, source)
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
    _ factors: [Factor], _ graph: Graph, _ batch: Int, _ layers: Layers,
    _ source: (_ id: NodeID, _ isCotangent: Bool) -> FactorSource
  ) throws(GraphError) -> [FactorTerm] {
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
    var terms: [FactorTerm] = []
    for draft in drafts {
      terms.append(try term(draft.weight, bias: draft.bias, graph, batch, source))
    }
    return terms
  }

  /// The term of one weight with the bias beside it, or of a bias alone.
  ///
  /// - Throws: ``GraphError/noFactors(parameter:primitive:)`` where a factor has no batch axis in
  ///   front or the uses of a shared parameter do not add up to one gradient.
  private static func term(
    _ weight: [Factor], bias: [Factor], _ graph: Graph, _ batch: Int,
    _ source: (_ id: NodeID, _ isCotangent: Bool) -> FactorSource
  ) throws(GraphError) -> FactorTerm {
    let factors = weight.isEmpty ? bias : weight
    func label(_ parameter: NodeID) -> String {
      (graph[parameter].primitive as? Input)?.label ?? "a value"
    }
    func refusal(_ what: String) -> GraphError {
      .noFactors(parameter: label(factors[0].parameter), primitive: what)
    }
    /// The rows that each of the B items has in a value `[B, …, width]` or `[B · T, width]`.
    func positions(_ id: NodeID) throws(GraphError) -> Int {
      let shape = graph.shape(id)
      guard shape.rank >= 2, shape[0] > 0, shape[0] % batch == 0 else {
        throw refusal("a product of shape \(shape), whose outermost axis is not the batch")
      }
      return shape.dropLast().count / batch
    }
    var extents: [(outputs: Int, inputs: Int)] = []
    var uses: [FactorUse] = []
    for factor in factors {
      let cotangent = source(factor.cotangent, true)
      let count = try positions(factor.cotangent)
      var (outputs, inputs) = (graph.shape(factor.cotangent)[-1], 0)
      var activation: FactorSource?
      var isSwapped = false
      if case .product(let id, let outputsFirst) = factor.form {
        guard try positions(id) == count else {
          throw refusal(
            "a product of shapes \(graph.shape(id)) and \(graph.shape(factor.cotangent))")
        }
        activation = source(id, false)
        inputs = graph.shape(id)[-1]
        // A shared weight may be applied both ways round: the roles are those of its own layout.
        isSwapped = factors.count > 1 && !outputsFirst
        if isSwapped { swap(&outputs, &inputs) }
      }
      extents.append((outputs, inputs))
      uses.append(
        FactorUse(
          activation: isSwapped ? cotangent : activation,
          cotangent: isSwapped ? activation ?? cotangent : cotangent, positions: count,
          isSwapped: isSwapped))
    }
    guard extents.allSatisfy({ $0 == extents[0] }) else {
      throw refusal("several places under different shapes")
    }
    return FactorTerm(
      uses: uses, inputs: extents[0].inputs, outputs: extents[0].outputs,
      hasBias: !weight.isEmpty && !bias.isEmpty,
      names: Set((weight + bias).map { label($0.parameter) }).sorted())
  }

  /// P of the parameters compared.
  var gradientCount: Int { terms.reduce(0) { $0 + $1.gradientCount } }

  func makeWorker() -> FactorWorker<Scalar> { FactorWorker(self) }
}
