import Autodiff
public import TensorCore

/// How well a model predicts some text.
public struct TextLoss: Equatable, Sendable {
  /// The number of tokens predicted.
  public var tokens = 0
  /// The bytes of those tokens.
  public var bytes = 0
  /// −log p of all of them, in nats.
  public var nats = 0.0

  /// −log p of a token, on average; NaN where there is none.
  public var natsPerToken: Double { nats / Double(tokens) }

  /// −log₂ p of a byte, on average; NaN where there is none.
  ///
  /// It is comparable between vocabularies.
  public var bitsPerByte: Double { nats / Double(bytes) / 0.693_147_180_559_945_3 }
}

extension Model {
  /// How well a model of text predicts passages.
  ///
  /// - Parameters:
  ///   - data: The passages as items; they fit the model.
  ///   - vocabulary: What their tokens are.
  ///   - parameters: Flat `[P]`.
  ///   - pool: Threads that share the passages; they do not change the bits.
  ///   - progress: Called between shares of passages with the number done; what it throws ends the work.
  public func textLoss<Scalar: TensorScalar>(
    on data: Dataset<Scalar>, _ vocabulary: Vocabulary, at parameters: [Scalar],
    pool: WorkerPool? = nil, progress: (Int) throws -> Void = { _ in }
  ) throws -> TextLoss {
    guard case .labels(let labels) = data.targets else { return TextLoss() }
    var loss = TextLoss()
    for label in labels where label != Dataset<Scalar>.noLabel {
      loss.tokens += 1
      loss.bytes += vocabulary.pieces[Int(label)].count
    }
    let lanes = LossLanes(self, data, labels, parameters, threads: pool?.threads ?? 1)
    let share = 8 * (pool?.threads ?? 1)
    for first in stride(from: 0, to: lanes.blocks.number, by: share) {
      try progress(min(first * lanes.blocks.size, data.count))
      let count = min(share, lanes.blocks.number - first)
      if let pool {
        pool.run(count) { block, worker in lanes.run(first + block, worker) }
      } else {
        for block in 0..<count { lanes.run(first + block, 0) }
      }
    }
    loss.nats = lanes.sums.reduce(0, +)
    return loss
  }
}

/// The losses of blocks of items on several threads.
private final class LossLanes<Scalar: TensorScalar>: @unchecked Sendable {
  let blocks: Blocks
  private let data: Dataset<Scalar>
  private let labels: [Int32]
  private let plan: Plan<Scalar>
  private let workspaces: [Workspace<Scalar>]
  private let parameters: AlignedBuffer<Scalar>
  private let results: AlignedBuffer<Double>

  init(
    _ model: any Model, _ data: Dataset<Scalar>, _ labels: [Int32], _ parameters: [Scalar],
    threads: Int
  ) {
    blocks = Blocks(data.count, size: 8)
    self.data = data
    self.labels = labels
    let items = ItemGraph(model, loss: .crossEntropySum, batch: blocks.size)
    let plan = Plan<Scalar>(items.graph, outputs: [items.values])
    let memory = AlignedBuffer(copying: parameters)
    workspaces = (0..<threads).map { _ in
      let workspace = plan.makeWorkspace()
      workspace.bind(model.layout, of: plan, to: memory.base)
      return workspace
    }
    self.plan = plan
    self.parameters = memory
    results = AlignedBuffer(blocks.number, filledWith: 0.0)
  }

  /// −log p of each block, in their order.
  var sums: [Double] { (0..<blocks.number).map { results.base[$0] } }

  /// Computes a block; a short one is filled up with its last item, which does not count there.
  func run(_ block: Int, _ worker: Int) {
    let items = Array(blocks[block])
    let rows = items + Array(repeating: items[items.count - 1], count: blocks.size - items.count)
    let width = data.targetWidth
    let workspace = workspaces[worker]
    workspace.set(ItemGraph.inputsLabel, data.inputs.gatheringRows(rows))
    workspace.set(
      ItemGraph.targetsLabel, indices: rows.flatMap { labels[$0 * width..<($0 + 1) * width] })
    plan.run(workspace)
    let values = workspace.output(0)
    results.base[block] = items.indices.reduce(0) { $0 + Double(values[$1]) }
  }
}
