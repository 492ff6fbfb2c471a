import Autodiff
import TensorCore
import Testing
import Training

/// Outputs that are the parameters themselves: squared error then gives any gradient that is wanted.
private struct Bare: Model {
  let count: Int
  let specification = "bare"
  var layout: ParameterLayout { ParameterLayout([("parameters", [count])]) }
  var inputShape: Shape { [1] }
  var outputShape: Shape { [count] }

  func outputs(_ graph: inout Graph, inputs: NodeID, parameters: [NodeID]) -> NodeID {
    graph.add(graph.matmul(inputs, graph.constant(0, [1, count])), parameters[0])
  }

  func initialParameters(seed: UInt64) -> [Double] { [Double](repeating: 0, count: count) }
}

/// Every rule of the registry against itself: its derivative and differences of its steps.
@Suite("Derivatives of optimizers")
struct OptimizerDerivativeTests {
  /// What a step starts from, and the gradient before decay.
  private struct Point {
    var state: TrainingState<Double>
    var gradient: [Double]
  }

  private static let count = 5
  private static let rate = 0.3

  /// A step of the rule, taken by a trainer.
  private func step(
    _ settings: OptimizerSettings, from point: Point
  ) throws -> TrainingState<Double> {
    let count = Self.count
    // ∂/∂θ of Σ (θ − y)² / P is 2 (θ − y) / P.
    let targets = zip(point.state.parameters, point.gradient).map {
      $0 - Double(count) / 2 * $1
    }
    let data = Dataset(
      inputs: Tensor<Double>([1, 1], [0]), targets: .values(Tensor([1, count], targets)))
    let program = TrainingProgram<Double>(
      Bare(count: count), loss: .squaredError, optimizer: settings, batchSize: 1)
    let trainer = Trainer(program, data: data, parameters: point.state.parameters)
    trainer.state = point.state
    try trainer.step([0], learningRate: Self.rate)
    return trainer.state
  }

  private func settings(_ rule: any Optimizer.Type) -> OptimizerSettings {
    var settings = OptimizerSettings(rule)
    // Values of their own, so that none can stand for another.
    for (constant, value) in [
      (OptimizerConstant.momentum, 0.7), (.beta1, 0.6), (.beta2, 0.8), (.epsilon, 0.05),
    ] { settings[constant] = value }
    return settings
  }

  private func point(_ rule: any Optimizer.Type, step: Int) -> Point {
    let vector = { (shift: Double) in
      (0..<Self.count).map { 0.4 + 0.3 * Double($0) * (1 - shift) + shift }
    }
    // All positive, as a mean of squares must be; the gradient has both signs.
    let optimizer = rule.stateNames.indices.map { vector(0.1 + 0.2 * Double($0)) }
    return Point(
      state: TrainingState(step: step, parameters: vector(0.3), optimizer: optimizer),
      gradient: [0.9, -0.4, 0.2, -1.1, 0.5])
  }

  /// Changes of parameters and states by a change of the start, by central differences of two
  /// widths.
  private func slope(
    _ settings: OptimizerSettings, _ point: Point, _ change: (inout Point, Double) -> Void
  ) throws -> [[Double]] {
    func difference(_ h: Double) throws -> [[Double]] {
      var (up, down) = (point, point)
      change(&up, h)
      change(&down, -h)
      let (a, b) = (try step(settings, from: up), try step(settings, from: down))
      return zip([a.parameters] + a.optimizer, [b.parameters] + b.optimizer).map {
        zip($0, $1).map { ($0 - $1) / (2 * h) }
      }
    }
    return zip(try difference(1e-3), try difference(5e-4)).map {
      zip($0, $1).map { (4 * $1 - $0) / 3 }
    }
  }

  /// The same from the rule's derivative.
  private func expected(
    _ settings: OptimizerSettings, _ point: Point, states: [[Double]], parameters: [Double],
    gradient: [Double]
  ) throws -> [[Double]] {
    let decay = settings.weightDecay
    let isCoupled = decay.kind == .coupled
    var entering = point.gradient
    var change = gradient
    if isCoupled {
      for index in entering.indices {
        entering[index] += decay.rate * point.state.parameters[index]
        change[index] += decay.rate * parameters[index]
      }
    }
    let after = try step(settings, from: point)
    let derivative = settings.rule.derivative(
      at: StepPoint(after: after, gradient: entering, rate: Self.rate), settings)
    #expect(derivative.memories.count == settings.rule.stateNames.count)
    func times(_ coefficient: StepDerivative<Double>.Coefficient, _ x: [Double]) -> [Double] {
      switch coefficient {
      case .number(let number): x.map { number * $0 }
      case .perParameter(let numbers): zip(numbers, x).map { $0 * $1 }
      }
    }
    let shrunk = isCoupled ? 1 : 1 - Self.rate * decay.rate
    var moved = zip(parameters, change).map { shrunk * $0 + derivative.direct * $1 }
    var memories: [[Double]] = []
    for (memory, state) in zip(derivative.memories, states) {
      let new = zip(state, times(memory.gain, change)).map { memory.keep * $0 + $1 }
      moved = zip(moved, times(memory.move, new)).map { $0 + $1 }
      memories.append(new)
    }
    return [moved] + memories
  }

  @Test("are the slopes of the steps themselves", arguments: OptimizerRegistry.all.map { $0.name })
  func slopes(_ name: String) throws {
    let rule = try #require(OptimizerRegistry.optimizer(name))
    let zeros = [Double](repeating: 0, count: Self.count)
    let along = [0.5, -1, 0.8, 1.2, -0.7]
    for kind in WeightDecay.Kind.allCases {
      // The first step, and one on which all corrections are others.
      for number in [0, 6] {
        var settings = settings(rule)
        settings.weightDecay = WeightDecay(0.2, kind)
        let point = point(rule, step: number)
        func compare(
          _ what: String, states: [[Double]], parameters: [Double], gradient: [Double],
          _ change: (inout Point, Double) -> Void
        ) throws {
          let found = try slope(settings, point, change)
          let expected = try expected(
            settings, point, states: states, parameters: parameters, gradient: gradient)
          for (found, expected) in zip(found, expected) {
            // h⁴ times a fifth derivative; what rounding makes of a difference is below 1e-12.
            #expect(
              zip(found, expected).allSatisfy { abs($0 - $1) < 1e-9 },
              "\(name) by \(what), \(kind) decay, step \(number): \(found) \(expected)")
          }
        }
        func moved(_ x: [Double], _ h: Double) -> [Double] { zip(x, along).map { $0 + h * $1 } }
        let still = rule.stateNames.map { _ in zeros }
        try compare("gradient", states: still, parameters: zeros, gradient: along) {
          $0.gradient = moved($0.gradient, $1)
        }
        try compare("parameters", states: still, parameters: along, gradient: zeros) {
          $0.state.parameters = moved($0.state.parameters, $1)
        }
        for (index, state) in rule.stateNames.enumerated() {
          var states = still
          states[index] = along
          try compare(state, states: states, parameters: zeros, gradient: zeros) {
            $0.state.optimizer[index] = moved($0.state.optimizer[index], $1)
          }
        }
      }
    }
  }

  @Test(
    "need no gradient where steps are not scaled by it, and hold what scales them where none is given",
    arguments: OptimizerRegistry.all.map { $0.name })
  func withoutGradient(_ name: String) throws {
    let rule = try #require(OptimizerRegistry.optimizer(name))
    let (settings, point) = (settings(rule), point(rule, step: 3))
    let after = try step(settings, from: point)
    func derivative(_ gradient: [Double]) -> StepDerivative<Double> {
      rule.derivative(
        at: StepPoint(after: after, gradient: gradient, rate: Self.rate), settings)
    }
    let (with, without) = (derivative(point.gradient), derivative([]))
    #expect(with.direct == without.direct)
    for (with, without) in zip(with.memories, without.memories) where !with.isScale {
      #expect("\(with)" == "\(without)")
    }
    let hasScale = with.memories.contains { $0.isScale }
    #expect(hasScale == rule.hasScaledSteps)
    if !rule.hasScaledSteps { #expect("\(with)" == "\(without)") }
  }

  @Test(
    "are numbers where no gradient has come yet", arguments: OptimizerRegistry.all.map { $0.name })
  func nothingYet(_ name: String) throws {
    let rule = try #require(OptimizerRegistry.optimizer(name))
    var settings = OptimizerSettings(rule)
    settings.weightDecay.rate = 0
    let zeros = [Double](repeating: 0, count: Self.count)
    let point = Point(
      state: TrainingState(initial: zeros, settings), gradient: zeros)
    let derivative = rule.derivative(
      at: StepPoint(after: try step(settings, from: point), gradient: zeros, rate: Self.rate),
      settings)
    for memory in derivative.memories {
      for coefficient in [memory.gain, memory.move] {
        switch coefficient {
        case .number(let number): #expect(number.isFinite)
        case .perParameter(let numbers): #expect(numbers.allSatisfy { $0.isFinite })
        }
      }
    }
  }
}
