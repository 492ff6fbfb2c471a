import TensorCore
import Testing
import Training

/// A batch that goes through the network in chunks has the gradient of the whole one.
@Suite("Gradients of batches")
struct BatchGradientTests {
  private func run<Scalar: TensorScalar>(
    _ data: Dataset<Scalar>, _ rows: [Int], batch: Int, chunk: Int?, weights: [Scalar]? = nil,
    threads: Int = 1
  ) throws -> (loss: Scalar, gradient: [Scalar]) {
    let model = try MLP("mlp:4-5-3:tanh")
    let program = TrainingProgram<Scalar>(
      model, loss: .crossEntropy, optimizer: OptimizerSettings(SGD.self), batchSize: batch,
      chunkSize: chunk)
    let parameters = AlignedBuffer(copying: model.initialParameters(seed: 2).map { Scalar($0) })
    let gradient = BatchGradient(program, threads: threads)
    gradient.bind(parameters: parameters.base)
    gradient.load(rows[...], of: data, weights: weights.map { AlignedBuffer(copying: $0) })
    gradient.run(threads > 1 ? WorkerPool(threads: threads) : nil)
    return (gradient.meanLoss, Array(gradient.gradient.elements))
  }

  @Test("chunks of every size, also where the last one is short", arguments: 1...7)
  func chunks(_ size: Int) throws {
    let data: Dataset<Double> = items(9, inputs: 4, classes: 3)
    let weights = [1, 0.5, 2, 0, 1, 1, 3, 1, 1].map { Double($0) }
    for rows in [[8, 1, 2, 3, 4, 5, 6], [4, -1, 7, 2, -1]] {
      let whole = try run(data, rows, batch: 7, chunk: nil, weights: weights)
      let parts = try run(data, rows, batch: 7, chunk: size, weights: weights)
      #expect(abs(parts.loss - whole.loss) < 1e-14)
      #expect(difference(parts.gradient, whole.gradient) < 1e-14)
    }
    let nothing = try run(data, [-1, -1, -1], batch: 7, chunk: size, weights: weights)
    #expect(nothing.loss == 0)
    #expect(nothing.gradient.allSatisfy { $0 == 0 })
  }

  @Test("more threads than chunks, and fewer, give the same bits", arguments: [2, 3, 9])
  func threads(_ threads: Int) throws {
    let data: Dataset<Float> = items(9, inputs: 4, classes: 3)
    let rows = [0, 1, 2, 3, 4, 5, 6]
    let alone = try run(data, rows, batch: 7, chunk: 2)
    for _ in 0..<20 {
      let shared = try run(data, rows, batch: 7, chunk: 2, threads: threads)
      #expect(shared.loss == alone.loss)
      #expect(shared.gradient == alone.gradient)
    }
  }
}
