import Autodiff
import Logging
import TensorCore
import Training

/// From a batch of B items to the factors of each item's own gradient.
struct GradientFactors<Scalar: TensorScalar>: Sendable {
  let batch: Int
  let plan: Plan<Scalar>
  let layout: ParameterLayout
  /// What the places are made of; the uses name them by number.
  let sources: [FactorSource]
  /// In the order of their parameters.
  let uses: [FactorUse]
  /// The parameters whose gradients are made item by item.
  let expanded: [ParameterLayout.Entry]
  /// The parameters of the last layer.
  let lastLayer: [ParameterLayout.Entry]
  /// The floating-point operations that the factors of an item take, about.
  let operations: Double
  /// The weights `[O, I]` whose products with the inputs are made outside the plan.
  let inputWeights: [ParameterLayout.Entry]

  /// Compiles the factors of a measure's gradient, or of what is minus that.
  ///
  /// Output 0 of the plan is the measure of each item `[B]`. A value that is both an activation and
  /// a cotangent is two sources, so that cotangents may be scaled in place.
  ///
  /// - Parameter cutsInputProducts: Whether products of the inputs with weights become inputs of the
  ///   plan, labelled ``productLabel(_:)``.
  /// - Throws: `GraphError` where a parameter meets something that has no batch axis.
  init(
    _ model: any Model, loss: Loss, measure: QueryMeasure, batch: Int, isNegated: Bool = false,
    cutsInputProducts: Bool = false
  ) throws(GraphError) {
    var items = ItemGraph(model, loss: loss, measure: measure, batch: batch)
    let objective = isNegated ? items.graph.negate(items.values) : items.values
    let trainable = zip(items.parameters, model.layout.entries).filter { $1.isTrainable }
    let found = try items.graph.perExampleFactors(
      of: objective, parameters: trainable.map(\.0), data: items.data)
    var graph = items.graph
    var sources: [FactorSource] = []
    var known: [[NodeID: Int]] = [[:], [:]]
    var outputs = [items.values]
    func source(_ id: NodeID, isCotangent: Bool) -> Int {
      let kind = isCotangent ? 1 : 0
      if let number = known[kind][id] { return number }
      let isInput = !isCotangent && id == items.data[0]
      if !isInput { outputs.append(id) }
      known[kind][id] = sources.count
      sources.append(
        FactorSource(
          output: isInput ? nil : outputs.count - 1, count: graph.shape(id).count / batch))
      return sources.count - 1
    }
    var entries: [NodeID: ParameterLayout.Entry] = [:]
    for (id, entry) in trainable { entries[id] = entry }
    uses = found.factors.compactMap { factor in
      guard let entry = entries[factor.parameter] else { return nil }
      let cotangent = source(factor.cotangent, isCotangent: true)
      let form: FactorUse.Form =
        switch factor.form {
        case .whole: .whole
        case .rows(let indices):
          .rows(
            indices: source(indices, isCotangent: false),
            positions: graph.shape(indices).count / batch, width: graph.shape(factor.cotangent)[-1])
        case .product(let product):
          .product(activation: source(product.activation, isCotangent: false), product)
        }
      return FactorUse(entry: entry, form: form, cotangent: cotangent)
    }
    expanded = found.expanded.compactMap { entries[$0] }
    lastLayer = items.graph.lastLayer(
      of: items.values, parameters: trainable.map(\.0), data: items.data
    ).compactMap { entries[$0] }
    if !expanded.isEmpty {
      let names = expanded.map(\.name).joined(separator: ", ")
      Logger(label: "palimpsest.influence").info(
        "\(names): computed with before meeting the data; gradients are made item by item")
    }
    operations = graph.operations(of: outputs) / Double(batch)
    inputWeights = cutsInputProducts ? Self.cutInputProducts(&graph, model.layout) : []
    self.batch = batch
    self.sources = sources
    layout = model.layout
    plan = Plan(graph, outputs: outputs)
  }

  /// The label of the product of the inputs with a weight.
  static func productLabel(_ weight: ParameterLayout.Entry) -> String { "(inputs) \(weight.name)" }

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

  /// The numbers of all sources for one item.
  var sourceCount: Int { sources.reduce(0) { $0 + $1.count } }
}

extension GradientFactors {
  /// Adds `weight` times the gradient of an item to a direction.
  func addGradient(
    _ rows: FactorRows<Scalar>, _ item: Int, weight: Scalar, to gradients: Directions<Scalar>,
    _ direction: Int
  ) {
    for use in uses {
      use.addGradient(
        rows, sources, item, weight: weight, beta: 1, to: gradients.row(direction, of: use.entry))
    }
  }

  /// Elements of scratch that ``contract(_:count:with:into:stride:scratch:)`` needs for D directions.
  func contractionScratch(_ directions: Int) -> Int {
    uses.map { use in
      guard case .product(_, let product) = use.form, product.isRowProduct else {
        return use.entry.shape.count
      }
      return Self.chunk * directions * product.rowCount
    }.max() ?? 0
  }

  /// Rows multiplied at once, so that the products stay in a second-level cache.
  private static var chunk: Int { 64 }

  /// ⟨gradient of item b, direction d⟩ into `dots`, `count` of each row of D, `stride` apart.
  ///
  /// - Complexity: 2 · D · count · P floating-point operations for each position of a linear layer,
  ///   which needs no gradient formed; other uses form one gradient at a time.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  func contract(
    _ rows: FactorRows<Scalar>, count: Int, with directions: Directions<Scalar>,
    into dots: UnsafeMutablePointer<Scalar>, stride: Int, scratch: UnsafeMutablePointer<Scalar>
  ) {
    let number = directions.count
    for d in 0..<number { Self.clear(dots + d * stride, count) }
    for use in uses {
      let own = rows.base[use.cotangent]
      switch use.form {
      case .product(let activation, let product) where product.isRowProduct:
        let other = rows.base[activation]
        let (left, right) = product.isOutputsFirst ? (own, other) : (other, own)
        let (height, width) = (product.rowCount, product.columnCount)
        let total = count * product.positions
        for start in Swift.stride(from: 0, to: total, by: Self.chunk) {
          let length = min(Self.chunk, total - start)
          // [rows, D · height]: each row's columns against every row of every direction's matrix.
          MatrixProduct.unchecked(
            false, true, length, number * height, width, 1, right + start * width, width,
            directions.entry(use.entry), width, 0, scratch, number * height)
          for row in 0..<length {
            Scalar.addDots(
              number, height, scratch + row * number * height, left + (start + row) * height,
              dots + (start + row) / product.positions, stride)
          }
        }
      case .whole:
        let width = use.entry.shape.count
        MatrixProduct.unchecked(
          false, true, number, count, width, 1, directions.entry(use.entry), width, own, width, 1,
          dots, max(stride, count))
      default:
        for item in 0..<count {
          use.addGradient(rows, sources, item, weight: 1, beta: 0, to: scratch)
          for d in 0..<number {
            dots[item + d * stride] += Scalar.dot(
              use.entry.shape.count, scratch, directions.row(d, of: use.entry))
          }
        }
      }
    }
  }

  private static func clear(_ memory: UnsafeMutablePointer<Scalar>, _ count: Int) {
    UnsafeMutableRawPointer(memory).initializeMemory(
      as: UInt8.self, repeating: 0, count: count * MemoryLayout<Scalar>.stride)
  }
}

extension FactorProduct {
  /// Whether it is a linear layer's: one matrix, positions outermost on both sides.
  fileprivate var isRowProduct: Bool {
    blocks * groups == 1 && (positions == 1 || (!hasActivationColumns && !hasCotangentColumns))
  }

  /// The rows of the parameter.
  fileprivate var rowCount: Int { isOutputsFirst ? outputs : inputs }
  /// The columns of the parameter.
  fileprivate var columnCount: Int { isOutputsFirst ? inputs : outputs }
}

extension GradientFactors {
  /// Products of gradients with those of the strangers of a step.
  func contractStrangers(
    _ prepared: PreparedStep<Scalar>, with gradient: Directions<Scalar>,
    into products: StepProducts<Scalar>
  ) {
    let scratch = AlignedBuffer<Scalar>(contractionScratch(gradient.count), filledWith: 0)
    var start = 0
    for memory in prepared.strangers {
      contract(
        memory.rows, count: memory.count, with: gradient, into: products.strangers + start,
        stride: products.strangerCount, scratch: scratch.base)
      start += memory.count
    }
  }
}
