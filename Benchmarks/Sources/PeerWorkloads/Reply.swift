import Foundation

/// One line of the protocol.
protocol JSONLine: Encodable {}

extension JSONLine {
  /// Prints the line on standard output at once.
  func print() throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    FileHandle.standardOutput.write(try encoder.encode(self) + [UInt8(ascii: "\n")])
  }
}

/// The first line of a server.
struct Greeting: JSONLine {
  let ready = true
  let name: String
}

/// The answer to a request, or the outcome of a single measurement.
struct Reply: JSONLine {
  let workload: String
  let threads: Int
  /// The wall time of each run.
  var seconds: [Double]?
  /// The machine's own rate just before.
  var sgemmGFlops: Double?
  var details: [String: Double]?
  /// Why there are no times, in one line.
  var error: String?
}
