import Foundation
import Palimpsest

/// What the benchmarks work on, made when first used.
enum Inputs {
  static let matrices: [AlignedBuffer<Float>] = [0.5, 0.25, 0].map {
    AlignedBuffer(512 * 512, filledWith: $0)
  }

  /// The step of the digits network: losses of 50 items and the gradient of their sum.
  static let gradient: (plan: Plan<Float>, workspace: Workspace<Float>) = {
    let network = MLP(widths: [64, 32, 10], activation: .tanh)
    var items = ItemGraph(network, loss: .crossEntropy, batch: 50)
    let gradients = items.graph.gradient(of: items.values, withRespectTo: items.parameters)
    let plan = Plan<Float>(items.graph, outputs: [items.values] + gradients)
    let workspace = plan.makeWorkspace()
    let digits: Dataset<Float> = Digits.all()[Array(0..<50)]
    workspace.set(ItemGraph.inputsLabel, digits.inputs)
    workspace.set(ItemGraph.targetsLabel, indices: digits.labels ?? [])
    let parameters = network.initialParameters(seed: 0).map { Float($0) }
    for entry in network.layout.entries {
      workspace.set(entry.name, Tensor(entry.shape, Array(parameters[entry.range])))
    }
    return (plan, workspace)
  }()

  nonisolated(unsafe) static let training: (trainer: Trainer<Float>, run: TrainingRun<Float>) =
    make {
      let run = try TrainingRun<Float>(
        MLP(widths: [64, 32, 10], activation: .tanh), train: .init(Digits.split().train),
        learningRate: 0.1, batchSize: 50, epochs: 34)
      return (run.makeTrainer(), run)
    }

  /// Images of which a fifth is ink against a network of three layers.
  static let engine: ScoreEngine<Float> = make {
    let network = MLP(widths: [784, 256, 128, 10], activation: .relu)
    var stream = RandomStream(seed: 0, stream: 0)
    func images(_ count: Int) -> Dataset<Float> {
      let noise: Tensor<Float> = stream.uniformTensor([count, 784])
      return Dataset(
        inputs: Tensor(noise.shape, noise.scalars.map { max(5 * $0 - 4, 0) }),
        targets: .labels((0..<count).map { Int32($0 % 10) }))
    }
    let checkpoint = WeightedCheckpoint(
      parameters: network.initialParameters(seed: 0).map { Float($0) })
    return try ScoreEngine(
      ScoreProblem(
        model: network, loss: .crossEntropy, items: images(2048), queries: images(256),
        checkpoints: [checkpoint]), pool: WorkerPool())
  }

  /// A file of 2²⁰ numbers in the folder for temporary files.
  static let npyFile: String = make {
    let path = NSTemporaryDirectory() + "palimpsest-benchmark.npy"
    try NPY.write(Tensor<Float>([1024, 1024], repeating: 0.5), to: path)
    return path
  }

  private static func make<Value>(_ body: () throws -> Value) -> Value {
    do { return try body() } catch { fatalError("\(error)") }
  }
}
