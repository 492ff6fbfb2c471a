import Autodiff
import TensorCore
import Training

/// Some queries of a ledger with a plan for their measures and gradients at any parameters.
///
/// For one thread at a time.
final class QueryBlock<Scalar: TensorScalar> {
  /// Which of the ledger's queries.
  let range: Range<Int>
  /// A smaller block, for any few of the queries to be loaded into.
  let few: QueryBlock?
  private let data: Dataset<Scalar>
  private let batch: BatchMemory<Scalar>
  private let workspace: Workspace<Scalar>
  private let rows: FactorRows<Scalar>
  private let valuesPlan: Plan<Scalar>
  private let valuesWorkspace: Workspace<Scalar>

  /// D.
  var count: Int { range.count }

  /// - Parameters:
  ///   - programs: Compiled for batches of as many items.
  ///   - few: Compiled for fewer, where such batches are of use.
  init(
    _ problem: LedgerProblem<Scalar>, _ range: Range<Int>, _ programs: QueryPrograms<Scalar>,
    few: QueryPrograms<Scalar>? = nil
  ) {
    self.range = range
    self.few = few.flatMap {
      $0.factors.batch < range.count
        ? QueryBlock(problem, range.prefix($0.factors.batch), $0) : nil
    }
    data = problem.queries
    factors = programs.factors
    valuesPlan = programs.values
    let batch = BatchMemory<Scalar>(problem.run.model, loss: problem.run.loss, batch: range.count)
    batch.load(Array(range)[...], of: problem.queries, weights: nil)
    self.batch = batch
    let workspace = factors.plan.makeWorkspace()
    batch.bind(workspace, factors.plan)
    self.workspace = workspace
    valuesWorkspace = valuesPlan.makeWorkspace()
    batch.bind(valuesWorkspace, valuesPlan)
    rows = FactorRows(
      base: factors.sources.map { source in
        source.output.flatMap { workspace.output($0).baseAddress }
          ?? UnsafePointer(batch.inputs.base)
      })
  }

  /// The measure of each query at some parameters, into `values` `[D]`.
  func values(at parameters: UnsafePointer<Scalar>, into values: UnsafeMutablePointer<Scalar>) {
    valuesWorkspace.bind(factors.layout, of: valuesPlan, to: parameters)
    valuesPlan.run(valuesWorkspace)
    if let base = valuesWorkspace.output(0).baseAddress { values.update(from: base, count: count) }
  }

  /// Prepares ``addGradients(of:weight:to:)`` at some parameters; the measures are in ``value(_:)``.
  func run(at parameters: UnsafePointer<Scalar>) {
    workspace.bind(factors.layout, of: factors.plan, to: parameters)
    factors.plan.run(workspace)
  }

  /// The measure of a query at the parameters of the last ``run(at:)``.
  func value(_ query: Int) -> Double { Double(workspace.output(0)[query]) }

  /// Puts other queries of the ledger into the first places.
  func load(_ queries: [Int]) { batch.load(queries[...], of: data, weights: nil) }

  /// Takes the factors of the gradients at some parameters into memory, one place for each source.
  ///
  /// Sources that are the queries' own inputs need none.
  func run(at parameters: UnsafePointer<Scalar>, into memory: [UnsafeMutablePointer<Scalar>]) {
    for (source, place) in zip(factors.sources, memory) {
      if let output = source.output { workspace.bind(output: output, to: place) }
    }
    run(at: parameters)
  }

  /// The queries' inputs, `[D] + inputShape`.
  var inputs: UnsafePointer<Scalar> { UnsafePointer(batch.inputs.base) }

  /// How gradients are made of factors.
  let factors: GradientFactors<Scalar>

  /// Adds `weight` times the gradients of some queries at the parameters of the last ``run(at:)``.
  func addGradients(of queries: [Int], weight: Scalar, to gradients: Directions<Scalar>) {
    for query in queries { factors.addGradient(rows, query, weight: weight, to: gradients, query) }
  }
}

/// What blocks of as many queries share.
struct QueryPrograms<Scalar: TensorScalar>: Sendable {
  let factors: GradientFactors<Scalar>
  /// Output 0 is the measure of each query `[D]`, without the gradients.
  let values: Plan<Scalar>

  init(_ problem: LedgerProblem<Scalar>, count: Int) throws {
    factors = try GradientFactors(
      problem.run.model, loss: problem.run.loss, measure: problem.measure, batch: count)
    let items = ItemGraph(
      problem.run.model, loss: problem.run.loss, measure: problem.measure, batch: count)
    values = Plan(items.graph, outputs: [items.values])
  }
}
