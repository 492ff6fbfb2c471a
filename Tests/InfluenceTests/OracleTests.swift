import Autodiff
import Formats
import Foundation
import Influence
import TensorCore
import Testing
import Training

/// A case computed by PyTorch in Float64; `Tests/Oracles/generate.py` says what each tensor is.
struct Oracle {
  let file: Safetensors
  let model: any Model
  let loss: Loss

  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Oracles/data")

  static let cases: [String] = {
    let files = try? FileManager.default.contentsOfDirectory(
      atPath: folder.appending(path: "models").path)
    return (files ?? []).filter { $0.hasSuffix(".safetensors") }
      .map { String($0.dropLast(".safetensors".count)) }.sorted()
  }()

  init(_ name: String) throws {
    file = try Safetensors(path: Self.folder.appending(path: "models/\(name).safetensors").path)
    let metadata = Dictionary(
      uniqueKeysWithValues: file.metadata.map { ($0.name, $0.text) })
    model = try ModelRegistry.model(try #require(metadata["model"]))
    loss = try #require(Loss(rawValue: metadata["loss"] ?? "cross-entropy"))
  }

  func tensor<Scalar: TensorScalar>(
    _ name: String, as type: Scalar.Type = Scalar.self
  ) throws -> Tensor<Scalar> {
    try #require(file[name], "no tensor \(name)").tensor(as: type)
  }

  func data<Scalar: TensorScalar>(_ part: String, as type: Scalar.Type) throws -> Dataset<Scalar> {
    let targets: Dataset<Scalar>.Targets =
      loss.takesLabels
      ? .labels(try #require(file["y_\(part)"]).integers().map { Int32($0) })
      : .values(try tensor("y_\(part)"))
    return Dataset(inputs: try tensor("x_\(part)"), targets: targets)
  }

  func parameters<Scalar: TensorScalar>(
    _ prefix: String, as type: Scalar.Type = Scalar.self
  ) throws -> [Scalar] {
    try model.layout.entries.flatMap { entry -> [Scalar] in
      try tensor(prefix + entry.name, as: type).scalars
    }
  }

  /// The three checkpoints, weighted by their learning rates.
  func checkpoints<Scalar: TensorScalar>(
    as type: Scalar.Type
  ) throws -> [WeightedCheckpoint<Scalar>] {
    let rates = try tensor("learning_rates", as: Double.self).scalars
    return try rates.enumerated().map { number, rate in
      WeightedCheckpoint(
        parameters: try parameters("checkpoint.\(number + 1)."), weight: .uniform(rate))
    }
  }

  func setting<Scalar: TensorScalar>(
    _ measure: Measure = .loss, as type: Scalar.Type
  ) throws -> ScoreSetting<Scalar> {
    ScoreSetting(
      model: model, loss: loss, measure: measure, items: try data("train", as: type),
      queries: try data("query", as: type), checkpoints: try checkpoints(as: type))
  }
}

/// Agreement with PyTorch: 1e-10 relative in Float64, 1e-4 in Float32.
@Suite struct OracleTests {
  let pool = WorkerPool(threads: 2)

  private func check<Scalar: TensorScalar>(
    _ found: Tensor<Scalar>, _ oracle: Oracle, _ name: String
  ) throws {
    let expected = try oracle.tensor(name, as: Double.self)
    let difference = relativeDifference(found.cast().reshaped(expected.shape), expected)
    let tolerance = Scalar.self == Double.self ? 1e-10 : 1e-4
    #expect(difference < tolerance, "\(name): \(difference)")
  }

  @Test func thereAreCases() { #expect(Oracle.cases.count >= 10) }

  @Test(arguments: Oracle.cases)
  func valuesGradientsAndCurvatureProducts(_ name: String) throws {
    try values(name, as: Double.self)
    try values(name, as: Float.self)
  }

  private func values<Scalar: TensorScalar>(_ name: String, as type: Scalar.Type) throws {
    let oracle = try Oracle(name)
    let data = try oracle.data("train", as: type)
    let batch = data.count
    var items = ItemGraph(oracle.model, loss: oracle.loss, batch: batch)
    let mean = items.graph.affine(
      items.graph.sumAll(items.values), scale: 1 / Double(batch), offset: 0)
    let vectors = try oracle.tensor("vectors", as: type)
    let directions = items.parameters.enumerated().map { number, parameter in
      let shape = oracle.model.layout.entries[number].shape
      return (
        value: parameter,
        tangent: items.graph.input("v\(number)", Shape([vectors.shape[0]]).appending(shape))
      )
    }
    let hessian = items.graph.hessianProduct(of: mean, along: directions)
    let gaussNewton = items.graph.gaussNewtonProduct(
      of: mean, through: items.outputs, along: directions)
    let pushed = try #require(items.graph.jvp(of: [items.outputs], along: directions)[0])
    let outputs = [items.outputs, items.values, pushed] + hessian + gaussNewton
    let plan = Plan<Scalar>(items.graph, outputs: outputs)
    let workspace = plan.makeWorkspace()
    workspace.set(ItemGraph.inputsLabel, data.inputs)
    switch data.targets {
    case .labels(let labels): workspace.set(ItemGraph.targetsLabel, indices: labels)
    case .values(let values): workspace.set(ItemGraph.targetsLabel, values)
    }
    for (number, entry) in oracle.model.layout.entries.enumerated() {
      workspace.set(entry.name, try oracle.tensor("checkpoint.3." + entry.name, as: type))
      let rows = (0..<vectors.shape[0]).flatMap { vectors.row($0).scalars[entry.range] }
      workspace.set(
        "v\(number)", Tensor(Shape([vectors.shape[0]]).appending(entry.shape), Array(rows)))
    }
    plan.run(workspace)
    try check(workspace.tensor(0), oracle, "logits")
    try check(workspace.tensor(1), oracle, "losses")
    try check(workspace.tensor(2), oracle, "jvp_logits")
    for (start, name) in [(3, "hvp"), (3 + directions.count, "gauss_newton")] {
      var flat = Tensor<Scalar>(vectors.shape)
      for (number, entry) in oracle.model.layout.entries.enumerated() {
        let product = workspace.tensor(start + number)
        for vector in 0..<vectors.shape[0] {
          let own = product.row(vector).scalars
          for (place, value) in zip(entry.range, own) {
            flat.scalars[vector * vectors.shape[1] + place] = value
          }
        }
      }
      try check(flat, oracle, name)
    }
    // Gradients of each item's loss, from the engine's own factors.
    let problem = GradDot.problem(try oracle.setting(as: type))
    let engine = try ScoreEngine(problem, pool: pool)
    if Scalar.self == Double.self {
      let exact = try oracle.setting(as: Double.self)
      let naive = naiveGradients(
        GradDot.problem(exact), exact.items, .loss, at: try oracle.parameters("checkpoint.3."))
      try check(
        Tensor([naive.count, oracle.model.layout.count], naive.flatMap { $0 }), oracle, "gradients")
    }
    let selfInfluence = try engine.selfInfluence()
    try check(
      Tensor([selfInfluence.count], selfInfluence.map { Scalar($0) }), oracle, "self_influence")
  }

  @Test(arguments: Oracle.cases)
  func scores(_ name: String) throws {
    try scores(name, as: Double.self)
    try scores(name, as: Float.self)
  }

  private func scores<Scalar: TensorScalar>(_ name: String, as type: Scalar.Type) throws {
    let oracle = try Oracle(name)
    let setting = try oracle.setting(as: type)
    let expected: [(any GradientEstimator.Type, String)] = [
      (GradDot.self, "grad_dot"), (GradCos.self, "grad_cos"), (TracIn.self, "tracin"),
      (TracInLastLayer.self, "tracin_last_layer"),
    ]
    for (estimator, tensor) in expected {
      let engine = try ScoreEngine(estimator.problem(setting), pool: pool)
      try check(try engine.scores(), oracle, tensor)
    }
    for measure in Measure.allCases where oracle.loss.takesLabels || !measure.needsLabels {
      let engine = try ScoreEngine(
        GradDot.problem(try oracle.setting(measure, as: type)), pool: pool)
      try check(try engine.scores(), oracle, "measure_scores.\(measure.rawValue)")
      let summaries = try engine.summaries(1)
      try check(
        Tensor([summaries.count], summaries.map { Scalar($0.measured) }), oracle,
        "measure.\(measure.rawValue)")
    }
    let together = ScoreSetting(
      model: setting.model, loss: setting.loss, items: setting.items, queries: setting.queries,
      checkpoints: setting.checkpoints, aggregatesQueries: true)
    let sum = try ScoreEngine(TracIn.problem(together), pool: pool).scores()
    let rows = try oracle.tensor("tracin", as: Double.self)
    let expectedSum = (0..<rows.shape[1]).map { item in
      (0..<rows.shape[0]).reduce(0.0) { $0 + rows[$1, item] }
    }
    let difference = relativeDifference(sum.cast(), Tensor([1, expectedSum.count], expectedSum))
    #expect(difference < (Scalar.self == Double.self ? 1e-10 : 1e-4), "aggregate: \(difference)")
  }

  /// Items with 1 − p down to 1e-15: Float32 keeps the digits that p − 1 would cancel.
  @Test func wellFittedItemsKeepTheirDigitsInFloat32() throws {
    let file = try Safetensors(
      path: Oracle.folder.appending(path: "well-fitted.safetensors").path)
    let metadata = Dictionary(uniqueKeysWithValues: file.metadata.map { ($0.name, $0.text) })
    let model = try ModelRegistry.model(try #require(metadata["model"]))
    func data(_ part: String) throws -> Dataset<Float> {
      Dataset(
        inputs: try #require(file["x_\(part)"]).tensor(),
        targets: .labels(try #require(file["y_\(part)"]).integers().map { Int32($0) }))
    }
    let parameters = try model.layout.entries.flatMap { entry -> [Float] in
      try #require(file[entry.name]).tensor(as: Float.self).scalars
    }
    let setting = ScoreSetting(
      model: model, loss: .crossEntropy, items: try data("train"), queries: try data("query"),
      checkpoints: [WeightedCheckpoint(parameters: parameters)])
    let cosines = try ScoreEngine(GradCos.problem(setting), pool: pool).scores()
    let expected = try #require(file["grad_cos"]).tensor(as: Double.self)
    let worst = zip(cosines.scalars, expected.scalars).map { abs(Double($0) - $1) }.max() ?? 1
    #expect(worst < 1e-4, "grad-cos is off by \(worst) of |g||g'|")
    let self_ = try ScoreEngine(GradDot.problem(setting), pool: pool).selfInfluence()
    let own = try #require(file["self_influence"]).tensor(as: Double.self)
    for (found, expected) in zip(self_, own.scalars) {
      #expect(abs(found - expected) < 1e-4 * expected)
    }
  }
}
