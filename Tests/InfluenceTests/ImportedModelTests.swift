import Autodiff
import Formats
import Foundation
import Influence
import TensorCore
import Testing
import Training

/// A model that PyTorch exported, with its data and what PyTorch computed in Float64;
/// `Tests/Oracles/generate_models.py` says what each file holds.
private struct ImportedCase {
  let folder: URL
  let oracle: Safetensors
  let model: any Model

  static let folder = Oracle.folder.appending(path: "imported")

  /// Every exported file that keeps the parameters, as `folder/file`.
  static let all: [String] = {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.sorted().flatMap { name in
      ["dynamo.onnx", "fixed.onnx", "legacy.onnx"].map { "\(name)/\($0)" }
        .filter { FileManager.default.fileExists(atPath: folder.appending(path: $0).path) }
    }
  }()

  init(_ name: String, model: (any Model)? = nil) throws {
    let file = Self.folder.appending(path: name)
    folder = file.deletingLastPathComponent()
    oracle = try Safetensors(path: folder.appending(path: "oracle.safetensors").path)
    let x = try StoredArray.read(path: folder.appending(path: "x_train.npy").path)
    self.model =
      try model
      ?? ONNXModel(path: file.path, itemShape: Shape(Array(x.shape.extents.dropFirst())))
  }

  func tensor(_ name: String) throws -> Tensor<Double> {
    try #require(oracle[name], "no tensor \(name)").tensor(as: Double.self)
  }

  private func array(_ name: String) throws -> StoredArray {
    try StoredArray.read(path: folder.appending(path: name).path)
  }

  /// Items padded with token 0, without labels, where the model wants more positions.
  func data<Scalar: TensorScalar>(_ part: String) throws -> Dataset<Scalar> {
    let (x, y) = (try array("x_\(part).npy"), try array("y_\(part).npy"))
    let count = x.shape[0]
    let inputs = try x.tensor(as: Scalar.self)
    let labels = try y.integers().map { Int32($0) }
    let (own, wanted) = (inputs.count / count, model.inputShape.count)
    guard own < wanted else { return Dataset(inputs: inputs, targets: .labels(labels)) }
    var rows: [Scalar] = []
    var padded: [Int32] = []
    for item in 0..<count {
      let range = item * own..<(item + 1) * own
      rows += inputs.scalars[range] + [Scalar](repeating: 0, count: wanted - own)
      padded += labels[range] + [Int32](repeating: -100, count: wanted - own)
    }
    return Dataset(inputs: Tensor([count, wanted], rows), targets: .labels(padded))
  }

  func parameters<Scalar: TensorScalar>(_ number: Int) throws -> [Scalar] {
    let file = try Safetensors(
      path: folder.appending(path: "checkpoint-\(number).safetensors").path)
    return try model.layout.entries.flatMap { entry in
      let array = try #require(file[entry.name], "no \(entry.name)")
      try #require(array.shape == entry.shape, "\(entry.name)")
      return try array.tensor(as: Scalar.self).scalars
    }
  }

  func problem<Scalar: TensorScalar>(
    _ checkpoints: [(Int, Double)], as type: Scalar.Type
  ) throws -> ScoreProblem<Scalar> {
    ScoreProblem(
      model: model, loss: .crossEntropy, items: try data("train"), queries: try data("query"),
      checkpoints: try checkpoints.map { number, rate in
        WeightedCheckpoint(parameters: try parameters(number), weight: .uniform(rate))
      })
  }

  /// The gradients `[N, P]` in the order of the oracle's parameters.
  func inOracleOrder(_ gradients: [[Double]]) throws -> Tensor<Double> {
    let metadata = Dictionary(
      uniqueKeysWithValues: oracle.metadata.map { ($0.name, $0.text) })
    let names = try #require(metadata["parameters"]).split(separator: " ").map(String.init)
    let entries = try names.map { name in
      try #require(model.layout.entries.first { $0.name == name }, "no parameter \(name)")
    }
    let trainable = model.layout.entries.filter(\.isTrainable).map(\.name)
    #expect(Set(trainable) == Set(names))
    let rows = gradients.map { row in entries.flatMap { Array(row[$0.range]) } }
    return Tensor([rows.count, rows.first?.count ?? 0], rows.flatMap { $0 })
  }
}

@Suite("Models from PyTorch") struct ImportedModelTests {
  private let pool = WorkerPool(threads: 2)

  @Test("there are the files of twelve models") func files() {
    #expect(ImportedCase.all.count == 3 * 12 - 1)
  }

  @Test("losses and gradients of each item", arguments: ImportedCase.all)
  func gradients(_ name: String) throws {
    let own = try ImportedCase(name)
    let problem = try own.problem([(2, 1)], as: Double.self)
    let parameters = problem.checkpoints[0].parameters
    let losses = own.model.values(
      of: .loss, loss: .crossEntropy, on: problem.items, at: parameters)
    #expect(relativeDifference(Tensor([losses.count], losses), try own.tensor("losses")) < 1e-9)
    let gradients = naiveGradients(problem, problem.items, .loss, at: parameters)
    let difference = relativeDifference(
      try own.inOracleOrder(gradients), try own.tensor("gradients"))
    #expect(difference < 1e-9)
  }

  @Test("scores at one and at two checkpoints", arguments: ImportedCase.all)
  func scores(_ name: String) throws {
    let own = try ImportedCase(name)
    let rates = try own.tensor("learning_rates").scalars
    let weighted = [(1, rates[0]), (2, rates[1])]
    func compare<Scalar: TensorScalar>(_ type: Scalar.Type, _ tolerance: Double) throws {
      let one = try ScoreEngine(own.problem([(2, 1)], as: type), pool: pool)
      let two = try ScoreEngine(own.problem(weighted, as: type), pool: pool)
      let product = relativeDifference(try one.scores().cast(), try own.tensor("grad_dot"))
      #expect(product < tolerance, "\(type)")
      let tracin = relativeDifference(try two.scores().cast(), try own.tensor("tracin"))
      #expect(tracin < tolerance, "\(type)")
      let gradients = try own.tensor("gradients")
      let squares = (0..<gradients.shape[0]).map { gradients.row($0).dot(gradients.row($0)) }
      let diagonal = Tensor([squares.count], try one.selfInfluence())
      #expect(relativeDifference(diagonal, Tensor([squares.count], squares)) < tolerance)
    }
    try compare(Double.self, 1e-9)
    try compare(Float.self, 1e-4)
  }

  /// The same network built here and imported.
  @Test(
    "built models agree too",
    arguments: [
      ("convolutional", "cnn:1x14x14:4c3-p2-6c3-p2-5:relu"),
      ("transformer", "transformer:vocabulary=11,context=6,width=8,heads=2,layers=2"),
      ("transformer-tied", "transformer:vocabulary=11,context=6,width=8,heads=2,layers=2,tied"),
    ])
  func built(_ name: String, _ specification: String) throws {
    let own = try ImportedCase(
      "\(name)/dynamo.onnx", model: ModelRegistry.model(specification))
    let problem = try own.problem([(2, 1)], as: Double.self)
    let gradients = naiveGradients(
      problem, problem.items, .loss, at: problem.checkpoints[0].parameters)
    let difference = relativeDifference(
      try own.inOracleOrder(gradients), try own.tensor("gradients"))
    #expect(difference < 1e-9)
    let scores = try ScoreEngine(problem, pool: pool).scores()
    #expect(relativeDifference(scores, try own.tensor("grad_dot")) < 1e-9)
  }
}
