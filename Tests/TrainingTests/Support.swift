import Foundation
import TensorCore
import Testing
import Training

/// A folder that goes away with its last user.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "palimpsest-training-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func path(_ name: String) -> String { "\(path)/\(name)" }

  func write(_ text: String, to name: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path(name)))
  }
}

/// The bytes of all files in a folder but the lock, by their path in it.
func contents(of folder: String) throws -> [String: Data] {
  let names = try FileManager.default.subpathsOfDirectory(atPath: folder)
  var contents: [String: Data] = [:]
  for name in names where name != "lock" {
    contents[name] = FileManager.default.contents(atPath: "\(folder)/\(name)")
  }
  return contents
}

/// A file of the oracles that PyTorch computed.
func oracle(_ name: String) -> String {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Oracles/data/\(name)").path
}

/// Items with normal inputs, and labels that go round.
func items<Scalar: TensorScalar>(
  _ count: Int, inputs: Int, classes: Int, as type: Scalar.Type = Scalar.self
) -> Dataset<Scalar> {
  var stream = RandomStream(seed: 3, stream: 1_000)
  return Dataset(
    inputs: stream.normalTensor([count, inputs]),
    targets: .labels((0..<count).map { Int32($0 % classes) }))
}

/// The largest difference relative to the largest element of the second.
func difference<Scalar: TensorScalar>(_ a: [Scalar], _ b: [Double]) -> Double {
  guard a.count == b.count, a.allSatisfy(\.isFinite) else { return .infinity }
  let scale = b.map(abs).max() ?? 1
  return zip(a, b).map { abs(Double($0) - $1) }.max().map { $0 / scale } ?? 0
}

/// The line of the error that a body throws.
func message(_ body: () throws -> Void) -> String {
  do {
    try body()
    return "no error"
  } catch {
    return "\(error)"
  }
}
