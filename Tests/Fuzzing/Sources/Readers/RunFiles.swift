import Foundation
import Palimpsest
import Synchronization

/// A file of a run's folder.
public enum RunFile: String, Sendable {
  /// What is known of the run.
  case manifest = "run.json"
  /// The items of each step.
  case batches = "batches.npy"
  /// The digests of the checkpoints.
  case sums = "checkpoints/SHA256SUMS"
  /// Where the documents of a text are.
  case documents = "data/documents.jsonl"
  /// The passages of the documents.
  case passages = "data/passages.jsonl"
}

/// Reads all of a run of which the bytes are a file.
///
/// The digest that `run.json` keeps of the file is made that of the bytes.
///
/// - Returns: 0, as libFuzzer expects it.
public func readRun(_ start: UnsafePointer<UInt8>?, _ count: Int, as file: RunFile) -> CInt {
  let run = FuzzedRun.of(file)
  run.replace(start, count)
  do {
    let record = try RunRecord(folder: run.folder.path)
    _ = try? record.batches()
    for step in try record.checkpoints() {
      _ = try? record.parameters(at: step, as: Float.self)
    }
    _ = try? record.text()
    _ = try record.run(as: Float.self)
  } catch {
    check(error)
  }
  return 0
}

/// An error's line must be fit for a terminal.
func check(_ error: any Error) {
  precondition(
    !"\(error)".contains { $0.isNewline || $0 == "\u{1b}" }, "an error of several lines")
}

/// A run of a few words, two steps long.
private final class FuzzedRun: Sendable {
  let folder: FuzzedFolder
  private let manifest: String
  private let digest: String?

  init(_ file: RunFile) {
    let name = file.rawValue.split(separator: "/").joined(separator: "-")
    folder = FuzzedFolder(name, file: file.rawValue) { try Self.record(in: $0) }
    do {
      if file != .sums {
        // What covers run.json would refuse every change of it, or of a digest in it.
        let sums = "\(folder.path)/\(RunFile.sums.rawValue)"
        let lines = try String(contentsOfFile: sums, encoding: .utf8).split(separator: "\n")
        let rest = lines.filter { !$0.contains("../") }.map { "\($0)\n" }.joined()
        try Data(rest.utf8).write(to: URL(fileURLWithPath: sums))
      }
      manifest = try String(contentsOfFile: "\(folder.path)/run.json", encoding: .utf8)
      // Nil where run.json does not keep it.
      let sum = try SHA256.hex(ofFile: "\(folder.path)/\(file.rawValue)")
      digest = manifest.contains(sum) ? sum : nil
    } catch {
      preconditionFailure("\(error)")
    }
  }

  private static let made = Mutex<[RunFile: FuzzedRun]>([:])

  /// The run whose file is replaced.
  static func of(_ file: RunFile) -> FuzzedRun {
    made.withLock { made in
      let run = made[file] ?? FuzzedRun(file)
      made[file] = run
      return run
    }
  }

  private static func record(in folder: String) throws {
    let texts = [("a.txt", "abab bb"), ("b.txt", "abab ba"), ("c.txt", "ba ab")]
    let files = texts.map { TextFile(path: $0.0, bytes: Array($0.1.utf8)) }
    let vocabulary = try Vocabulary(.characters, of: files)
    var settings = TextCorpus.Settings(context: 4)
    settings.heldOut = 0.4
    let corpus = try TextCorpus(files, vocabulary, settings)
    var run = try TrainingRun<Float>(
      ModelRegistry.textModel(
        "transformer:context=4,width=2,heads=1,layers=1", tokens: vocabulary.count),
      train: .init(corpus.train()), test: corpus.heldOut().map { .init($0) },
      learningRate: 0.1, batchSize: 2, epochs: 1)
    run.text = corpus
    try run.record(in: folder)
  }

  func replace(_ start: UnsafePointer<UInt8>?, _ count: Int) {
    folder.replace(start, count)
    guard let digest else { return }
    let own = SHA256.hex(of: Array(UnsafeBufferPointer(start: start, count: count)))
    let text = manifest.replacingOccurrences(of: digest, with: own)
    precondition(
      (try? Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder.path)/run.json"))) != nil)
  }
}
