import Autodiff
import Influence
import TensorCore
import Training

/// A small run with queries, drawn from a seed.
struct LedgerCase {
  let seed: UInt64
  var run: TrainingRun<Double>
  var queries: Dataset<Double>
  var measure: QueryMeasure
  let isSmooth: Bool
  /// An item that no batch holds.
  let absent: Int

  /// The rule goes round with the seed, so that five seeds have them all; the rest is drawn.
  init(_ seed: UInt64, activations: [Activation] = Activation.allCases) throws {
    self.seed = seed
    var draws = Draws(seed &+ 7)
    for _ in 0..<8 { _ = draws.next() }
    func pick<Element>(_ choices: [Element]) -> Element {
      choices[Int(draws.next() >> 20) % choices.count]
    }
    let activation = pick(activations)
    let widths = [pick([2, 3, 4])] + pick([[], [3], [4], [3, 2]]) + [pick([2, 3])]
    let loss = pick(Loss.allCases)
    let model = MLP(widths: widths, activation: activation)
    isSmooth = activation != .relu || widths.count == 2
    let items = pick([5, 6, 8])
    absent = Int(draws.next() >> 20) % items
    queries = Self.data(pick([1, 2, 5]), model, loss, &draws)
    let train = Self.data(items, model, loss, &draws)

    var optimizer = OptimizerSettings(OptimizerRegistry.all[Int(seed) % 5])
    optimizer.momentum = 0.7
    optimizer.beta1 = 0.8
    optimizer.beta2 = 0.9
    // Steps of a plain Adam turn from −η to η within ε of no gradient: no rule sees that.
    optimizer.epsilon = 1e-2
    let decay: Double = pick([0, 0.1, 0.3])
    optimizer.weightDecay = WeightDecay(decay, pick(WeightDecay.Kind.allCases))
    optimizer.clipNorm = pick([nil, 0.3, 0.6])

    // Short batches, repeated items, and one that is never there.
    let size = pick([2, 3, 4])
    let present = (0..<items).filter { [absent] in $0 != absent }
    var rows: [Int] = []
    for _ in 0..<pick([5, 7]) {
      rows += (0..<size).map { place in
        place > 0 && draws.number() > 0.6 ? -1 : pick(present)
      }
    }
    let batches = Batches(size: size, rows: rows)
    run = try TrainingRun(
      model, loss: loss, train: .init(train), optimizer: optimizer,
      learningRate: optimizer.rule.hasScaledSteps ? 0.1 : 0.4,
      schedule: pick([
        Schedule(.constant), Schedule("warmup:3+cosine:0.05"), Schedule("step:1:0.7"),
      ]),
      batchSize: size, epochs: 1, batches: batches, seed: seed)
    if pick([true, false]) {
      var weights: [Double] = (0..<items).map { _ in pick([0.5, 1, 1, 2]) }
      weights[present[0]] = 0
      run.itemWeights = weights
    }
    let own = QueryMeasure(name: "length of the outputs") { graph, outputs, _ in
      graph.sum(graph.unary(.square, graph.unary(.tanh, outputs)), axes: [-1])
    }
    let known = loss.takesLabels ? Measure.allCases : [.loss]
    let measures = [own] + known.map { QueryMeasure($0, loss: loss) }
    measure = measures[Int(seed / 3) % measures.count]
  }

  static func data(
    _ count: Int, _ model: any Model, _ loss: Loss, _ draws: inout Draws
  ) -> Dataset<Double> {
    let (inputs, outputs) = (model.inputShape.count, model.outputShape.count)
    let rows = Tensor([count, inputs], draws.numbers(count * inputs))
    if loss.takesLabels {
      let labels = (0..<count).map { _ in Int32((draws.next() >> 20) % UInt64(outputs)) }
      return Dataset(inputs: rows, targets: .labels(labels))
    }
    let numbers = draws.numbers(count * outputs)
    // Targets of binary cross-entropy are shares.
    let shares = numbers.map { min(max(($0 + 1) / 2, 0), 1) }
    let targets = loss == .binaryCrossEntropy ? shares : numbers
    return Dataset(inputs: rows, targets: .values(Tensor([count, outputs], targets)))
  }

  var isScaled: Bool { run.optimizer.rule.hasScaledSteps }

  /// What a failure is told by.
  var story: String {
    "seed \(seed): \(run.model.specification) \(run.loss.rawValue) \(run.optimizer.name) decay "
      + "\(run.optimizer.weightDecay) clip \(run.optimizer.clipNorm ?? 0) \(measure.name) weights "
      + "\(run.itemWeights ?? [])"
  }

  func problem() -> LedgerProblem<Double> {
    LedgerProblem(run: run, queries: queries, measure: measure)
  }

  func single() throws -> LedgerProblem<Float> {
    var single = try TrainingRun<Float>(
      run.model, loss: run.loss, train: .init(run.train.items.cast()), optimizer: run.optimizer,
      learningRate: 1, batchSize: 1, epochs: 1, batches: run.batches)
    single.learningRates = run.learningRates
    single.initialParameters = run.initialParameters.map { Float($0) }
    single.itemWeights = run.itemWeights.map { $0.map { Float($0) } }
    return LedgerProblem(run: single, queries: queries.cast(), measure: measure)
  }

  func accounts(
    _ columns: Set<LedgerColumn>, rule: QuadratureRule = .simpson, tolerance: Double = 1e-4
  ) throws -> [OutputAccount] {
    try Ledger(
      problem(), options: LedgerOptions(columns: columns, rule: rule, tolerance: tolerance),
      pool: WorkerPool(threads: 2)
    ).accounts()
  }
}

extension OutputAccount {
  /// The rows of a column in the measure's own sign.
  func raw(_ column: LedgerColumn) -> [Double] {
    (columns[column]?.items ?? []).map { isLowerBetter ? -$0 : $0 }
  }

  /// The decay's row in the measure's own sign.
  func rawDecay(_ column: LedgerColumn) -> Double {
    (columns[column]?.decay ?? 0) * (isLowerBetter ? -1 : 1)
  }
}

/// Gradients and values of one item at a time, by reverse mode on a batch of one.
final class OneByOne {
  private let plan: Plan<Double>
  private let workspace: Workspace<Double>
  private let layout: ParameterLayout

  init(_ run: TrainingRun<Double>, _ measure: QueryMeasure? = nil) {
    var items = ItemGraph(
      run.model, loss: run.loss, measure: measure ?? QueryMeasure(.loss, loss: run.loss), batch: 1)
    let gradients = items.graph.gradient(of: items.values, withRespectTo: items.parameters)
    plan = Plan(items.graph, outputs: [items.values] + gradients)
    workspace = plan.makeWorkspace()
    layout = run.model.layout
  }

  private func run(_ data: Dataset<Double>, _ index: Int, at parameters: [Double]) {
    for entry in layout.entries {
      workspace.set(entry.name, Tensor(entry.shape, Array(parameters[entry.range])))
    }
    let item = data[[index]]
    workspace.set(ItemGraph.inputsLabel, item.inputs)
    switch item.targets {
    case .labels(let labels):
      if plan.indexInput(ItemGraph.targetsLabel) != nil {
        workspace.set(ItemGraph.targetsLabel, indices: labels)
      }
    case .values(let values):
      if plan.input(ItemGraph.targetsLabel) != nil {
        workspace.set(ItemGraph.targetsLabel, values)
      }
    }
    plan.run(workspace)
  }

  func value(_ data: Dataset<Double>, _ index: Int, at parameters: [Double]) -> Double {
    run(data, index, at: parameters)
    return workspace.output(0)[0]
  }

  func gradient(_ data: Dataset<Double>, _ index: Int, at parameters: [Double]) -> [Double] {
    run(data, index, at: parameters)
    return layout.entries.indices.flatMap { Array(workspace.output($0 + 1)) }
  }
}

/// a + s · b.
func sum(_ a: [Double], _ s: Double, _ b: [Double]) -> [Double] {
  zip(a, b).map { $0 + s * $1 }
}

/// Σ a b.
func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

/// The largest difference over the largest magnitude in the second.
func worst(_ a: [Double], _ b: [Double]) -> Double {
  guard a.count == b.count, a.allSatisfy(\.isFinite) else { return .infinity }
  let scale = b.map(abs).max() ?? 0
  let difference = zip(a, b).map { abs($0 - $1) }.max() ?? 0
  return difference == 0 ? 0 : difference / scale
}
