import Formats
import Foundation
import Influence
import TensorCore
import Testing
import Training

@Suite("Weights of a recorded run")
final class RecordedWeightsTests {
  private let folder = NSTemporaryDirectory() + "palimpsest-weights-\(UUID().uuidString)"
  private let model = MLP(widths: [3, 4, 2], activation: .tanh)
  private let items = Dataset<Double>(
    inputs: Tensor([5, 3], (0..<15).map { Double($0 % 7) - 3 }), targets: .labels([0, 1, 1, 0, 1]))

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// Six steps with a checkpoint before each of them.
  private func record(clipNorm: Double?) throws -> RunRecord {
    var settings = OptimizerSettings(SGD.self)
    settings.clipNorm = clipNorm
    let run = try TrainingRun(
      model, train: .init(items), optimizer: settings, learningRate: 0.5, batchSize: 2, epochs: 2,
      checkpointEvery: 1)
    try run.record(in: folder)
    return try RunRecord(folder: folder)
  }

  @Test("weights are what every step gave the items, clipped or not", arguments: [nil, 0.1])
  func steps(clipNorm: Double?) throws {
    let record = try record(clipNorm: clipNorm)
    let checkpoints = try record.weightedCheckpoints(trajectory: true, as: Double.self)
    #expect(checkpoints.count == 7)
    // One plain step with the weights in place of a learning rate leads to the next checkpoint.
    let program = TrainingProgram<Double>(
      model, loss: .crossEntropy, optimizer: OptimizerSettings(SGD.self), batchSize: items.count)
    for (now, next) in zip(checkpoints, checkpoints.dropFirst()) {
      guard case .perItem(let weights) = now.weight else {
        Issue.record("no weights per item")
        return
      }
      let trainer = Trainer(program, data: items, parameters: now.parameters)
      trainer.itemWeights = weights.map { $0 * Double(items.count) }
      try trainer.step([0, 1, 2, 3, 4], learningRate: 1)
      for (found, expected) in zip(trainer.state.parameters, next.parameters) {
        // Two orders of summation of a few terms below 1.
        #expect(abs(found - expected) < 1e-14)
      }
    }
  }

  @Test("a log that tells of no clipping, as other programs write it, is made up for by a replay")
  func otherLog() throws {
    let recorded = try record(clipNorm: 0.1)
    let expected = try recorded.weightedCheckpoints(trajectory: true, as: Double.self)
    try uncover()
    let lines = (0..<6).map { "{\"step\": \($0), \"loss\": 1}\n" }.joined()
    try lines.write(toFile: "\(folder)/log.jsonl", atomically: true, encoding: .utf8)
    let found = try RunRecord(folder: folder)
      .weightedCheckpoints(trajectory: true, as: Double.self)
    #expect(found.map(\.weight) == expected.map(\.weight))
  }

  /// Takes the digests of all but the checkpoints away, as records were before these were covered.
  private func uncover() throws {
    let sums = "\(folder)/checkpoints/SHA256SUMS"
    let covered = try String(contentsOfFile: sums, encoding: .utf8).split(separator: "\n")
    try covered.filter { !$0.contains("../") }.map { "\($0)\n" }.joined().write(
      toFile: sums, atomically: true, encoding: .utf8)
  }

  @Test("a clipped run whose log does not tell the factor of a step is refused")
  func missingFactor() throws {
    _ = try record(clipNorm: 0.1)
    try uncover()
    let path = "\(folder)/log.jsonl"
    let record = try RunRecord(folder: folder)
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    func fault(_ change: (inout [Substring]) -> Void) throws -> String {
      var changed = lines
      change(&changed)
      try changed.joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
      do {
        _ = try record.weightedCheckpoints(trajectory: true, as: Double.self)
        return "no error"
      } catch { return "\(error)" }
    }
    let expected = "expected \"clipScale\", the factor from 0 to 1 that clipping multiplied"
    for (line, found) in [
      ("{\"step\": 3}", "none for step 3"), ("{\"step\": 3, \"clipScale\": 2}", "“2” for step 3"),
      ("{\"step\": 3, \"clipScale\": null}", "“null” for step 3"),
      ("{\"step\": 4, \"clipScale\": 1}", "a line of the step “4” for step 3"),
    ] {
      let text = try fault { $0[3] = Substring(line) }
      #expect(text.contains("log.jsonl: found \(found), \(expected)"), "\(text)")
    }
    #expect(try fault { $0.removeLast() }.contains("none for step 5"))
    #expect(try fault { $0[2] = "{" }.contains("log.jsonl, line 3: byte 1"))
    #expect(try fault { _ in } == "no error")
    try FileManager.default.removeItem(atPath: path)
    let error = #expect(throws: FormatError.self) {
      try record.weightedCheckpoints(trajectory: true, as: Double.self)
    }
    #expect(error?.kind == .missing)
  }
}
