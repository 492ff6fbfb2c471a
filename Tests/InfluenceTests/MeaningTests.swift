import Formats
import Foundation
import Influence
import TensorCore
import Testing
import Training

/// A module as PyTorch exports it, its items, and what PyTorch computes by its parameters;
/// `Tests/Oracles/generate_meanings.py` says what each file holds.
private struct Meaning {
  static let folder = Oracle.folder.appending(path: "meanings")

  static let names: [String] = {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.filter { !$0.hasPrefix(".") }.sorted()
  }()

  let path: String
  let oracle: Safetensors
  private let words: [String: String]

  init(_ name: String) throws {
    path = Self.folder.appending(path: name).path
    oracle = try Safetensors(path: "\(path)/oracle.safetensors")
    words = Dictionary(uniqueKeysWithValues: oracle.metadata.map { ($0.name, $0.text) })
  }

  var loss: Loss { get throws { try #require(Loss(rawValue: words["loss"] ?? "")) } }

  /// The parameters that training changes, in the order of the alphabet.
  var parameters: [String] { (words["parameters"] ?? "").split(separator: " ").map(String.init) }

  /// Words of the message where the file is refused; empty where it is not.
  var refused: String { words["refused"] ?? "" }

  func items() throws -> StoredItems {
    try StoredItems(inputs: "\(path)/x.npy", targets: "\(path)/y.npy")
  }

  func model() throws -> ONNXModel {
    try ONNXModel(path: "\(path)/model.onnx", itemShape: items().itemShape)
  }

  func scores<Scalar: TensorScalar>(as type: Scalar.Type) throws -> Tensor<Scalar> {
    let model = try model()
    let items = try Dataset<Scalar>.read(items(), model, loss: loss)
    let checkpoint = WeightedCheckpoint(parameters: model.weights.map { Scalar($0) })
    let problem = ScoreProblem(
      model: model, loss: try loss, items: items, queries: items, checkpoints: [checkpoint])
    return try ScoreEngine(problem, pool: WorkerPool(threads: 2)).scores()
  }
}

@Suite("What a model file means is what the module meant") struct MeaningTests {
  @Test("there is a file for each meaning") func files() { #expect(Meaning.names.count == 47) }

  @Test("gradients are those by the module's parameters", arguments: Meaning.names)
  func gradients(_ name: String) throws {
    let own = try Meaning(name)
    guard own.refused.isEmpty else { return }
    let expected = try #require(own.oracle["grad_dot"]).tensor(as: Double.self)
    #expect(relativeDifference(try own.scores(as: Double.self), expected) < 1e-11)
    // What single precision does not hold is refused, not rounded.
    if name == "hashed" {
      let error = #expect(throws: TrainingError.self) { try own.scores(as: Float.self) }
      #expect("\(try #require(error))".contains("the whole number"))
    } else {
      #expect(relativeDifference(try own.scores(as: Float.self).cast(), expected) < 2e-5)
    }
  }

  @Test("what is trained are the module's parameters", arguments: Meaning.names)
  func parameters(_ name: String) throws {
    let own = try Meaning(name)
    guard own.refused.isEmpty else { return }
    let model = try own.model()
    let trained = model.layout.entries.filter(\.isTrainable).map(\.name).sorted()
    // The exporter gave the matrices of this one names of its own, in another order of elements.
    if name == "transposed" {
      #expect(trained == ["a.bias", "b.bias", "val_0", "val_2"])
    } else {
      #expect(trained == own.parameters)
    }
  }

  @Test("a file whose gradient is not the module's is refused in words", arguments: Meaning.names)
  func losses(_ name: String) throws {
    let own = try Meaning(name)
    guard !own.refused.isEmpty else { return }
    let error = #expect(throws: (any Error).self) { try own.scores(as: Double.self) }
    #expect("\(try #require(error))".contains(own.refused))
  }
}
