import Formats
import Foundation
import TensorCore
import Testing
import Training

@Suite("items in files of several arrays")
struct ItemFilesTests {
  let folder: String
  let model = MLP(widths: [2, 3], activation: .tanh)

  init() throws {
    folder = NSTemporaryDirectory() + "items-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  private func path(_ name: String) -> String { "\(folder)/\(name)" }

  private func write(_ lines: [String], to name: String = "items.jsonl") throws -> String {
    try AtomicFile.write(Array(lines.joined(separator: "\n").utf8), to: path(name))
    return path(name)
  }

  private func read(_ inputs: String, _ targets: String? = nil) throws -> Dataset<Float> {
    try Dataset.read(inputs: inputs, targets: targets, model, loss: .crossEntropy)
  }

  @Test("lines of JSON bring inputs, labels, names and groups") func jsonLines() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let file = try write([
      #"{"x": [0.5, 1], "y": 2, "id": "a", "group": "g"}"#,
      #"{"x": [-1, 0], "y": 0, "id": "b", "group": "g"}"#,
    ])
    let items = try read(file)
    #expect(items.inputs == Tensor(rows: [[0.5, 1], [-1, 0]]))
    #expect(items.labels == [2, 0])
    #expect(items.ids == ["a", "b"])
    #expect(items.groups == ["g", "g"])
  }

  @Test("numbers can be names, and labels can have a file of their own") func otherNames() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let file = try write([#"{"inputs": [0, 1], "id": 7}"#, #"{"inputs": [1, 0], "id": 9}"#])
    let labels = try write([#"{"label": 1}"#, #"{"label": 2}"#], to: "labels.jsonl")
    let items = try read(file, labels)
    #expect(items.labels == [1, 2])
    #expect(items.ids == ["7", "9"])
    #expect(throws: TrainingError.self) { try read(file) }
  }

  @Test("an array is chosen by its name after a colon") func named() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let arrays = [
      NamedArray("x_train", StoredArray(Tensor<Float>(rows: [[1, 2]]))),
      NamedArray("x_test", StoredArray(Tensor<Float>(rows: [[3, 4]]))),
      NamedArray("y_test", StoredArray([1], shape: [1])),
    ]
    let file = path("all.safetensors")
    try Safetensors(arrays).write(to: file)
    let items = try read(file + ":x_test", file + ":y_test")
    #expect(items.inputs == Tensor(rows: [[3, 4]]))
    #expect(items.labels == [1])
    let error = #expect(throws: TrainingError.self) { try read(file) }
    #expect("\(try #require(error))".contains("expected “x” or “inputs”"))
    #expect(throws: TrainingError.self) { try read(file + ":z", file + ":y_test") }
    // A colon in the name of a file is nothing special.
    try Safetensors(arrays).write(to: file + ":z")
    #expect(throws: TrainingError.self) { try read(file + ":z") }
  }

  @Test("names that are empty or stand for two items are refused") func names() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for (first, second, words) in [("a", "a", "in items 0 and 1"), ("a", "", "item 1: found an")] {
      let file = try write([
        #"{"x": [0, 1], "y": 0, "id": "\#(first)"}"#, #"{"x": [0, 1], "y": 0, "id": "\#(second)"}"#,
      ])
      let error = #expect(throws: TrainingError.self) { try read(file) }
      #expect("\(try #require(error))".contains(words))
    }
  }

  @Test("a run of such items keeps them, with their names, in files of its own")
  func record() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let file = try write([
      #"{"x": [0.5, 1], "y": 2, "id": "a"}"#, #"{"x": [-1, 0], "y": 0, "id": "b"}"#,
    ])
    let source = try TrainingRun<Float>.Source(
      inputs: file, targets: nil, model, loss: .crossEntropy)
    let run = try TrainingRun(
      model, train: source, learningRate: 0.1, batchSize: 2, epochs: 1)
    _ = try run.record(in: path("run"))
    try FileManager.default.removeItem(atPath: file)
    let record = try RunRecord(folder: path("run"))
    #expect(try record.train(as: Float.self) == source.items)
    #expect(try record.train(as: Float.self).ids == ["a", "b"])
  }
}
