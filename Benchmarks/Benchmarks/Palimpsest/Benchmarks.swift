import Benchmark
import Palimpsest

// What matters for the speed of scores and of retraining, in sizes of a few milliseconds, on
// generated data. How Palimpsest compares with other tools is for Peers/compare.py to say.
let benchmarks: @Sendable () -> Void = {
  Benchmark.defaultConfiguration.metrics = [.wallClock, .throughput, .peakMemoryResident]
  Benchmark.defaultConfiguration.maxDuration = .seconds(3)

  Benchmark("matrix product 512 × 512 × 512, one thread") { benchmark in
    let matrices = Inputs.matrices.map(\.elements)
    for _ in benchmark.scaledIterations {
      MatrixProduct.gemm(
        UnsafeBufferPointer(matrices[0]), UnsafeBufferPointer(matrices[1]), transposeB: true,
        m: 512, n: 512, k: 512, into: matrices[2])
    }
  }

  Benchmark(
    "gradient of a batch of 50 digits", configuration: .init(scalingFactor: .kilo)
  ) { benchmark in
    let (plan, workspace) = Inputs.gradient
    for _ in benchmark.scaledIterations { plan.run(workspace) }
  }

  Benchmark("1,000 training steps on digits, one thread") { benchmark in
    let (trainer, run) = Inputs.training
    for _ in benchmark.scaledIterations {
      trainer.state = TrainingState(initial: run.initialParameters, run.optimizer)
      try trainer.run(run.batches, run.learningRates, to: 1000)
    }
  }

  Benchmark("scores of 2,048 items × 256 queries") { benchmark in
    for _ in benchmark.scaledIterations { blackHole(try Inputs.engine.scores()) }
  }

  Benchmark("self-influence of 2,048 items") { benchmark in
    for _ in benchmark.scaledIterations { blackHole(try Inputs.engine.selfInfluence()) }
  }

  Benchmark("strongest 10 of 2,048 items for 256 queries") { benchmark in
    for _ in benchmark.scaledIterations { blackHole(try Inputs.engine.topItems(10)) }
  }

  Benchmark("reading an npy file of 4 MiB") { benchmark in
    for _ in benchmark.scaledIterations {
      blackHole(try StoredArray.read(path: Inputs.npyFile).tensor(as: Float.self))
    }
  }
}
