import Autodiff
import TensorCore
import Training

/// Products of D directions with the gradients of a batch's items, and with the Hessian of the
/// batch's weighted mean loss: one forward-mode sweep over the graph of the gradient.
///
/// For one thread at a time.
final class CurvatureProduct<Scalar: TensorScalar> {
  /// What workers share.
  struct Program: Sendable {
    let plan: Plan<Scalar>
    let batch: Int
    let directions: Int
    /// Elements of memory that a worker's plan takes.
    var workspaceCount: Int { plan.workspaceCount }

    init(_ run: TrainingRun<Scalar>, directions: Int) {
      batch = run.batches.size
      self.directions = directions
      var items = ItemGraph(run.model, loss: run.loss, batch: batch)
      let seed = items.graph.input(TrainingProgram<Scalar>.seedLabel, [batch])
      let gradients = items.gradients(seed: seed)
      // Statistics that training does not change have no direction.
      let trainable = zip(items.parameters, run.model.layout.entries).filter { $1.isTrainable }
      let along = trainable.map { node, entry in
        (
          value: node,
          tangent: items.graph.input(
            Self.label(entry), Shape([directions]).appending(entry.shape))
        )
      }
      let tangents = items.graph.jvp(of: [items.values] + gradients, along: along)
      let shapes = [Shape([batch])] + run.model.layout.entries.map(\.shape)
      // Before the graph is handed over: what has no tangent adds a constant to it.
      let outputs = zip(tangents, shapes).map {
        $0 ?? items.graph.constant(0, Shape([directions]).appending($1))
      }
      plan = Plan(items.graph, outputs: outputs)
    }

    static func label(_ entry: ParameterLayout.Entry) -> String { "(direction) \(entry.name)" }
  }

  private let program: Program
  private let run: TrainingRun<Scalar>
  private let workspace: Workspace<Scalar>
  private let batch: BatchMemory<Scalar>
  /// `[N]`; nil for ones.
  private let weights: AlignedBuffer<Scalar>?
  /// H v of each direction.
  let products: Directions<Scalar>

  init(_ run: TrainingRun<Scalar>, _ program: Program, along directions: Directions<Scalar>) {
    self.run = run
    self.program = program
    workspace = program.plan.makeWorkspace()
    batch = BatchMemory(run.model, loss: run.loss, batch: program.batch)
    batch.bind(workspace, program.plan)
    weights = run.itemWeights.map { AlignedBuffer(copying: $0) }
    products = Directions(program.directions, run.model.layout)
    for (number, entry) in run.model.layout.entries.enumerated() {
      if let slot = program.plan.input(Program.label(entry)) {
        workspace.bind(slot, to: UnsafePointer(directions.entry(entry)))
      }
      workspace.bind(output: number + 1, to: products.entry(entry))
    }
  }

  /// Multiplies the directions at some parameters with the gradients of a batch's items and with its
  /// Hessian.
  ///
  /// - Returns: ⟨gradient of entry b's item, direction d⟩, `[D, B]`, valid until the next call.
  func multiply(
    _ rows: ArraySlice<Int>, at parameters: UnsafePointer<Scalar>, pool: WorkerPool?
  ) -> UnsafePointer<Scalar> {
    batch.load(rows, of: run.train.items, weights: weights)
    workspace.bind(run.model.layout, of: program.plan, to: parameters)
    program.plan.run(workspace, pool: pool)
    return UnsafePointer(workspace.output(0).baseAddress ?? UnsafePointer(batch.seed.base))
  }
}
