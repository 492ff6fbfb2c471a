package import Formats

extension RunRecord {
  /// κ of the first steps, what clipping multiplied each batch's gradient by; ones where the run
  /// does not clip, and nil where the log tells none, as that of another program.
  ///
  /// - Parameter steps: The number of steps.
  /// - Throws: `FormatError`, naming the first step of which `log.jsonl` does not tell the factor.
  package func clipScales(steps: Int) throws(FormatError) -> [Double]? {
    if manifest.optimizer.clipNorm == nil || steps == 0 {
      return [Double](repeating: 1, count: steps)
    }
    let source = try RunFiles.open(RunFiles.log, in: folder)
    let path = source.name
    try checkpointSums?.check(log: source)
    let bytes = try source.bytes(source.count)
    var scales: [Double] = []
    scales.reserveCapacity(steps)
    for line in bytes.split(separator: UInt8(ascii: "\n")) where scales.count < steps {
      let scale = try Self.clipScale(in: line, step: scales.count, of: path)
      guard let scale else {
        if scales.isEmpty { return nil }
        throw Self.noScale("none", step: scales.count, of: path)
      }
      scales.append(scale)
    }
    guard scales.count == steps else { throw Self.noScale("none", step: scales.count, of: path) }
    return scales
  }

  /// The most bytes of a line.
  private static let longestLine = 1 << 16

  /// The factor of a step's line; nil where it has none.
  private static func clipScale(
    in line: ArraySlice<UInt8>, step: Int, of path: String
  ) throws(FormatError) -> Double? {
    guard line.count <= longestLine else {
      throw noScale("a line of \(line.count) bytes", step: step, of: path)
    }
    let entry = try JSONValue(ByteSource(Array(line), name: "\(path), line \(step + 1)"))
    guard entry["step"]?.integer(Int.self) == step else {
      let found = entry["step"].map { FormatError.quoted($0.description) } ?? "no number"
      throw noScale("a line of the step \(found)", step: step, of: path)
    }
    guard let value = entry["clipScale"] else { return nil }
    guard let scale = value.double, scale >= 0, scale <= 1 else {
      throw noScale(FormatError.quoted(value.description), step: step, of: path)
    }
    return scale
  }

  private static func noScale(_ found: String, step: Int, of path: String) -> FormatError {
    FormatError(
      .malformed, file: path, found: "\(found) for step \(step)",
      expected: "\"clipScale\", the factor from 0 to 1 that clipping multiplied its gradient by")
  }
}
