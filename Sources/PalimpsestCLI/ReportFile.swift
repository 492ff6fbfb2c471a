import Palimpsest

/// A report's file, opened before the work, so that a place that cannot be written is known at once.
struct ReportFile {
  private let format: ReportFormat
  private let file: AtomicFile

  init(path: String) throws {
    format = try Self.format(of: path)
    try OutputPlace.requireNoInput(path)
    file = try AtomicFile(path: path)
  }

  /// Writes the report in the format of the file's name.
  func write(_ report: ScoreReport) throws {
    try file.append(Array(format.render(report).utf8))
    try file.commit()
  }

  /// The format that a file's name asks for.
  ///
  /// - Throws: ``UsageError`` with the endings there are.
  static func format(of path: String) throws -> ReportFormat {
    guard let format = ReportRegistry.format(forPath: path) else {
      let known = ReportRegistry.all.map { "." + $0.fileExtension }.joined(separator: ", ")
      throw UsageError(
        "--out: found \"\(path)\", expected a file name that ends in \(known), or - with --format")
    }
    return format
  }
}
