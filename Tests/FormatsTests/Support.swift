import Formats
import Foundation
import TensorCore
import Testing

/// A folder that goes away with the value.
final class TemporaryFolder {
  let path: String

  init() throws {
    let template = FileManager.default.temporaryDirectory.appendingPathComponent(
      "formats-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: template, withIntermediateDirectories: true)
    path = template.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The path of a name in the folder.
  func callAsFunction(_ name: String) -> String { path + "/" + name }

  /// What the folder holds.
  func names() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path).sorted()
  }
}

extension ByteSource {
  /// A golden file in memory.
  init(golden text: String, name: String = "golden") {
    self.init(goldenBytes(text), name: name)
  }
}

func goldenBytes(_ text: String) -> [UInt8] {
  Array(Data(base64Encoded: text, options: .ignoreUnknownCharacters) ?? Data())
}

func fileBytes(_ path: String) throws -> [UInt8] {
  Array(try Data(contentsOf: URL(fileURLWithPath: path)))
}

func littleEndian(_ value: UInt64) -> [UInt8] {
  (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
}

/// A repeatable generator (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
/// 2014).
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

/// Shapes of every kind: rank 0, no elements, one element, many axes.
let shapes: [Shape] = [[], [0], [1], [7], [2, 3], [3, 0, 2], [1, 1, 1, 1], [4, 3, 2, 5]]

func randomTensor(_ shape: Shape, seed: UInt64) -> Tensor<Double> {
  var generator = SplitMix(state: seed)
  return Tensor(
    shape, (0..<shape.count).map { _ in Double.random(in: -1e6...1e6, using: &generator) })
}

/// Everything that a reader may be asked for; a fault must come as a `FormatError`.
///
/// - Returns: The error, nil where all went well.
func fault(in bytes: [UInt8], name: String) -> FormatError? {
  let source = ByteSource(bytes, name: name)
  do throws(FormatError) {
    let table = try ItemTable(source)
    if let unreadable = table.unreadable.first { throw unreadable.error }
    for entry in table.arrays {
      _ = try entry.array.tensor(as: Float.self)
      _ = try entry.array.tensor(as: Double.self)
      _ = try entry.array.integers()
    }
    return nil
  } catch { return error }
}
