import Formats
import Foundation
import TensorCore
import Testing
import Training

/// Ten steps of each rule, computed by PyTorch in both precisions.
struct OptimizerOracle {
  let file: Safetensors
  let settings: OptimizerSettings
  let schedule: Schedule
  let rate: Double

  static let cases = [
    "sgd", "sgd-coupled", "sgd-decoupled", "sgd-clipped", "sgd-step", "sgd-cosine", "sgd-warm-up",
    "momentum", "momentum-coupled", "momentum-decoupled", "nesterov", "nesterov-coupled", "adam",
    "adam-coupled", "adam-clipped-warm-up", "adamw", "adamw-cosine",
  ]

  init(_ name: String) throws {
    file = try Safetensors(path: oracle("optimizers/\(name).safetensors"))
    let metadata = Dictionary(uniqueKeysWithValues: file.metadata.map { ($0.name, $0.text) })
    let number = { (key: String) in metadata[key].flatMap { Double($0) } }
    var settings = try OptimizerSettings(metadata["optimizer"] ?? "")
    for constant in OptimizerConstant.allCases {
      if let value = number(constant.rawValue) { settings[constant] = value }
    }
    settings.weightDecay.rate = number("weight_decay") ?? 0
    if let kind = metadata["weight_decay_mode"].flatMap(WeightDecay.Kind.init) {
      settings.weightDecay.kind = kind
    }
    settings.clipNorm = number("clip_norm")
    self.settings = settings
    rate = try #require(number("learning_rate"))
    switch metadata["schedule"] {
    case "step":
      schedule = Schedule(
        .step(
          epochs: try #require(metadata["step_size"].flatMap { Int(Double($0) ?? 0) }),
          factor: try #require(number("step_factor"))))
    case "cosine": schedule = Schedule(.cosine(minimum: try #require(number("minimum"))))
    case "warm-up":
      schedule = Schedule(.constant, warmUp: Int(try #require(number("warm_up_steps"))))
    default: schedule = Schedule(.constant)
    }
  }

  func array(_ name: String) throws -> Tensor<Double> { try #require(file[name]).tensor() }

  func trainer<Scalar: TensorScalar>(
    as type: Scalar.Type, pool: WorkerPool? = nil
  ) throws -> (Trainer<Scalar>, Batches) {
    let model = try MLP("mlp:8-4-5:tanh")
    let rows = try #require(file["batches"])
    let batches = Batches(size: rows.shape[1], rows: try rows.integers().map { Int($0) })
    let data = Dataset<Scalar>(
      inputs: try #require(file["x_train"]).tensor(),
      targets: .labels(try #require(file["y_train"]).integers().map { Int32($0) }))
    let parameters = try model.layout.entries.flatMap { try array("initial.\($0.name)").scalars }
    let program = TrainingProgram<Scalar>(
      model, loss: .crossEntropy, optimizer: settings, batchSize: batches.size)
    let trainer = Trainer(
      program, data: data, parameters: parameters.map { Scalar($0) }, pool: pool)
    return (trainer, batches)
  }
}

/// Plain steps with the momentum of heavy-ball, written outside the library.
private enum HeavyBall: Optimizer {
  static let name = "heavy-ball"
  static let summary = "a rule of one's own"
  static let constants: [OptimizerConstant] = [.momentum]
  static let stateNames = ["velocity"]

  static func update<Scalar: TensorScalar>(
    _ block: OptimizerBlock<Scalar>, _ settings: OptimizerSettings, rate: Double, step: Int
  ) {
    block.decay(settings.weightDecay, rate: rate)
    let velocity = block.state(0)
    for index in 0..<block.count {
      velocity[index] = Scalar(settings.momentum) * velocity[index] + block.gradient[index]
      block.scratch[index] = velocity[index]
    }
    block.move(-rate, block.scratch)
  }

  static func derivative<Scalar: TensorScalar>(
    at point: StepPoint<Scalar>, _ settings: OptimizerSettings
  ) -> StepDerivative<Scalar> { Momentum.derivative(at: point, settings) }
}

@Suite("Optimizers")
struct OptimizerTests {
  @Test("a rule from outside the library trains")
  func foreign() throws {
    func end(_ rule: any Optimizer.Type) throws -> [Double] {
      var run = try smallRun(as: Double.self, rule)
      run.optimizer.weightDecay.rate = 0.1
      let trainer = run.makeTrainer()
      try trainer.run(run.batches, run.learningRates)
      return trainer.state.parameters
    }
    // A fused multiply-add may round once where the loop rounds twice.
    #expect(difference(try end(HeavyBall.self), try end(Momentum.self)) < 1e-14)
  }

  @Test("ten steps are PyTorch's in Float64", arguments: OptimizerOracle.cases)
  func double(_ name: String) throws {
    // 1e-10 is what the project promises; rounding reaches about 1e-14.
    try compare(name, Double.self, tolerance: 1e-10)
  }

  @Test("ten steps are those of Float64 in Float32", arguments: OptimizerOracle.cases)
  func single(_ name: String) throws { try compare(name, Float.self, tolerance: 1e-4) }

  private func compare<Scalar: TensorScalar>(
    _ name: String, _ type: Scalar.Type, tolerance: Double
  ) throws {
    let oracle = try OptimizerOracle(name)
    let (trainer, batches) = try oracle.trainer(as: type)
    let (parameters, losses) = (try oracle.array("parameters"), try oracle.array("losses"))
    let norms = try oracle.array("gradient_norms")
    let rates = try oracle.array("learning_rates").scalars
    // The oracle counts its step schedule in steps, hence epochs of one step.
    let scheduled = oracle.schedule.learningRates(oracle.rate, steps: rates.count, epoch: 1)
    #expect(difference(scheduled, rates) < 1e-15)
    for step in 0..<batches.count {
      let result = try trainer.step(batches[step], learningRate: rates[step])
      #expect(difference([result.loss], [losses[step]]) < tolerance, "loss of step \(step)")
      #expect(
        difference(trainer.parameters, parameters.row(step).scalars) < tolerance, "step \(step)")
      if let limit = oracle.settings.clipNorm {
        let scale = min(1, limit / (norms[step] + 1e-6))
        #expect(difference([result.clipScale], [scale]) < tolerance, "clipping of step \(step)")
      }
    }
  }

  @Test("names are kebab-case and appear once; a summary is one short line")
  func registry() {
    let names = OptimizerRegistry.all.map { $0.name }
    #expect(names == ["sgd", "momentum", "nesterov", "adam", "adamw"])
    for rule in OptimizerRegistry.all {
      #expect(rule.name.allSatisfy { $0.isLowercase && $0.isASCII })
      #expect(rule.summary.count < 60 && !rule.summary.hasSuffix("."))
      #expect(Set(rule.stateNames).count == rule.stateNames.count)
    }
  }

  @Test("only AdamW decays apart from the gradient where nothing is said")
  func defaultDecay() {
    for rule in OptimizerRegistry.all {
      #expect(
        OptimizerSettings(rule).weightDecay.kind == (rule == AdamW.self ? .decoupled : .coupled))
    }
  }

  @Test("an unknown optimizer is named beside the known ones")
  func unknown() {
    #expect(
      message { _ = try OptimizerSettings("sgdd") }
        == "optimizer: found \"sgdd\", expected sgd, momentum, nesterov, adam, adamw")
  }

  @Test("constants that make no sense are refused")
  func constants() throws {
    var settings = try OptimizerSettings("adam")
    settings.beta2 = 1
    #expect(
      message { try settings.check() }
        == "adam beta2: found 1.0, expected a number from 0 to below 1")
    settings.beta2 = 0.9
    settings.weightDecay.rate = -1
    #expect(
      message { try settings.check() } == "weight decay: found -1.0, expected a number from 0")
    settings.weightDecay.rate = 0
    settings.clipNorm = .nan
    #expect(message { try settings.check() } == "clip norm: found nan, expected a number above 0")
    // A rule does not read the constants of another.
    var plain = try OptimizerSettings("sgd")
    plain.beta1 = 7
    try plain.check()
  }
}
